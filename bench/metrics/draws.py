"""How the labels of a run change from one draw of its latent code to another."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import entr

from bench.metrics.external import ONE_CLASS, contingency_table, with_class
from bench.metrics.table import DRAWN, UNLABELLED

_CHUNK = 4096  # points whose votes are counted at a time
_ONE_DRAW = "there is one draw, and none to compare it with"


def draw_metrics(draw_labels: np.ndarray, y: np.ndarray | None) -> dict[str, float | str]:
    """Compute ``label_change``, and mean and standard deviation over draws of their agreement with the classes.

    Parameters
    ----------
    draw_labels : ndarray of shape (n_draws, n_samples)
        Clusters, from 0.
    y : ndarray of shape (n_samples,) or None
        Points without a class count in the first alone.

    Returns
    -------
    dict of str to float or str
        ``label_change`` and, for each NAME of `DRAWN`, ``NAME_draws`` and ``NAME_draws_sd`` (of a sample: with
        n_draws - 1); a text stands for a value that does not exist.
    """
    alone = len(draw_labels) == 1
    found: dict[str, float | str] = {"label_change": _ONE_DRAW if alone else label_change(draw_labels)}
    if y is not None:
        judged = with_class(y)
        y, draw_labels = y[judged], draw_labels[:, judged]
    scores = None if y is None else [labeling_scores(contingency_table(y, labels)) for labels in draw_labels]
    mean: float | str
    sd: float | str
    for name in DRAWN:
        if y is None or scores is None:
            mean = sd = UNLABELLED
        elif name != "acc" and (y == y[0]).all():
            mean = sd = ONE_CLASS
        else:
            values = np.array([of_draw[name] for of_draw in scores])
            mean, sd = float(values.mean()), _ONE_DRAW if alone else float(values.std(ddof=1))
        found |= {f"{name}_draws": mean, f"{name}_draws_sd": sd}
    return found


def label_change(draw_labels: np.ndarray) -> float:
    r"""Return the chance that two different draws give a point different labels, averaged over the points.

    .. math:: \frac{1}{n} \sum_i \Big( 1 - \sum_j \frac{c_{ij} (c_{ij} - 1)}{S (S - 1)} \Big)

    with :math:`c_{ij}` the number of the S draws that put point i into cluster j.

    Parameters
    ----------
    draw_labels : ndarray of shape (n_draws, n_samples)
        Two draws or more; clusters from 0.
    """
    n_draws, n_samples = draw_labels.shape
    n_clusters = int(draw_labels.max()) + 1
    agreeing = 0
    for start in range(0, n_samples, _CHUNK):
        votes = draw_labels[:, start : start + _CHUNK].astype(np.int64)
        votes += np.arange(votes.shape[1]) * n_clusters  # one bin for each point and cluster
        counts = np.bincount(votes.ravel())
        agreeing += int((counts * (counts - 1)).sum())
    return 1 - agreeing / (n_draws * (n_draws - 1) * n_samples)


def labeling_scores(counts: np.ndarray) -> dict[str, float]:
    """Compute ``acc``, ``nmi`` and ``ari`` from one contingency table, as `external_scores` defines them.

    scikit-learn makes the table afresh for each of them.

    Parameters
    ----------
    counts : ndarray of shape (n_classes, n_clusters)
        Points of each class in each cluster; two classes or more for the last two to mean anything.
    """
    n = counts.sum()
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    of_class, of_cluster = entr(rows / n).sum(), entr(columns / n).sum()
    shared = of_class + of_cluster - entr(counts / n).sum()

    together, in_class, in_cluster = (float((c * (c - 1)).sum()) for c in (counts, rows, columns))
    by_chance = in_class * in_cluster / max(n * (n - 1), 1)
    largest = (in_class + in_cluster) / 2
    return {
        "acc": float(counts[linear_sum_assignment(counts, maximize=True)].sum() / n),
        "nmi": float(shared / ((of_class + of_cluster) / 2)) if of_class + of_cluster > 0 else 1.0,
        # Equal where both sides are all one, or every point its own: the same partition.
        "ari": float((together - by_chance) / (largest - by_chance)) if largest != by_chance else 1.0,
    }
