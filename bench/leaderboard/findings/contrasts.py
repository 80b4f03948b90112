"""Does sampling help? Scores that take latent draws against those that do not, within the same runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.agreement import VOTERS
from bench.leaderboard.frame import NOT_RUN, first_cells, scores_by_seed, variants_of
from bench.leaderboard.ranking import ROPE
from bench.metrics.table import DISAGREEMENT, SCORES, Score
from bench.statistics.correction import MethodComparison, Scores, compare_methods

SCORE_OF: Mapping[str, Score] = {score.name: score for score in (*SCORES, DISAGREEMENT)}

PAIRS = (
    ("entropy", "plain_entropy"),  # the decisive one: nothing differs but the draws
    ("entropy", "confidence"),
    ("entropy", "margin"),
    ("entropy", "reconstruction"),
    ("entropy", "disagreement"),
    ("mutual_information", "confidence"),
    ("latent_variance", "confidence"),
)
"""What is asked of each stochastic variant, fixed before any run; those of a data set are one family."""

OUTLIER_PAIRS = (("entropy", "plain_entropy"), ("entropy", "confidence"))
"""What is asked of each stochastic variant and set of outliers; those of a data set are a family of their own."""


@dataclass(frozen=True)
class SamplingContrast:
    """A score that takes sampling less one that does not, by AUROC over the same runs of one variant.

    Attributes
    ----------
    variant : str
    score, against : Score
    outliers : str or None
        What is to be found: the outliers of that name, or mis-clustered points.
    comparison : MethodComparison
    means : (float, float)
        Mean AUROC of the two over the runs that have both.
    """

    variant: str
    score: Score
    against: Score
    outliers: str | None
    comparison: MethodComparison
    means: tuple[float, float]

    @property
    def is_equivalent(self) -> bool:
        """Whether the two are shown to be equivalent in practice."""
        result = self.comparison.result
        return result is not None and result.practical == "equivalent"


def column_of(score: str, outliers: str | None, rate: str = "auroc") -> str:
    """Return the column of a frame of cells that holds a rate of a score."""
    return f"{rate}_{score}" if outliers is None else f"{rate}/{outliers}/{score}"


def stochastic_variants(cells: pd.DataFrame) -> list[str]:
    """Return those variants, in order of appearance."""
    firsts = first_cells(cells)
    return [str(name) for name in firsts.loc[firsts["kind"] == "stochastic", "variant"]]


def sampling_contrasts(
    cells: pd.DataFrame, pairs: Sequence[tuple[str, str]] = PAIRS, outliers: Sequence[str | None] = (None,)
) -> list[SamplingContrast]:
    """Compare scores pair by pair for every stochastic variant, as one family.

    A pair is in the family unless the method has no such score: S-DEC without a decoder reconstructs nothing. A variant
    of which no run has scores, because they are still to come or all collapsed, counts with the pairs of its method, or
    with all: what it will have, or how it ended, must not make the claims of others easier.

    Parameters
    ----------
    cells : DataFrame
        The gated cells of one data set.
    pairs : sequence of (str, str)
        Names of scores.
    outliers : sequence of str or None
        Sets of outliers; None asks about mis-clustered points.
    """
    asked = []
    for variant in stochastic_variants(cells):
        rows = cells.loc[cells["variant"] == variant]
        of_method = cells.loc[cells["method"] == rows["method"].iloc[0]]
        for which in outliers:
            there = _there(rows, which) or _there(of_method, which)
            if there and which is None and rows["twin"].notna().any() and len(rows) > VOTERS:
                there |= {DISAGREEMENT.name}  # too few healthy voters are an outcome too
            asked += [(variant, a, b, which) for a, b in pairs if not there or {a, b} <= there]
    columns = {column_of(name, which) for _, a, b, which in asked for name in (a, b)}
    if not any(_has_values(cells, column) for column in columns):
        return []
    by_column = {column: _by_seed(cells, column) for column in columns}

    def key(variant: str, score: str, which: str | None) -> str:
        return f"{column_of(score, which)} of {variant}"

    scores: dict[str, Scores] = {}
    for variant, a, b, which in asked:
        for name in (a, b):
            scores[key(variant, name, which)] = by_column[column_of(name, which)][variant]
    family = [(key(variant, a, which), key(variant, b, which)) for variant, a, b, which in asked]
    comparisons = compare_methods(scores, family, rope=ROPE)
    made = []
    for (variant, a, b, which), c in zip(asked, comparisons, strict=True):
        means = _mean(scores[c.a], c.matched), _mean(scores[c.b], c.matched)
        made.append(SamplingContrast(variant, SCORE_OF[a], SCORE_OF[b], which, c, means))
    return made


def _there(cells: pd.DataFrame, outliers: str | None) -> set[str]:
    return {name for name in SCORE_OF if _has_values(cells, column_of(name, outliers))}


def _has_values(cells: pd.DataFrame, column: str) -> bool:
    return column in cells and bool(pd.to_numeric(cells[column], errors="coerce").notna().any())


def _by_seed(cells: pd.DataFrame, column: str) -> dict[str, dict[int, float]]:
    """Return the scores of each variant by seed, NaN where a run ended without one.

    Two scores of one run are a pair even where all seeds give the same, as where AUROC saturates at 1.
    """
    found = {}
    for variant, rows in variants_of(cells).items():
        scores = scores_by_seed(rows, column)
        ended = rows.loc[rows["status"] != NOT_RUN, "seed"].tolist()
        found[variant] = {seed: scores.get(seed, float("nan")) for seed in ended}
    return found


def _mean(scores: Scores, matched: Iterable[object]) -> float:
    values = [scores[unit] for unit in matched] if isinstance(scores, Mapping) else [scores]
    return float(np.mean(values)) if values else np.nan
