"""From the raw outputs of one cell to all its metrics."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from bench.data.dataset import Dataset
from bench.metrics import METRICS_VERSION, score
from bench.metrics.external import clusters_of, external_scores
from bench.metrics.health import advice_on, health_of
from bench.metrics.internal import internal_scores
from bench.metrics.outliers import outlier_metrics
from bench.metrics.registry import METRICS, NOISE, UNLABELLED
from bench.metrics.uncertainty import uncertainty_metrics

_RECLUSTERED = ("acc", "nmi", "ari")
_LARGEST_VALUE = 1e15  # beyond it the squared distances of a float32 embedding overflow without a word


def score_outputs(
    outputs: Mapping[str, np.ndarray], dataset: Dataset, seed: int
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Compute every metric; `bench.metrics.score` documents it."""
    labels = _checked_labels(outputs, len(dataset.x))
    embedding = _checked_embedding(outputs, len(dataset.x))
    found: dict[str, float | str] = {
        "n_clusters_used": float(len(clusters_of(labels))),
        "noise_share": float((labels == NOISE).mean()),
    }
    # The limit reaches only libraries already loaded: scikit-learn is imported at the top for this too.
    with threadpool_limits(limits=1):
        found |= external_scores(dataset.classes, labels)
        found |= _suffixed(internal_scores(dataset.x, labels), "pixels")
        found |= _embedding_scores(embedding, labels, dataset)
        found |= uncertainty_metrics({**outputs, "labels": labels}, dataset, seed)

    metrics: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for row in METRICS:
        value = found[row.name]
        if isinstance(value, float) and not math.isfinite(value):
            value = "the value is not finite"
        metrics[row.name] = None if isinstance(value, str) else value
        if isinstance(value, str):
            reasons[row.name] = value
    return metrics, reasons


def recluster(embedding: np.ndarray, n_clusters: int) -> np.ndarray:
    """Cluster an embedding by KMeans from ten starts with a fixed seed.

    Parameters
    ----------
    embedding : ndarray of shape (n_samples, n_latent)
        Finite.
    n_clusters : int
        At most n_samples.

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    kmeans = KMeans(n_clusters, n_init=10, random_state=0)
    # One thread: KMeans adds up centres per thread, and another order of addition moves border points.
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct points than clusters: collapsed
        return kmeans.fit_predict(embedding)


def _embedding_scores(embedding: np.ndarray | None, labels: np.ndarray, dataset: Dataset) -> dict[str, float | str]:
    reason = None
    if embedding is None:
        reason = "the method has no embedding"
    elif not np.isfinite(embedding).all():
        reason = "the embedding has values that are not finite"
    elif np.abs(embedding).max() > _LARGEST_VALUE:
        reason = f"the embedding has values above {_LARGEST_VALUE:g}: it has diverged"
    if embedding is None or reason is not None:
        names = [row.name for row in METRICS if "embedding" in row.needs]
        return dict.fromkeys(names, reason or "")

    scores = _suffixed(internal_scores(embedding, labels), "embedding")
    if dataset.classes is None:
        again: dict[str, float | str] = dict.fromkeys(_RECLUSTERED, UNLABELLED)
    elif dataset.n_clusters > len(embedding):
        again = dict.fromkeys(_RECLUSTERED, "there are fewer points than clusters")
    else:
        again = external_scores(dataset.classes, recluster(embedding, dataset.n_clusters))
    return scores | _suffixed({name: again[name] for name in _RECLUSTERED}, "reclustered")


def _suffixed(scores: Mapping[str, float | str], suffix: str) -> dict[str, float | str]:
    return {f"{name}_{suffix}": value for name, value in scores.items()}


def _checked_labels(outputs: Mapping[str, np.ndarray], n_samples: int) -> np.ndarray:
    if "labels" not in outputs:
        raise ValueError(f"the outputs hold no 'labels'; they hold {sorted(outputs)}")
    labels = np.asarray(outputs["labels"])
    if labels.shape != (n_samples,):
        raise ValueError(f"labels have shape {labels.shape}; the data set needs ({n_samples},)")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels have type {labels.dtype}; they must be integers, one cluster a point")
    if n_samples == 0:
        raise ValueError("the data set has no points to score")
    if labels.min() < NOISE:
        raise ValueError(f"labels have the value {labels.min()}; they must be -1 (noise) or more")
    return labels.astype(np.int64)  # unsigned labels would wrap where a sign is looked for


def _checked_embedding(outputs: Mapping[str, np.ndarray], n_samples: int) -> np.ndarray | None:
    if outputs.get("embedding") is None:
        return None
    embedding = np.asarray(outputs["embedding"])
    if embedding.ndim != 2 or len(embedding) != n_samples or embedding.shape[1] == 0:
        raise ValueError(f"the embedding has shape {embedding.shape}; the data set needs ({n_samples}, n_latent > 0)")
    if not np.issubdtype(embedding.dtype, np.floating):
        return embedding.astype(np.float64)
    return embedding


def assess(outputs: Mapping[str, np.ndarray], dataset: Dataset, seed: int, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a record that follow from the raw outputs alone.

    Parameters
    ----------
    outputs : mapping of str to ndarray
    dataset : Dataset
        What the cell was fitted to.
    seed : int
        The cell's; it says on which half of the points clusters are matched to classes.
    params : mapping
        The cell's.

    Raises
    ------
    ValueError
        If an output has the wrong length, shape or type.
    """
    metrics, reasons = score(outputs, dataset, seed)
    health = health_of(outputs, params.get("n_clusters"))
    return {
        "metrics": metrics,
        "reasons": reasons,
        "outliers": outlier_metrics(outputs, dataset.x),
        "health": health.verdict,
        "health_epoch": health.epoch,
        "health_reason": health.reason,
        "health_advice": advice_on(health, outputs, params, *dataset.x.shape),
        "flags": [] if health.verdict == "healthy" else [health.verdict],
        "metrics_version": METRICS_VERSION,
    }
