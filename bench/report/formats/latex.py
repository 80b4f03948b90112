"""The tables of a report as LaTeX, in the manner of booktabs."""

from __future__ import annotations

from bench.report.document import Report, Table
from bench.report.values import Value

_HEAD = (
    "% Needs \\usepackage{booktabs}. Bold: significantly better than every other method (Holm over all pairs).\n"
    "% A rank of 1-3 is all that the tests say of an order. Means marked * are over fewer runs than planned."
)
_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "[": "{[}", "]": "{]}", '"': r"\textquotedbl{}", "−": "$-$", "–": "--", "±": r"$\pm$",
    "Δ": r"$\Delta$",
}  # fmt: skip


def escape_latex(text: str) -> str:
    """Write text so that LaTeX sets it as it is."""
    return "".join(_ESCAPES.get(character, character) for character in text)


def render_latex(report: Report) -> str:
    """Return the tables that papers print, of every board; of a data set without one its sentences as comments."""
    blocks = [_HEAD]
    for board in report.boards:
        for section in board.sections:
            for part in section.parts:
                tables = [table for table in part.tables if table.cite]
                if not tables and section.name == "leaderboard":
                    blocks += [f"% {escape_latex(part.dataset)}: {escape_latex(s.text)}" for s in part.sentences]
                blocks += [latex_table(table, caption_of(table, part.dataset, board.title)) for table in tables]
    return "\n\n".join(blocks) + "\n"


def caption_of(table: Table, dataset: str, board: str) -> str:
    """Return the caption of a table: its data set, empty for all together, its title and that of its leaderboard."""
    return f"{dataset + '. ' if dataset else ''}{table.title}. {board}."


def latex_table(table: Table, caption: str) -> str:
    """Return a table with its caption as a LaTeX ``table``."""
    lines = []
    for i, row in enumerate(table.rows):
        cells = [_cell(value) for value in row]
        if i == table.best:
            cells = [f"\\textbf{{{cell}}}" for cell in cells]
        lines.append(" & ".join(cells) + " \\\\")
    return "\n".join(
        [
            "\\begin{table}",
            "\\centering",
            f"\\caption{{{escape_latex(caption)}}}",
            f"\\begin{{tabular}}{{{''.join('l' if column.words else 'r' for column in table.columns)}}}",
            "\\toprule",
            " & ".join(escape_latex(column.heading) for column in table.columns) + " \\\\",
            "\\midrule",
            *lines,
            "\\bottomrule",
            "\\end{tabular}",
            "\\end{table}",
        ]
    )


def _cell(value: Value) -> str:
    """Set numbers as mathematics, so that a minus is one."""
    if not value.mathematics or value.key is None:
        return escape_latex(value.text)
    text = value.text.rstrip("*")
    star = value.text[len(text) :]
    formula = text.replace("−", "-").replace("±", r"\pm")
    return f"${formula}${star}"
