"""Stability: agreement between the runs of one configuration, which needs no classes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import entr, stdtrit, xlogy

from bench.metrics.external import aligned, contingency_table
from bench.metrics.registry import NOISE


def vote_entropy(labelings: Sequence[np.ndarray]) -> np.ndarray:
    r"""Return the entropy of the clusters that several runs put each point in, named as in the first of them.

    .. math:: -\sum_c v_{ic} \log v_{ic}, \quad v_{ic} = \frac{1}{r} \sum_{j=1}^{r} [c_{ij} = c]

    Parameters
    ----------
    labelings : sequence of ndarray of shape (n_samples,)
        Labels of the same points from several runs, at least one. Noise is a vote too, the same for all runs.

    Returns
    -------
    ndarray of shape (n_samples,)
        In nats: 0 where all runs agree, the logarithm of their number where no two do.

    References
    ----------
    Strehl and Ghosh, "Cluster ensembles", JMLR 3, 2002, on why labels must be matched before they vote.
    """
    first, *others = labelings
    return entr(vote_shares(named_alike(first, others))).sum(axis=1)


def pairwise_disagreement(labelings: Sequence[np.ndarray]) -> np.ndarray:
    r"""Return how far the clusters that hold a point differ between runs, averaged over the pairs of runs.

    .. math:: \frac{2}{r (r - 1)} \sum_{a < b} \Big( 1 -
              \frac{\lvert C_a(x) \cap C_b(x) \rvert}{\lvert C_a(x) \cup C_b(x) \rvert} \Big)

    with :math:`C_a(x)` the points that run a puts into one cluster with x. It compares sets of points and no names of
    clusters: runs may have different numbers of clusters, and none is a reference for the others (`vote_entropy` needs
    one). A run that calls x noise has no cluster that holds it, so its pairs count 1, even with another that calls x
    noise; points of noise are in no cluster of others.

    Parameters
    ----------
    labelings : sequence of ndarray of shape (n_samples,)
        Labels of the same points from at least two runs.

    Returns
    -------
    ndarray of shape (n_samples,)
        0 where all runs hold a point in the same set of points; less than 1 unless it is noise in a run of each pair.
    """
    codes = [np.unique(labels, return_inverse=True)[1] for labels in labelings]
    noise = [labels == NOISE for labels in labelings]
    total = np.zeros(len(labelings[0]))
    pairs = list(itertools.combinations(range(len(labelings)), 2))
    for a, b in pairs:
        both = contingency_table(codes[a], codes[b])
        similar = both / (both.sum(axis=1, keepdims=True) + both.sum(axis=0) - both)
        total += np.where(noise[a] | noise[b], 1.0, 1 - similar[codes[a], codes[b]])
    return total / len(pairs)


def named_alike(reference: np.ndarray, others: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the reference and the others, their clusters named as those of the reference that they match best.

    Parameters
    ----------
    reference : ndarray of shape (n_samples,)
    others : sequence of ndarray of shape (n_samples,)

    Returns
    -------
    list of ndarray of shape (n_samples,)
        A cluster that matches none has a name that no other run uses.
    """
    named = [reference]
    for labels in others:
        taken = max(int(names.max()) for names in named)
        names = aligned(labels, reference)
        named.append(np.where(names > reference.max(), names + taken - reference.max(), names))
    return named


def vote_shares(labelings: Sequence[np.ndarray]) -> np.ndarray:
    """Return the share of labelings, aligned to each other, that put each point in each cluster.

    Parameters
    ----------
    labelings : sequence of ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_samples, n_names)
        A column for each name that occurs in any of them.
    """
    stacked = np.stack(labelings)
    names, codes = np.unique(stacked, return_inverse=True)
    n = stacked.shape[1]
    bins = codes.reshape(stacked.shape) + np.arange(n) * len(names)
    votes = np.bincount(bins.ravel(), minlength=n * len(names))
    return votes.reshape(n, len(names)) / len(stacked)


#: Hennig's (2007) marks on the mean Jaccard similarity of a cluster with its likes.
DISSOLVED, STABLE, HIGHLY_STABLE = 0.5, 0.75, 0.85
#: Fewer runs give no jackknife interval.
FEWEST_RUNS = 3
_LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far several runs agree on the same points.

    Attributes
    ----------
    n_runs : int
    ari, nmi : float
        Means over all pairs of runs; NMI over the arithmetic mean of the entropies.
    ari_interval, nmi_interval : (float, float) or None
        95 % for the mean over pairs of runs like these, by `jackknife_interval`; None with fewer than three.
    medoid : int
        The run that agrees most with the others, by ARI.
    jaccard : tuple of float
        Of each cluster of the medoid, in ascending order of its labels: the mean over the other runs of the
        largest Jaccard similarity with one of their clusters. Noise is no cluster in any of them.
    point_agreement : ndarray of shape (n_samples,)
        Share of the runs that put a point into the cluster that most of them put it in, clusters named as those
        of the medoid that they match best; or share of those that call it noise, where most do.
    """

    n_runs: int
    ari: float
    ari_interval: tuple[float, float] | None
    nmi: float
    nmi_interval: tuple[float, float] | None
    medoid: int
    jaccard: tuple[float, ...]
    point_agreement: np.ndarray

    @property
    def n_dissolved(self) -> int:
        """Clusters with a Jaccard similarity of .5 or less."""
        return sum(value <= DISSOLVED for value in self.jaccard)

    @property
    def n_stable(self) -> int:
        """Clusters with a Jaccard similarity of .75 or more, highly stable ones among them."""
        return sum(value >= STABLE for value in self.jaccard)

    @property
    def n_highly_stable(self) -> int:
        """Clusters with a Jaccard similarity of .85 or more."""
        return sum(value >= HIGHLY_STABLE for value in self.jaccard)


def agreement(labelings: Sequence[np.ndarray]) -> Agreement:
    """Return how far labelings of the same points agree: as wholes, cluster by cluster, and point by point.

    Parameters
    ----------
    labelings : sequence of ndarray of shape (n_samples,)
        Labels of the same points from two seeds or more. For ARI and NMI noise is one more group.

    Raises
    ------
    ValueError
        If there are fewer than two labelings, or if one of them has a single cluster: two collapsed runs agree
        perfectly, so they must be left out before.

    References
    ----------
    Hennig, "Cluster-wise assessment of cluster stability", Computational Statistics & Data Analysis 52, 2007.
    Its resamples are seeds here.
    """
    if len(labelings) < 2:
        raise ValueError(f"agreement takes at least 2 labelings; got {len(labelings)}")
    collapsed = [i for i, labels in enumerate(labelings) if len(labels) and (labels == labels[0]).all()]
    if collapsed:
        raise ValueError(f"labelings {collapsed} have one cluster each; leave collapsed runs out")
    ari, nmi = pairwise_agreement(labelings)
    medoid = int(ari.sum(axis=1).argmax())
    others = [labels for i, labels in enumerate(labelings) if i != medoid]
    similar = [_jaccard(labelings[medoid], other).max(axis=1) for other in others]
    return Agreement(
        n_runs=len(labelings),
        ari=_mean_over_pairs(ari),
        ari_interval=jackknife_interval(ari),
        nmi=_mean_over_pairs(nmi),
        nmi_interval=jackknife_interval(nmi),
        medoid=medoid,
        jaccard=tuple(np.mean(similar, axis=0).tolist()),
        point_agreement=vote_shares(named_alike(labelings[medoid], others)).max(axis=1),
    )


def stability(labelings: Sequence[np.ndarray]) -> float:
    """Return the mean adjusted Rand index over all pairs of labelings of the same points.

    Collapsed runs must be left out by the caller: two labelings with one cluster each agree perfectly.

    Parameters
    ----------
    labelings : sequence of ndarray of shape (n_samples,)
        Labels of the same points from several seeds.

    Returns
    -------
    float
        In [-1, 1]; NaN for fewer than two labelings.
    """
    return _mean_over_pairs(pairwise_agreement(labelings)[0]) if len(labelings) > 1 else float("nan")


def pairwise_agreement(labelings: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the adjusted Rand index and the NMI of every two labelings of the same points.

    Parameters
    ----------
    labelings : sequence of ndarray of shape (n_samples,)
        At least one.

    Returns
    -------
    ari, nmi : ndarray of shape (n_labelings, n_labelings)
        Symmetric, with 1 on the diagonal.
    """
    # Clusters of all labelings are numbered through, so that one count meets a labeling with all that follow.
    codes = [np.unique(labels, return_inverse=True)[1].astype(np.int64) for labels in labelings]
    clusters = np.array([code.max() + 1 for code in codes])
    first = np.cumsum(clusters) - clusters
    numbered = np.stack(codes) + first[:, None]
    sizes = [np.bincount(code).astype(np.float64) for code in codes]
    pairs_within = np.array([(size**2).sum() for size in sizes])
    n = len(codes[0])
    entropy = np.array([_entropy(xlogy(size, size).sum(), n) for size in sizes])

    ari, nmi = np.eye(len(codes)), np.eye(len(codes))
    for i, code in enumerate(codes[:-1]):
        rest = slice(i + 1, None)
        start, width = first[i + 1], clusters[rest].sum()
        joint = (code * width + (numbered[rest] - start)).ravel()
        counts = np.bincount(joint, minlength=clusters[i] * width).reshape(clusters[i], width).astype(np.float64)
        together = np.add.reduceat((counts**2).sum(axis=0), first[rest] - start)
        joint_entropy = _entropy(np.add.reduceat(xlogy(counts, counts).sum(axis=0), first[rest] - start), n)
        same = (together == pairs_within[i]) & (together == pairs_within[rest])
        ari[i, rest] = ari[rest, i] = _adjusted_rand(together, pairs_within[i], pairs_within[rest], n)
        nmi[i, rest] = nmi[rest, i] = np.where(same, 1.0, _normalized(entropy[i], entropy[rest], joint_entropy))
    return ari, nmi


def jackknife_interval(pairwise: np.ndarray) -> tuple[float, float] | None:
    r"""Return a 95 % interval for the mean over pairs of runs, by leaving out one run after the other.

    The standard error is the jackknife's; the interval is symmetric on the scale of Fisher's z, not on that of the
    mean, whose distribution is skewed near 1:

    .. math:: \tanh\left(\operatorname{artanh} \bar\theta \pm \frac{t_{r-1}\, s}{1 - \bar\theta^2}\right), \quad
        s^2 = \tfrac{r-1}{r} \sum_i (\theta_{(i)} - \bar\theta_{(\cdot)})^2

    The pairs are not independent, as each run is in r − 1 of them; the runs are.

    Parameters
    ----------
    pairwise : ndarray of shape (n_runs, n_runs)
        A symmetric measure of agreement, above -1, of which 1 is the most.

    Returns
    -------
    (float, float) or None
        Without width where all pairs agree alike; None with fewer than three runs.

    Notes
    -----
    93 to 97 % of the simulated intervals of 5, 10 and 20 runs hold the truth (results/statistics): runs of unequal
    quality, in two local optima, and of k-means. On the scale of the mean itself it is 89 to 93 % where runs agree
    closely. Two limits. Runs that end elsewhere too rarely to be among those at hand are in no interval: where one in
    ten does, ten runs show none of it in 35 % of cases, and 63 % of their intervals hold the truth. Where runs agree no
    better than chance, intervals are too wide, and 99 % hold the truth.

    References
    ----------
    Arvesen, "Jackknifing U-statistics", Annals of Mathematical Statistics 40(6), 1969.
    """
    n = len(pairwise)
    if n < FEWEST_RUNS:
        return None
    mean = _mean_over_pairs(pairwise)
    if mean >= 1:
        return 1.0, 1.0
    of_run = pairwise.sum(axis=1) - np.diag(pairwise)
    without = (of_run.sum() / 2 - of_run) / ((n - 1) * (n - 2) / 2)
    error = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    reach = stdtrit(n - 1, (1 + _LEVEL) / 2) * error / (1 - mean**2)
    low, high = np.tanh(np.arctanh(mean) + np.array([-reach, reach]))
    return float(low), float(high)


def _mean_over_pairs(pairwise: np.ndarray) -> float:
    return float(pairwise[np.triu_indices(len(pairwise), 1)].mean())


def _jaccard(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the Jaccard similarity of each cluster of one labeling with each of another; noise is none."""
    both = contingency_table(a, b)
    similarity = both / (both.sum(axis=1, keepdims=True) + both.sum(axis=0) - both)
    return similarity[np.unique(a) != NOISE][:, np.unique(b) != NOISE]


def _entropy(sum_of_x_log_x: np.ndarray, n: int) -> np.ndarray:
    """Return −Σ x/n log x/n of counts x that add up to n, from Σ x log x."""
    return np.log(n) - sum_of_x_log_x / n


def _normalized(a: np.ndarray, b: np.ndarray, joint: np.ndarray) -> np.ndarray:
    """Return the mutual information over the mean of two entropies; 0 where both of them are 0."""
    mean = (a + b) / 2
    return np.clip(a + b - joint, 0, None) / np.where(mean > 0, mean, 1)


def _adjusted_rand(together: np.ndarray, a: float, b: np.ndarray, n: int) -> np.ndarray:
    r"""Return ARIs from the sums of squared counts: of the contingency tables, and of either margin.

    .. math:: 2 (TP \cdot TN - FN \cdot FP) / ((TP + FN)(FN + TN) + (TP + FP)(FP + TN))

    over ordered pairs of points; 1 where the labelings are the same.

    References
    ----------
    Steinley, "Properties of the Hubert-Arabie adjusted Rand index", Psychological Methods 9(3), 2004.
    """
    both, only_a, only_b = together - n, a - together, b - together
    neither = n**2 - only_a - only_b - together
    disagree = (only_a != 0) | (only_b != 0)
    scale = (both + only_a) * (only_a + neither) + (both + only_b) * (only_b + neither)
    return np.where(disagree, 2 * (both * neither - only_a * only_b) / np.where(disagree, scale, 1), 1.0)
