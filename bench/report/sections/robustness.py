"""Robustness: the same contrasts by ACC, NMI and ARI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.metrics import find_metric
from bench.report.board import DatasetRuns
from bench.report.document import Column, Sentence, Table
from bench.report.runs_frame import TOTAL
from bench.report.section import Section
from bench.report.sections.contrasts import contrast_row
from bench.report.values import Interval, Name, P, Value
from bench.text import and_list

#: Contrasts on which the metrics differ that a sentence names.
_MOST_NAMED = 3
#: What identifies a contrast, whatever it is measured by.
CONTRAST = ["question", "variant", "counterpart"]
_UNTESTED = ("too few", "not compared")


class RobustnessSection(Section):
    """Whether the verdict depends on the metric."""

    name = "robustness"
    title = "Contrasts by metric"
    place = 12
    every_board = True

    def rows(self, runs: DatasetRuns) -> pd.DataFrame:
        """Return one row a contrast and metric, the primary metric first; each metric has a Holm family of its own."""
        others = () if runs.crowded else runs.board.in_other_metrics
        same = [one for board in others for one in board.datasets if one.dataset == runs.dataset]
        rows = pd.DataFrame([row for one in (runs, *same) for row in _rows(one)])
        return rows if same and len(rows) and rows["difference"].notna().any() else pd.DataFrame()

    def table(self, rows: pd.DataFrame) -> Table:
        metrics = [find_metric(name) for name in rows["metric"].unique()]
        columns = [Column("contrast", words=True), Column("method", words=True), Column("against", words=True)]
        for metric in metrics:
            columns += [Column(f"Δ{metric.title} [95 % CI]"), Column(f"p (Holm), {metric.title}")]
        written: list[tuple[Value, ...]] = []
        for _, own in rows.groupby(CONTRAST, sort=False):
            by_metric = {row["metric"]: row for row in own.to_dict("records")}
            first = next(iter(by_metric.values()))
            values: list[Value] = [Name(first["question"]), Name(first["title"]), Name(first["counterpart_title"])]
            for metric in metrics:
                row = by_metric[metric.name]
                values.append(Interval(row["difference"], row["ci_low"], row["ci_high"], metric, signed=True))
                values.append(P(row["p_adjusted"]))
            written.append(tuple(values))
        return Table(f"Contrasts by {and_list([metric.title for metric in metrics])}", tuple(columns), tuple(written))

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        return agreement_sentences(rows)

    def notes(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[str]:
        return [
            f"{runs.metric.title} was declared before the runs and decides; the other metrics describe. "
            "Intervals are over seeds; p (Holm) is adjusted within each metric."
        ]


def _rows(runs: DatasetRuns) -> list[dict[str, Any]]:
    nothing = (np.nan, np.nan)
    return [
        {"question": question} | contrast_row(contrast, runs.titles, runs.metric.name, nothing)
        for question, contrast in runs.contrasts
    ]


def agreement_sentences(rows: pd.DataFrame) -> list[Sentence]:
    """Return a sentence that says on how many contrasts the metrics agree; none where no contrast could be tested.

    Parameters
    ----------
    rows : DataFrame
        One row a contrast and metric: the columns of `CONTRAST`, ``metric``, ``outcome`` and both titles, and
        ``dataset`` where there are several. The metrics agree on a contrast if it is better by all of them, worse by
        all, or significant by none.
    """
    places = rows["dataset"].nunique() if "dataset" in rows else 1
    metrics = list(rows["metric"].unique())
    tested = [
        own.to_dict("records")
        for _, own in rows.groupby([*(["dataset"] if places > 1 else []), *CONTRAST], sort=False)
        if len(own) == len(metrics) and not own["outcome"].isin(_UNTESTED).any()
    ]
    if len(metrics) < 2 or not tested:
        return []
    differing = [own for own in tested if len({row["outcome"] for row in own}) > 1]
    names, n = and_list([find_metric(name).title for name in metrics]), len(tested)
    if not differing:
        what = f"all {n} contrasts" if n > 1 else "the contrast"
        return [Sentence(f"{names} agree on {what}.")]
    named = "; ".join(_outcomes(own, named_place=places > 1) for own in differing[:_MOST_NAMED])
    more = f"; and on {len(differing) - _MOST_NAMED} more" if len(differing) > _MOST_NAMED else ""
    return [Sentence(f"{names} agree on {n - len(differing)} of {n} contrasts.", f"They differ on {named}{more}.")]


def _outcomes(own: Sequence[dict[Any, Any]], *, named_place: bool) -> str:
    """Write ``VaDE vs AE+GMM (total): not significant by ACC, better by NMI and ARI``."""
    first = own[0]
    question = "" if first["question"] == TOTAL else f" ({first['question']})"
    place = f", {first['dataset']}" if named_place else ""
    by_outcome: dict[str, list[str]] = {}
    for row in own:
        by_outcome.setdefault(row["outcome"], []).append(find_metric(row["metric"]).title)
    outcomes = [f"{outcome} by {and_list(titles)}" for outcome, titles in by_outcome.items()]
    return f"{first['title']} vs {first['counterpart_title']}{question}{place}: {', '.join(outcomes)}"


section = RobustnessSection()
