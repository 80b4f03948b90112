"""Which of the methods that a suite asks for is shown to be better than which, on one data set."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from bench.leaderboard.frame import scores_of, variants_of
from bench.metrics import Metric
from bench.statistics.aggregate import mean_ranks
from bench.statistics.correction import MethodComparison, Scores, all_pairs, compare_methods, smallest_n
from bench.statistics.order import cliques, rank_ranges

#: More variants than this are the points of a grid: their curve is of interest, not 190 pairs and more.
MOST_RANKED = 20
#: Differences up to this size do not matter in practice, where a metric has a scale on which that can be said.
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
        Mean over the units of the rank within the unit; empty where a unit lacks a variant.
    reason : str or None
        Why there are no comparisons.
    """

    names: tuple[str, ...] = ()
    comparisons: tuple[MethodComparison, ...] = ()
    mean_rank: Mapping[str, float] = field(default_factory=dict)
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
        """The sets of variants that are not told apart, best mean rank first."""
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
        compared = [c for c in self.comparisons if c.result is not None]
        if not any(c.outcome == "cannot be significant" for c in compared):
            return None
        size = compared[0].family_size
        return f"{size} pairs as one family need {smallest_n(size)} matched scores each to show a difference."


def rank(scores: Mapping[str, Scores], reference: str, metric: Metric, unit: str) -> Ranking:
    """Compare every two of some variants.

    Parameters
    ----------
    scores : mapping of str to (mapping of hashable to float) or float
        As for `bench.statistics.correction.compare_methods`; none empty.
    reference : str
        The variant that the others are measured by.
    metric : Metric
    unit : str
        What scores are matched by: "seed" or "data set".
    """
    up = bool(metric.greater_is_better)
    means = {name: float(np.mean(_values(own))) for name, own in scores.items()}
    others = sorted(set(scores) - {reference}, key=lambda name: (-means[name] if up else means[name], name))
    names = (reference, *others)
    if len(names) > MOST_RANKED:
        return Ranking(names, reason=f"{len(names)} variants are too many to compare every two: at most {MOST_RANKED}")
    family = all_pairs(reversed(names))
    comparisons = compare_methods(scores, family, unit=unit, greater_is_better=up, rope=rope_of(metric))
    by_unit = {name: own for name, own in scores.items() if isinstance(own, Mapping)}
    common = sorted(set.intersection(*map(set, by_unit.values()))) if by_unit else []
    matched = {name: [own[key] for key in common] for name, own in by_unit.items()}
    ranks = mean_ranks(matched, greater_is_better=up) if common else {}
    return Ranking(names, tuple(comparisons), ranks)


def rank_variants(cells: pd.DataFrame, metric: Metric) -> Ranking:
    """Compare every two variants that the suite asks for on one data set, by seed.

    Variants that run only as the twin of another are left to the contrast of twins: eight variants make a
    family that ten seeds cannot serve, six make one that they can.

    The reference is the best mean among the complete variants (among all if none is) with more than one run:
    one lucky survivor of ten runs must not be what the others are measured by.

    Parameters
    ----------
    cells : DataFrame
        The cells of one data set.
    metric : Metric
    """
    asked = cells.loc[cells["role"] == "asked"]
    scores = {name: own for name, own in scores_of(asked, metric.name).items() if own != {}}
    if not scores:
        return Ranking(reason="no variant has a score")
    runs = {name: len(_values(own)) for name, own in scores.items()}
    complete = [name for name, rows in variants_of(asked).items() if runs.get(name) == n_planned(rows)]
    candidates = [name for name in complete if runs[name] > 1] or complete or list(scores)
    sign = -1 if metric.greater_is_better else 1
    reference = min(candidates, key=lambda name: (sign * float(np.mean(_values(scores[name]))), name))
    return rank(scores, reference, metric, "seed")


def matched_scores(scores: Scores, matched: Sequence[Hashable]) -> list[float]:
    """Return the scores that were compared; the one score of a method that takes no seed."""
    return [scores[key] for key in matched] if isinstance(scores, Mapping) else [scores]


def n_planned(cells: pd.DataFrame) -> int:
    """Return the runs planned of one variant; one that takes no seed has one outcome, however many others run."""
    return max(int(cells["planned"].max()), len(cells)) if cells["seeded"].all() else len(cells)


def _values(scores: Scores) -> list[float]:
    return list(scores.values()) if isinstance(scores, Mapping) else [scores]
