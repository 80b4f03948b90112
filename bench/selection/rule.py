"""How hyper-parameters are chosen without labels: criteria of partitions of held-out points, and the rule on them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import rankdata
from threadpoolctl import threadpool_limits

from bench.metrics.external import contingency_table
from bench.metrics.internal import internal_scores
from bench.metrics.registry import NOISE
from bench.metrics.stability import stability

#: Internal indices, and whether more is better.
_INDICES = (("silhouette", True), ("davies_bouldin", False), ("calinski_harabasz", True))
#: Decimals that are compared; the rest is rounding error of sums.
DECIMALS = 6


def prediction_strength(labels_a: np.ndarray, labels_b: np.ndarray) -> float:
    """Return how well partition *a* predicts the clusters of partition *b*.

    For each cluster of *b*, the share of the pairs of its points that *a* puts together as well; of these the
    smallest. A cluster of one point has no pair and is left out: its strength is undefined, neither 0 nor 1. Noise of
    *b* is no cluster to predict, and noise of *a* puts no points together.

    Parameters
    ----------
    labels_a, labels_b : ndarray of shape (n_points,)
        Clusters of the same points, any integers; -1 is noise.

    Returns
    -------
    float
        In [0, 1]; NaN if all clusters of *b* are single points, or it has none.

    References
    ----------
    After Tibshirani and Walther, "Cluster validation by prediction strength", Journal of Computational and
    Graphical Statistics 14(3), 2005. They cluster the test points anew and choose a number of clusters; here two fits
    predict points that neither has seen, as in Wang, "Consistent selection of the number of clusters via
    crossvalidation", Biometrika 97(4), 2010, and the number is given.
    """
    counts = contingency_table(labels_a, labels_b).astype(np.float64)
    sizes = counts.sum(axis=0)
    countable = (sizes > 1) & (np.unique(labels_b) != NOISE)
    counts, sizes = counts[np.unique(labels_a) != NOISE][:, countable], sizes[countable]
    if not len(sizes):
        return float("nan")
    return float(((counts * (counts - 1)).sum(axis=0) / (sizes * (sizes - 1))).min())


def mean_prediction_strength(labelings: Sequence[np.ndarray]) -> float:
    """Return the mean prediction strength over all ordered pairs of labelings of the same points.

    Returns
    -------
    float
        NaN for fewer than two labelings, and where a pair has none.
    """
    pairs = list(itertools.permutations(labelings, 2))
    return float(np.mean([prediction_strength(a, b) for a, b in pairs])) if pairs else float("nan")


def effective_clusters(labels: np.ndarray) -> float:
    """Return the effective number of clusters, exp of the entropy of their shares: k for k equal clusters.

    Noise is none of them, and takes its share off their number: who refuses half of the points has half the clusters.
    """
    sizes = np.unique(labels[labels != NOISE], return_counts=True)[1]
    shares = sizes / sizes.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()) * sizes.sum() / len(labels))


def ranked(values: Sequence[float] | np.ndarray, *, greater_is_better: bool) -> np.ndarray:
    """Rank values from 1 for the best; equal ones share the mean of their ranks, NaN is worst.

    Returns
    -------
    ndarray of shape (n_values,)
    """
    rounded = np.round(np.asarray(values, dtype=np.float64), DECIMALS)
    return rankdata(np.where(np.isnan(rounded), np.inf, -rounded if greater_is_better else rounded))


def aggregated_ranks(partitions: Sequence[Sequence[np.ndarray]], spaces: Sequence[np.ndarray]) -> np.ndarray:
    """Rank candidates by internal indices of their partitions, all taken in the same spaces.

    An index compares partitions of one space only. So in each space the candidates are ranked by each of
    silhouette, Davies-Bouldin and Calinski-Harabasz, and these ranks, which have no unit, are averaged.

    Parameters
    ----------
    partitions : sequence of sequence of ndarray of shape (n_points,)
        For each candidate the labels of its runs; their indices are averaged before they are ranked.
    spaces : sequence of ndarray of shape (n_points, n_features)
        Finite.

    Returns
    -------
    ndarray of shape (n_candidates,)
        The mean rank, smaller is better.
    """
    ranks = []
    with threadpool_limits(1):  # sums over threads would make the last digits depend on the machine's load
        for space in spaces:
            scores = [[internal_scores(space, labels) for labels in runs] for runs in partitions]
            for index, up in _INDICES:
                # A text stands for an index that does not exist: then the candidate comes last in it.
                values = [float(np.mean([_number(s[index]) for s in runs])) for runs in scores]
                ranks.append(ranked(values, greater_is_better=up))
    return np.mean(ranks, axis=0)


def _number(score: float | str) -> float:
    return float("nan") if isinstance(score, str) else score


#: A run whose effective number of clusters is below this share of those asked for is degenerate.
SMALLEST_SHARE = 0.8
_LARGEST_VALUE = 1e15  # beyond it squared distances overflow, as in bench.metrics.scoring


@dataclass(frozen=True)
class HeldOutRun:
    """The clusters of the held-out points in one selection run.

    Attributes
    ----------
    seed : int
    labels : ndarray of shape (n_heldout,) or None
        None where there are none.
    embedding : ndarray of shape (n_heldout, n_latent) or None
    trouble : str or None
        Why the run does not count: failed, diverged, collapsed, without ``predict``.
    """

    seed: int
    labels: np.ndarray | None = None
    embedding: np.ndarray | None = None
    trouble: str | None = None


@dataclass
class RuleVerdict:
    """The values of the label-free rule for one candidate.

    Attributes
    ----------
    out : list of str
        Why it cannot be chosen; nothing else is computed then.
    prediction_strength, stability : float or None
        Means over pairs of its runs; the latter of the adjusted Rand index.
    rank_sum : float or None
        Of its ranks by the two.
    tie_break : float or None
        Its mean rank by internal indices; only among those that share the smallest sum.
    rank : int or None
        1 is chosen. Equal ranks further down are not distinguished: nothing depends on them.
    """

    out: list[str] = field(default_factory=list)
    prediction_strength: float | None = None
    stability: float | None = None
    rank_sum: float | None = None
    tie_break: float | None = None
    rank: int | None = None


def rank_candidates(
    candidates: Sequence[Sequence[HeldOutRun]], points: np.ndarray, n_clusters: Sequence[int]
) -> list[RuleVerdict]:
    """Rank candidates by their partitions of held-out points, without labels.

    1. A candidate with a degenerate run is out: runs that collapse agree perfectly.
    2. The others are ranked by mean prediction strength and by mean pairwise adjusted Rand index, and the two
       ranks are added.
    3. Those with the smallest sum are ranked by :func:`bench.selection.rule.aggregated_ranks` of their
       partitions, in the points' own space and the embeddings of each of them; only theirs, so that large data stay
       affordable.
    4. What is equal even then goes by the order of the plan.

    Parameters
    ----------
    candidates : sequence of sequence of HeldOutRun
        The runs of each, in the order of the plan, all with the same seeds.
    points : ndarray of shape (n_heldout, n_features)
    n_clusters : sequence of int
        Clusters that each candidate was asked for.

    Returns
    -------
    list of RuleVerdict
        One a candidate, in their order; the one of rank 1 is chosen, and none if all are out.
    """
    verdicts = [RuleVerdict(out=degeneracies(runs, k)) for runs, k in zip(candidates, n_clusters, strict=True)]
    left = [i for i, verdict in enumerate(verdicts) if not verdict.out]
    if not left:
        return verdicts
    partitions = {i: [run.labels for run in candidates[i] if run.labels is not None] for i in left}
    strengths = [mean_prediction_strength(partitions[i]) for i in left]
    agreements = [stability(partitions[i]) for i in left]
    sums = ranked(strengths, greater_is_better=True) + ranked(agreements, greater_is_better=True)
    for i, strength, agreement, rank_sum in zip(left, strengths, agreements, sums, strict=True):
        verdicts[i] = RuleVerdict([], _rounded(strength), _rounded(agreement), float(rank_sum))
    first = [i for i, rank_sum in zip(left, sums, strict=True) if rank_sum == sums.min()]
    if len(first) > 1:
        spaces = [points, *_embeddings([candidates[i] for i in first])]
        for i, mean_rank in zip(first, aggregated_ranks([partitions[i] for i in first], spaces), strict=True):
            verdicts[i].tie_break = _rounded(mean_rank)
    order = sorted(first, key=lambda i: (verdicts[i].tie_break or 0.0, i))
    for i, rank_sum in zip(left, sums, strict=True):
        verdicts[i].rank = 1 + (order.index(i) if i in order else int((sums < rank_sum).sum()))
    return verdicts


def degeneracies(runs: Sequence[HeldOutRun], n_clusters: int) -> list[str]:
    """Return why a candidate's runs are degenerate, nothing if none is.

    A run is, if it has trouble of its own, if it puts all held-out points into one cluster, or calls them noise, or if
    its effective number of clusters there is below four fifths of those asked for: partitions that merge agree better.
    """
    reasons = []
    for run in runs:
        if run.trouble is not None or run.labels is None:
            reasons.append(run.trouble or f"seed {run.seed}: no labels of the held-out points")
            continue
        effective = effective_clusters(run.labels)
        if (run.labels == run.labels[0]).all():
            what = "noise" if run.labels[0] == NOISE else "in one cluster"
            reasons.append(f"seed {run.seed}: all held-out points are {what}")
        elif effective < SMALLEST_SHARE * n_clusters:
            reasons.append(
                f"seed {run.seed}: {effective:.1f} effective clusters, fewer than {SMALLEST_SHARE:.0%} of {n_clusters}"
            )
    return list(dict.fromkeys(reasons))


def _embeddings(candidates: Sequence[Sequence[HeldOutRun]]) -> list[np.ndarray]:
    """Return the embedding of each candidate's first run, where it has one that distances can be taken in."""
    embeddings = [runs[0].embedding for runs in candidates]
    return [z for z in embeddings if z is not None and np.isfinite(z).all() and np.abs(z).max() <= _LARGEST_VALUE]


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), DECIMALS)
