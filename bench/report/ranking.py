"""All-pairs comparison of the variants that a suite asks for, on one data set."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bench.metrics import Metric
from bench.report.runs_frame import runs_by_variant, scores_by_seed, scores_by_variant
from bench.statistics.aggregate import mean_ranks
from bench.statistics.correction import MethodComparison, Scores, all_pairs, compare_methods
from bench.statistics.order import cliques, rank_ranges

#: More variants than this are the points of a grid: their curve is of interest, not 190 pairs and more.
MOST_RANKED = 20
#: Differences up to this size do not matter in practice, for metrics on the unit scale.
ROPE = 0.01


def rope_of(metric: Metric) -> float | None:
    """Return half the width of the region of practical equivalence; .01 is no size for an index of 10,000."""
    return ROPE if metric.unit_scale else None


@dataclass(frozen=True)
class Ranking:
    """All pairs of some variants as one family.

    Attributes
    ----------
    names : tuple of str
        The variants, reference first, then by mean, best first.
    comparisons : tuple of MethodComparison
        All pairs, adjusted together; of each the variant that comes later in ``names`` is A.
    mean_rank : mapping of str to float
        Mean over the units of the rank within the unit; empty where a unit lacks a variant. A variant with one
        score has that in every unit.
    unit : str
        What scores are matched by.
    reason : str or None
        Why there are no comparisons.
    """

    names: tuple[str, ...] = ()
    comparisons: tuple[MethodComparison, ...] = ()
    mean_rank: Mapping[str, float] = field(default_factory=dict)
    unit: str = "seed"
    reason: str | None = None

    @property
    def reference(self) -> str | None:
        """The variant that the others are measured by."""
        return self.names[0] if self.names else None

    @property
    def ranges(self) -> dict[str, tuple[int, int]]:
        """The ranks that each variant may have; empty where nothing is compared."""
        return rank_ranges(self.names, self.comparisons) if self.comparisons else {}

    @property
    def cliques(self) -> list[tuple[str, ...]]:
        """The sets of variants that do not differ significantly, best mean rank first."""
        order = sorted(self.names, key=lambda name: self.mean_rank.get(name, np.inf))
        return cliques(order, self.comparisons)

    def against_reference(self) -> dict[str, MethodComparison]:
        """Return the comparison of each other variant with the reference."""
        return {c.a: c for c in self.comparisons if c.b == self.reference}

    @property
    def limits(self) -> str | None:
        """What cannot be said and why, in a sentence; None where nothing stands in the way."""
        if self.reason is not None:
            return f"{self.reason[0].upper()}{self.reason[1:]}."
        short = [c for c in self.comparisons if c.outcome == "too few"]
        if not short:
            return None
        size = short[0].family_size
        pairs = f"{size} pairs as one family need" if size > 1 else "A pair needs"
        return f"{pairs} {short[0].n_needed} paired {self.unit}s to show a difference."


def rank(scores: Mapping[str, Scores], reference: str, metric: Metric, unit: str) -> Ranking:
    """Compare every two of some variants.

    Parameters
    ----------
    scores : mapping of str to (mapping of hashable to float) or float
        As for `bench.statistics.correction.compare_methods`.
    reference : str
        The variant that the others are measured by.
    metric : Metric
    unit : str
        What scores are matched by: "seed" or "data set".
    """
    up = bool(metric.greater_is_better)
    others = sorted(set(scores) - {reference}, key=lambda name: (_standing(scores[name], up), name))
    names = (reference, *others)
    if len(names) > MOST_RANKED:
        reason = f"{len(names)} variants are too many to compare every two: at most {MOST_RANKED}"
        return Ranking(names, unit=unit, reason=reason)
    family = all_pairs(reversed(names))
    comparisons = compare_methods(scores, family, unit=unit, greater_is_better=up, rope=rope_of(metric))
    return Ranking(names, tuple(comparisons), _mean_ranks(scores, up), unit)


def _mean_ranks(scores: Mapping[str, Scores], greater_is_better: bool) -> dict[str, float]:
    several = {name: own for name, own in scores.items() if isinstance(own, Mapping)}
    units = sorted(set().union(*several.values()))
    if len(scores) < 2 or not units or any(len(finite_scores(own)) < len(units) for own in several.values()):
        return {}
    table = {
        name: [own[u] for u in units] if isinstance(own, Mapping) else [own] * len(units)
        for name, own in scores.items()
    }
    return mean_ranks(table, greater_is_better=greater_is_better)


def _standing(scores: Scores, greater_is_better: bool) -> float:
    """Return what variants are sorted by, those without a score last."""
    values = finite_scores(scores)
    return (-1 if greater_is_better else 1) * float(np.mean(values)) if values else np.inf


def rank_variants(frame: pd.DataFrame, metric: Metric) -> Ranking:
    """Compare every two variants that the suite asks for on one data set, by seed.

    Variants that run only as the counterpart of another are left to the contrasts: eight variants make a family that
    ten seeds cannot serve, six make one that they can.

    The reference is the best mean among the complete variants (among all if none is) with more than one run:
    one lucky survivor of ten runs must not be what the others are measured by.

    Parameters
    ----------
    frame : DataFrame
        The runs of one data set.
    metric : Metric
    """
    asked = frame.loc[frame["role"] == "asked"]
    scores = scores_by_variant(asked, metric.name)
    variants = runs_by_variant(asked)
    runs = {name: len(scores_by_seed(rows, metric.name)) for name, rows in variants.items()}
    if not any(runs.values()):
        return Ranking(reason="no variant has a score")
    complete = [name for name, rows in variants.items() if runs[name] == n_planned(rows)]
    scored = [name for name, n in runs.items() if n]
    candidates = [name for name in complete if runs[name] > 1] or complete or scored
    up = bool(metric.greater_is_better)
    reference = min(candidates, key=lambda name: (_standing(scores[name], up), name))
    return rank(scores, reference, metric, "seed")


_NO_COMPARISON = {
    "difference": np.nan,
    "ci_low": np.nan,
    "ci_high": np.nan,
    "rank_biserial": np.nan,
    "prob_superiority": np.nan,
    "prob_superiority_low": np.nan,
    "prob_superiority_high": np.nan,
    "n_pairs": 0,
    "n_lost": 0,
    "n_won": 0,
    "form": "",
    "p_value": np.nan,
    "p_adjusted": np.nan,
    "verdict": "not compared",
    "practical": "undecided",
}


def comparison_columns(comparison: MethodComparison | None) -> dict[str, Any]:
    """Return the numbers of a comparison as columns of a row, NaN where there is none."""
    if comparison is None or comparison.result is None:
        return _NO_COMPARISON | {"n_pairs": len(comparison.matched) if comparison else 0}
    result = comparison.result
    low, high = result.hodges_lehmann_interval or (np.nan, np.nan)
    return {
        "difference": result.hodges_lehmann,
        "ci_low": low,
        "ci_high": high,
        "rank_biserial": result.rank_biserial,
        "prob_superiority": result.prob_superiority,
        "prob_superiority_low": result.prob_superiority_interval[0],
        "prob_superiority_high": result.prob_superiority_interval[1],
        "n_pairs": result.n,
        "n_lost": comparison.lost[0],
        "n_won": comparison.lost[1],
        "form": result.form,
        "p_value": comparison.p_value,
        "p_adjusted": comparison.p_adjusted,
        "verdict": comparison.verdict,
        "practical": result.practical,
    }


def matched_scores(scores: Scores, matched: Sequence[Hashable]) -> list[float]:
    """Return the scores that were compared; the one score of a method that takes no seed."""
    return [scores[key] for key in matched] if isinstance(scores, Mapping) else [scores]


def n_planned(frame: pd.DataFrame) -> int:
    """Return the runs planned of one variant; one that takes no seed has one outcome, however many others run."""
    return max(int(frame["planned"].max()), len(frame)) if frame["seeded"].all() else len(frame)


def finite_scores(scores: Scores) -> list[float]:
    """Return the scores that there are."""
    values = scores.values() if isinstance(scores, Mapping) else [scores]
    return [value for value in values if np.isfinite(value)]
