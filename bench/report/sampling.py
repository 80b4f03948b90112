"""Contrasts of uncertainty scores with latent draws against scores without, within the same runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.metrics.registry import BETWEEN_SCORES, DISAGREEMENT, SCORES, Score
from bench.report.between_runs import VOTERS
from bench.report.ranking import ROPE, comparison_columns
from bench.report.runs_frame import NOT_RUN, metric_values, one_run_per_variant, runs_by_variant, scores_by_seed
from bench.statistics.correction import MethodComparison, Scores, compare_methods

SCORE_OF: Mapping[str, Score] = {score.name: score for score in (*SCORES, *BETWEEN_SCORES)}


class Pair(NamedTuple):
    """A score with draws, and what it is held against.

    Attributes
    ----------
    score, against : str
        Names of scores.
    decisive : bool
        Whether the contrast is of the family, or describes.
    """

    score: str
    against: str
    decisive: bool = False


PAIRS = (
    Pair("entropy", "plain_entropy", decisive=True),  # nothing differs but the draws
    Pair("entropy", "smoothed_kernel", decisive=True),  # what draws do on average, without a draw
    Pair("entropy", DISAGREEMENT.name, decisive=True),  # what several runs know without noise
    Pair("entropy", "confidence"),
    Pair("entropy", "temperature"),
    Pair("entropy", "margin"),
    Pair("entropy", "reconstruction"),
    Pair("mutual_information", "confidence"),
    Pair("latent_variance", "confidence"),
)
"""What is asked of each stochastic variant; the decisive ones of a data set are one family, the others describe."""

OUTLIER_PAIRS = tuple(
    pair
    for pair in PAIRS
    if pair.score == "entropy" and pair.against in ("plain_entropy", "smoothed_kernel", "confidence", "temperature")
)
"""What is asked of each stochastic variant and set of outliers: the same of one run. They are a family of their own."""


@dataclass(frozen=True)
class SamplingContrast:
    """A score with draws less one without, by AUROC over the same runs of one variant.

    Attributes
    ----------
    variant : str
    score, against : Score
    outliers : str
        The set of outliers that is to be detected; empty for mis-clustered points.
    decisive : bool
        Whether it is of the family; if not, it has no adjusted p and is no claim.
    comparison : MethodComparison
    means : (float, float)
        Mean AUROC of the two over the runs that have both.
    """

    variant: str
    score: Score
    against: Score
    outliers: str
    decisive: bool
    comparison: MethodComparison
    means: tuple[float, float]

    @property
    def outcome(self) -> str:
        """As of a comparison of the family; "descriptive" of one that describes."""
        compared = self.comparison.result is not None
        return "descriptive" if compared and not self.decisive else self.comparison.outcome


def column_of(score: str, outliers: str, rate: str = "auroc") -> str:
    """Return the column of the frame of runs that holds a rate of a score; of errors where ``outliers`` is empty."""
    return f"{rate}/{outliers}/{score}" if outliers else f"{rate}_{score}"


def stochastic_variants(frame: pd.DataFrame) -> list[str]:
    """Return those variants, in order of appearance."""
    firsts = one_run_per_variant(frame)
    return [str(name) for name in firsts.loc[firsts["kind"] == "stochastic", "variant"]]


def sampling_contrasts(
    frame: pd.DataFrame, pairs: Sequence[Pair] = PAIRS, outliers: Sequence[str] = ("",)
) -> list[SamplingContrast]:
    """Compare scores pair by pair for every stochastic variant, the decisive pairs as one family.

    A pair is asked about unless the method has no such score: S-DEC without a decoder reconstructs nothing. A variant
    of which no run has scores, because they are still to come or all collapsed, counts with the pairs of its method, or
    with all: what it will have, or how it ended, must not make the claims of others easier.

    Parameters
    ----------
    frame : DataFrame
        The runs of one data set, as `mask_uncertainty` returns them.
    pairs : sequence of Pair
    outliers : sequence of str
        Sets of outliers; the empty one asks about mis-clustered points.
    """
    asked: list[tuple[str, str, Pair]] = []
    for variant in stochastic_variants(frame):
        rows = frame.loc[frame["variant"] == variant]
        of_method = frame.loc[frame["method"] == rows["method"].iloc[0]]
        for which in outliers:
            scored = _scores_with_values(rows, which) or _scores_with_values(of_method, which)
            if scored and not which and rows["twin"].notna().any() and len(rows) > VOTERS:
                scored |= {DISAGREEMENT.name}  # too few healthy voters are an outcome too
            asked += [(variant, which, pair) for pair in pairs if not scored or {pair.score, pair.against} <= scored]
    columns = {column_of(name, which) for _, which, pair in asked for name in (pair.score, pair.against)}
    if not any(_has_values(frame, column) for column in columns):
        return []
    by_column = {column: _by_seed(frame, column) for column in columns}
    scores: dict[str, Scores] = {}

    def key(score: str, which: str, variant: str) -> str:
        column = column_of(score, which)
        name = f"{column} of {variant}"
        scores[name] = by_column[column][variant]
        return name

    compared = [(key(pair.score, which, variant), key(pair.against, which, variant)) for variant, which, pair in asked]
    family = [keys for keys, (_, _, pair) in zip(compared, asked, strict=True) if pair.decisive]
    of_family = iter(compare_methods(scores, family, rope=ROPE))
    made = []
    for (variant, which, pair), keys in zip(asked, compared, strict=True):
        c = (
            next(of_family)
            if pair.decisive
            else replace(compare_methods(scores, [keys], rope=ROPE)[0], p_adjusted=None)
        )
        means = _mean(scores[c.a], c.matched), _mean(scores[c.b], c.matched)
        score, against = SCORE_OF[pair.score], SCORE_OF[pair.against]
        made.append(SamplingContrast(variant, score, against, which, pair.decisive, c, means))
    return made


def _scores_with_values(frame: pd.DataFrame, outliers: str) -> set[str]:
    return {name for name in SCORE_OF if _has_values(frame, column_of(name, outliers))}


def _has_values(frame: pd.DataFrame, column: str) -> bool:
    return bool(np.isfinite(metric_values(frame, column)).any())


def _by_seed(frame: pd.DataFrame, column: str) -> dict[str, dict[int, float]]:
    """Return the scores of each variant by seed, NaN where a run ended without one.

    Two scores of one run are a pair even where all seeds give the same, as where AUROC saturates at 1.
    """
    by_variant = {}
    for variant, rows in runs_by_variant(frame).items():
        scores = scores_by_seed(rows, column)
        ended = rows.loc[rows["status"] != NOT_RUN, "seed"].tolist()
        by_variant[variant] = {seed: scores.get(seed, float("nan")) for seed in ended}
    return by_variant


def _mean(scores: Scores, matched: Iterable[object]) -> float:
    values = [scores[unit] for unit in matched] if isinstance(scores, Mapping) else [scores]
    return float(np.mean(values)) if values else np.nan


def contrast_rows(
    contrasts: Sequence[SamplingContrast], titles: Mapping[str, str], collapsed: Mapping[str, tuple[int, int]]
) -> list[dict[str, Any]]:
    """Return one row a contrast.

    Parameters
    ----------
    contrasts : sequence of SamplingContrast
    titles : mapping of str to str
        Of each variant.
    collapsed : mapping of str to (int, int)
        Of each variant the runs that collapsed, and so have no scores, and those that finished.
    """
    rows = []
    for c in contrasts:
        n_collapsed, n_finished = collapsed[c.variant]
        comparison = c.comparison
        rows.append(
            {
                "variant": c.variant,
                "title": titles[c.variant],
                "outliers": c.outliers,
                "score": c.score.name,
                "score_title": c.score.title,
                "against": c.against.name,
                "against_title": c.against.title,
                "auroc": c.means[0],
                "against_auroc": c.means[1],
                "decisive": c.decisive,
                **comparison_columns(comparison),
                "verdict": c.outcome if c.outcome == "descriptive" else comparison.verdict,
                "family_size": comparison.family_size if c.decisive else None,
                "n_needed": comparison.n_needed if c.decisive else None,
                "outcome": c.outcome,
                "reason": comparison.reason or "",
                "rope": ROPE,
                "n_collapsed": n_collapsed,
                "n_finished": n_finished,
            }
        )
    return rows
