"""Outlier detection: how well each score tells sets of outliers from the points of a data set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bench.report.board import DatasetRuns
from bench.report.document import Sentence
from bench.report.numbers import format_mean, format_score
from bench.report.runs_frame import OUTLIER_RATES, is_outlier_column
from bench.report.sampling import OUTLIER_PAIRS
from bench.report.sampling_answers import Answer
from bench.report.sections.error_detection import Detection

#: More sets of outliers than this are in the table alone.
_MOST_DRAWN = 4
_NEEDS = {
    "no": "needs no sampling",
    "one number": "needs one number of the noise",
    "yes": "needs sampling",
    "five runs": "needs five runs",
}


class Outliers(Detection):
    """How well outliers are detected."""

    name = "outliers"
    title = "Outlier detection"
    place = 90
    task = "outlier detection"
    unit = "pairs of a stochastic method and a set of outliers"
    pairs = OUTLIER_PAIRS
    rates = OUTLIER_RATES
    plots = ("outliers",)

    def targets(self, frame: pd.DataFrame) -> list[str]:
        names = [str(c) for c in frame.columns if is_outlier_column(str(c)) and frame[c].notna().any()]
        return list(dict.fromkeys(name.split("/", 1)[1].rsplit("/", 1)[0] for name in names))

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        return [*super().sentences(rows), *_best(rows.loc[rows["kind"] == "score"])]

    def is_written(self, answer: Answer) -> bool:
        """Several sets for each method are many: those that show nothing are counted."""
        return answer.significant

    def figures(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[Any]:
        from bench.report.plots.export import figure_name

        by_set = list(rows.loc[rows["kind"] == "score"].groupby("outliers", sort=False))[:_MOST_DRAWN]
        return [
            self.figure(some, runs, f"outliers from {name}", figure_name("outliers", runs.dataset, str(name)))
            for name, some in by_set
        ]


def _best(scores: pd.DataFrame) -> list[Sentence]:
    """Name the score that detects each set of outliers best by the mean, among variants that have all their runs."""
    sentences = []
    for name, some in scores.loc[scores["complete"].astype(bool)].groupby("outliers", sort=False):
        best = some.iloc[int(np.argmax(some["auroc"]))]
        printed = format_score(best["auroc"])
        others = sum(format_score(value) == printed for value in some["auroc"]) - 1
        sentences.append(
            Sentence(
                f"Outliers from {name}: best on average is {best['score_title']} of {best['title']}, AUROC "
                f"{format_mean(best['auroc'], best['auroc_sd'])} ({_NEEDS.get(best['needs_sampling'], 'a density')}).",
                f"{others} other{'s' * (others > 1)} of the table {'have' if others > 1 else 'has'} the same mean."
                if others
                else "",
            )
        )
    return sentences


section = Outliers()
