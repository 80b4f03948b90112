"""Leaderboards as LaTeX tables in the manner of booktabs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bench.leaderboard.boards import BoardFrame
from bench.leaderboard.numbers import (
    format_equation,
    format_interval,
    format_mean,
    format_ranks,
    format_score,
)
from bench.leaderboard.tables import SECONDARY_METRICS
from bench.metrics import Metric, find_metric

_HEAD = (
    "% Needs \\usepackage{booktabs}. Bold: shown to be better than every other method (Holm over all pairs).\n"
    "% A rank of 1-3 is all that the tests say of an order. Means marked * are over fewer runs than planned."
)
_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}",
}  # fmt: skip


def escape_latex(text: str) -> str:
    """Write text so that LaTeX sets it as it is."""
    return "".join(_ESCAPES.get(character, character) for character in text)


def render_latex(boards: Sequence[BoardFrame]) -> str:
    """Return two tables for each data set of each board: the methods, and the contrasts of twins."""
    blocks = [_HEAD]
    for board in boards:
        for tables in board.datasets:
            dataset = escape_latex(tables.dataset)
            if not tables.quality["n_scored"].any():
                blocks.append(f"% {dataset}: no run has a {board.metric.title}.")
                continue
            blocks.append(_methods(tables.quality, f"{dataset}. {board.title}.", board.metric))
            if tables.contrasts:
                blocks.append(_twins(tables.twins, f"{dataset}: with the noise and without.", board.metric))
    return "\n\n".join(blocks) + "\n"


def _methods(table: pd.DataFrame, caption: str, metric: Metric) -> str:
    further = [find_metric(name) for name in SECONDARY_METRICS if name != metric.name]
    rows = []
    for row in table.to_dict("records"):
        score = _math(format_mean(row["mean"], row["sd"], metric))
        if row["rank_best"] == row["rank_worst"] == 1 and row["complete"]:
            score = f"\\textbf{{{score}}}"
        others = [_math(format_mean(row[f"{m.name}_mean"], row[f"{m.name}_sd"], m)) for m in further]
        marked = score + ("*" if row["n_scored"] and not row["complete"] else "")
        rows.append([escape_latex(row["title"]), marked, *others, format_ranks(row["rank_best"], row["rank_worst"])])
    return _table(caption, ["Method", metric.title, *(m.title for m in further), "Rank"], rows)


def _twins(twins: pd.DataFrame, caption: str, metric: Metric) -> str:
    rows = []
    for row in twins.to_dict("records"):
        interval = format_interval(row["ci_low"], row["ci_high"], metric)
        difference = f"{format_score(row['difference'], metric)} {interval}".rstrip()
        p = "-" if pd.isna(row["p_adjusted"]) else format_equation(row["p_adjusted"])
        names = (escape_latex(row[column]) for column in ("title", "twin_title"))
        rows.append([*names, _math(difference), _math(p), str(row["n_pairs"])])
    return _table(caption, ["Stochastic", "Twin", "Difference [95\\,\\%]", "Holm", "$n$"], rows)


def _math(text: str) -> str:
    """Set numbers as mathematics, so that a minus is one."""
    return "-" if text == "-" else "$" + text.replace("±", "\\pm") + "$"


def _table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [" & ".join(row) + " \\\\" for row in rows]
    return "\n".join(
        [
            "\\begin{table}",
            "\\centering",
            f"\\caption{{{caption}}}",
            f"\\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
            "\\toprule",
            " & ".join(header) + " \\\\",
            "\\midrule",
            *lines,
            "\\bottomrule",
            "\\end{tabular}",
            "\\end{table}",
        ]
    )
