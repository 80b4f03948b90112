"""Calibration, error detection and the spread over latent draws of a run.

Clusters are named after classes on one half of the points and judged on the other, so that no run gains by a name
that fits its own errors. Points without a class are in neither half.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import entr

from bench.data.dataset import Dataset
from bench.generators import shuffled
from bench.metrics.calibration import Reliability, calibration, reliability
from bench.metrics.detection import DETECTION, detection
from bench.metrics.external import ONE_CLASS, contingency_table, matched_classes, with_class
from bench.metrics.health import is_collapsed
from bench.metrics.metric import UNCERTAINTY_NEEDS
from bench.metrics.point_scores import (
    NO_ASSIGNMENT,
    NO_DRAWS,
    checked_probabilities,
    scores_or_reasons,
)
from bench.metrics.registry import BUILT_IN_METRICS, DRAWN, NOISE, SCORES, UNLABELLED

COLLAPSED = "the run collapsed: what tells no points apart is neither certain nor calibrated"
_NO_CLASS = -1
_CALIBRATION = ("ece", "ece_mass", "brier", "nll")
#: Output that is calibrated, by the suffix of its metrics, and why it may not be there.
_ASSIGNMENTS = {"": ("soft_assignment", NO_ASSIGNMENT), "_sampled": ("sampled_assignment", NO_DRAWS)}
_DRAWS = ("label_change", *(f"{name}_draws{part}" for name in DRAWN for part in ("", "_sd")))
_NAMES = tuple(row.name for row in BUILT_IN_METRICS if UNCERTAINTY_NEEDS & set(row.needs))
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
        n_draws - 1); a value that does not exist is the reason, as text.
    """
    alone = len(draw_labels) == 1
    metrics: dict[str, float | str] = {"label_change": _ONE_DRAW if alone else label_change(draw_labels)}
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
        metrics |= {f"{name}_draws": mean, f"{name}_draws_sd": sd}
    return metrics


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


def halves(fingerprint: str, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the points on which clusters are matched to classes, and those on which they are then scored.

    Drawn from data set and seed, so that all methods share them and the pairs of a test are pairs in this too.

    Returns
    -------
    matching : ndarray of shape (n // 2,)
    scoring : ndarray of shape (n - n // 2,)
        Indices in ascending order.
    """
    order = shuffled(n, "halves", fingerprint, seed)
    return np.sort(order[: n // 2]), np.sort(order[n // 2 :])


def mis_clustered(labels: np.ndarray, dataset: Dataset, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which points of the scoring half are in a cluster of another class.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
        Noise (-1) is always wrong.
    dataset : Dataset
        With classes.
    seed : int
        Of the run.

    Returns
    -------
    scoring : ndarray of shape (n_scoring,)
        The half of the points that have a class, as indices in ascending order.
    wrong : ndarray of shape (n_scoring,) of bool
        A cluster that the matching half gave no class is wrong.
    """
    return mis_clustered_of(labels, _classes(dataset), dataset.fingerprint, seed)


def mis_clustered_of(labels: np.ndarray, y: np.ndarray, fingerprint: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Do what `mis_clustered` does where only the classes (n_samples,) of a data set are at hand, not its points."""
    matching, scoring = _judged_halves(y, fingerprint, seed)
    classes = matched_classes(labels[matching], y[matching])
    clusters, cluster = np.unique(labels[scoring], return_inverse=True)
    predicted = np.array([classes.get(int(value), _NO_CLASS) for value in clusters])[cluster]
    return scoring, predicted != y[scoring]


def _judged_halves(y: np.ndarray, fingerprint: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the `halves` of the points that have a class, as indices of all points."""
    judged = with_class(y)
    matching, scoring = halves(fingerprint, len(judged), seed)
    return judged[matching], judged[scoring]


def reliability_of(assignment: np.ndarray, labels: np.ndarray, dataset: Dataset, seed: int) -> Reliability | str:
    """Return the reliability diagram of a soft assignment, in bins of equal width, or why there is none.

    Parameters
    ----------
    assignment : ndarray of shape (n_samples, n_clusters)
    labels : ndarray of shape (n_samples,)
        Noise (-1) is always wrong, whatever its assignment says.
    dataset : Dataset
        With classes.
    seed : int
        Of the run.
    """
    judged = _judged(assignment, labels, dataset, seed)
    return judged if isinstance(judged, str) else reliability(*judged)


def uncertainty_metrics(outputs: Mapping[str, np.ndarray], dataset: Dataset, seed: int) -> dict[str, float | str]:
    """Compute the built-in metrics on calibration, on the detection of errors and on latent draws.

    Parameters
    ----------
    outputs : mapping of str to ndarray
        Raw outputs of a fitted method.
    dataset : Dataset
        The data it was fitted on.
    seed : int
        Of the run; with the data set it fixes the halves.

    Returns
    -------
    dict of str to float or str
        A text stands for a value that does not exist. A collapsed run has none at all.
    """
    labels = outputs["labels"]
    if is_collapsed(labels, outputs.get("soft_assignment")):
        return dict.fromkeys(_NAMES, COLLAPSED)
    return _calibrations(outputs, dataset, seed) | _detections(outputs, dataset, seed) | _of_draws(outputs, dataset)


def _calibrations(outputs: Mapping[str, np.ndarray], dataset: Dataset, seed: int) -> dict[str, float | str]:
    metrics: dict[str, float | str] = {}
    for suffix, (name, absent) in _ASSIGNMENTS.items():
        judged: _Judged | str = absent
        if dataset.classes is None:
            judged = UNLABELLED
        elif name in outputs:
            judged = _judged(outputs[name], outputs["labels"], dataset, seed)
        scores: Mapping[str, float | str]
        scores = dict.fromkeys(_CALIBRATION, judged) if isinstance(judged, str) else calibration(*judged)
        metrics |= {metric + suffix: value for metric, value in scores.items()}
    return metrics


#: The probabilities of the scoring half, the class of each column, and the classes of that half, none of noise.
_Judged = tuple[np.ndarray, dict[int, int], np.ndarray]


def _judged(assignment: np.ndarray, labels: np.ndarray, dataset: Dataset, seed: int) -> _Judged | str:
    y = _classes(dataset)
    probabilities = checked_probabilities(assignment, len(y))
    if isinstance(probabilities, str):
        return probabilities
    matching, scoring = _judged_halves(y, dataset.fingerprint, seed)
    noise = labels == NOISE
    clusters = np.where(noise, NOISE, probabilities.argmax(axis=1))
    matched = matched_classes(clusters[matching], y[matching])
    return probabilities[scoring], matched, np.where(noise, _NO_CLASS, y)[scoring]


def _detections(outputs: Mapping[str, np.ndarray], dataset: Dataset, seed: int) -> dict[str, float | str]:
    if dataset.classes is None:
        return {f"{metric}_{row.name}": UNLABELLED for row in SCORES for metric in DETECTION}
    scores = scores_or_reasons(outputs, dataset.x)
    return _detected_by(scores, *mis_clustered(outputs["labels"], dataset, seed))


def _detected_by(
    scores: Mapping[str, np.ndarray | str], scoring: np.ndarray, wrong: np.ndarray
) -> dict[str, float | str]:
    metrics: dict[str, float | str] = {}
    for name, value in scores.items():
        of_score: Mapping[str, float | str]
        of_score = dict.fromkeys(DETECTION, value) if isinstance(value, str) else detection(value[scoring], wrong)
        metrics |= {f"{metric}_{name}": of_metric for metric, of_metric in of_score.items()}
    return metrics


def detection_metrics(
    outputs: Mapping[str, np.ndarray], classes: np.ndarray | None, fingerprint: str, seed: int, scores: Collection[str]
) -> dict[str, float | str]:
    """Compute what `uncertainty_metrics` does of some scores, where the points of the data set are not at hand.

    Parameters
    ----------
    outputs : mapping of str to ndarray
        ``labels``, and the raw outputs that the scores are made of.
    classes : ndarray of shape (n_samples,) or None
        None for unlabelled data.
    fingerprint : str
        Of the data set.
    seed : int
        Of the run.
    scores : collection of str
        Names of `bench.metrics.registry.SCORES`.
    """
    labels, names = outputs["labels"], [f"{metric}_{score}" for score in scores for metric in DETECTION]
    if is_collapsed(labels, outputs.get("soft_assignment")):
        return dict.fromkeys(names, COLLAPSED)
    if classes is None:
        return dict.fromkeys(names, UNLABELLED)
    judged = mis_clustered_of(labels, classes, fingerprint, seed)
    return _detected_by(scores_or_reasons(outputs, names=scores), *judged)


def _of_draws(outputs: Mapping[str, np.ndarray], dataset: Dataset) -> dict[str, float | str]:
    if "draw_labels" not in outputs:
        of_classes = UNLABELLED if dataset.classes is None else NO_DRAWS
        return {name: NO_DRAWS if name == "label_change" else of_classes for name in _DRAWS}
    draw_labels, n = outputs["draw_labels"], len(dataset.x)
    if draw_labels.ndim != 2 or draw_labels.shape[1] != n or not len(draw_labels):
        return dict.fromkeys(_DRAWS, f"draw_labels has shape {draw_labels.shape}; it needs (n_draws > 0, {n})")
    return draw_metrics(draw_labels, dataset.classes)


def _classes(dataset: Dataset) -> np.ndarray:
    if dataset.classes is None:
        raise ValueError(UNLABELLED)
    return dataset.classes
