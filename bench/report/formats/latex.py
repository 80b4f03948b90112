"""Leaderboards as LaTeX tables in the manner of booktabs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.report.boards import BoardFrame
from bench.report.document import TextTable
from bench.report.numbers import ABSENT
from bench.report.sections.leaderboard import sections_of
from bench.report.sections.uncertainty import findings_of

#: A word or a unit after a number: "9.5 of 10", "2.1 %", "12 s".
_WORDED = re.compile(r"[ (][A-Za-z%]")

_HEAD = (
    "% Needs \\usepackage{booktabs}. Bold: shown to be better than every other method (Holm over all pairs).\n"
    "% A rank of 1-3 is all that the tests say of an order. Means marked * are over fewer runs than planned."
)
_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "[": "{[}", "]": "{]}", '"': r"\textquotedbl{}", "−": "$-$",
}  # fmt: skip


def escape_latex(text: str) -> str:
    """Write text so that LaTeX sets it as it is."""
    return "".join(_ESCAPES.get(character, character) for character in text)


def render_latex(boards: Sequence[BoardFrame]) -> str:
    """Return the tables of contrasts and of methods, for each data set and over them, of each board; then of scores."""
    blocks = [_HEAD]
    for board in boards:
        for section in sections_of(board, escape_latex):
            tables = [table for table in section.tables if table.cite]
            if not tables:
                blocks += [f"% {section.dataset}: {sentence}" for sentence in section.headline]
            for table in tables:
                caption = f"{section.dataset}. {table.title}. {board.title}."  # names in it are escaped already
                blocks.append(_table(caption, table))
    for section in findings_of(boards[0], escape_latex) if boards else ():
        blocks += [_table(f"{section.dataset}. {table.title}.", table) for table in section.tables if table.cite]
    return "\n\n".join(blocks) + "\n"


def _cell(text: str, heading: str, table: TextTable) -> str:
    """Set numbers as mathematics, so that a minus is one, but not their units; words are escaped already."""
    if heading in table.left or text == ABSENT:
        return text
    if _WORDED.search(text):
        return escape_latex(text)
    mathematics = text.rstrip("*").replace("±", "\\pm")
    return f"${mathematics}${'*' * text.endswith('*')}"


def _table(caption: str, table: TextTable) -> str:
    lines = []
    for i, row in enumerate(table.rows):
        cells = [_cell(text, heading, table) for text, heading in zip(row, table.header, strict=True)]
        if i == table.best:
            cells = [f"\\textbf{{{cell}}}" for cell in cells]
        lines.append(" & ".join(cells) + " \\\\")
    columns = "".join("l" if heading in table.left else "r" for heading in table.header)
    header = [escape_latex(heading.replace("±", "+-")) for heading in table.header]
    return "\n".join(
        [
            "\\begin{table}",
            "\\centering",
            f"\\caption{{{caption}}}",
            f"\\begin{{tabular}}{{{columns}}}",
            "\\toprule",
            " & ".join(header).replace("+-", "$\\pm$") + " \\\\",
            "\\midrule",
            *lines,
            "\\bottomrule",
            "\\end{tabular}",
            "\\end{table}",
        ]
    )
