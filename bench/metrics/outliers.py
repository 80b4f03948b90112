"""Outlier detection: whether points of another data set look uncertain to a fitted method."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from bench.metrics.health import is_collapsed
from bench.metrics.point_scores import constants_of, uncertainty_scores

_PREFIX = "outliers/"
_CAUGHT_PERCENT = 95


def outlier_metrics(
    outputs: Mapping[str, np.ndarray], points: np.ndarray | None, names: Collection[str] | None = None
) -> dict[str, dict[str, dict[str, float]]]:
    """Compare the scores of uncertainty of outliers with those of the points that a method was fitted on.

    Parameters
    ----------
    outputs : mapping of str to ndarray
        Raw outputs of the fitted points; ``inliers`` (n_inliers,), the indices of those that are compared; and
        ``outliers/NAME/X``, the output X for the points of each set NAME of outliers.
    points : ndarray of shape (n_samples, n_features) or None
        The fitted points. Without them there is no margin for a method without an embedding.
    names : collection of str, optional
        The scores; all by default.

    Returns
    -------
    dict of str to dict
        By set of outliers and name of score, as `outlier_scores` gives them. A score is left out where either side
        has none, or values that are not finite; all are of a collapsed run, to which all points look alike.
    """
    views = _views(outputs)
    if not views or is_collapsed(outputs["labels"], outputs.get("soft_assignment")):
        return {}
    fitted = uncertainty_scores(outputs, points, names)
    inliers = {name: values[outputs["inliers"]] for name, values in fitted.items()}
    shared = constants_of(outputs)
    metrics: dict[str, dict[str, dict[str, float]]] = {}
    for outlier_set, view in views.items():
        outliers = uncertainty_scores(view | shared, names=names)
        metrics[outlier_set] = {
            name: outlier_scores(inliers[name], outliers[name])
            for name in inliers
            if name in outliers and np.isfinite(inliers[name]).all() and np.isfinite(outliers[name]).all()
        }
    return metrics


def outlier_scores(inliers: np.ndarray, outliers: np.ndarray) -> dict[str, float]:
    """Compute ``auroc``, ``aupr`` and ``fpr95`` of finding outliers, the positive class, by a score.

    Parameters
    ----------
    inliers : ndarray of shape (n_inliers,)
    outliers : ndarray of shape (n_outliers,)

    Returns
    -------
    dict of str to float
        ``fpr95`` is the share of inliers that score as high as the lowest of the 95 % highest outliers, or higher:
        the false alarms of the strictest threshold that catches 95 % of the outliers. AUPR depends on how many there
        are of both.
    """
    scores = np.concatenate([inliers, outliers])
    positive = np.arange(len(scores)) >= len(inliers)
    n_caught = -(-_CAUGHT_PERCENT * len(outliers) // 100)  # rounded up, in whole numbers: .95 n is not exact
    threshold = np.sort(outliers)[len(outliers) - n_caught]
    return {
        "auroc": float(roc_auc_score(positive, scores)),
        "aupr": float(average_precision_score(positive, scores)),
        "fpr95": float((inliers >= threshold).mean()),
    }


def _views(outputs: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Return the outputs of each set of outliers, under the names that those of the fitted points have."""
    views: dict[str, dict[str, np.ndarray]] = {}
    for key, value in outputs.items():
        if key.startswith(_PREFIX):
            outlier_set, _, name = key.removeprefix(_PREFIX).rpartition("/")
            views.setdefault(outlier_set, {})[name] = value
    return views
