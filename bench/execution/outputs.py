"""The raw outputs of a fitted method, from which metrics and figures are computed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import entr

from bench.data.dataset import Dataset
from bench.metrics.point_scores import centroid_margin
from bench.metrics.registry import N_DRAWS, NOISE

Outputs = dict[str, np.ndarray]

#: Allowed names of a history's columns, which become names of files in an archive.
_COLUMN = re.compile(r"[\w][\w .-]{0,63}")
#: Points whose draws are in memory at one time; 32 draws in 10 dimensions for each of 10 clusters are 13 MB.
DRAWN_AT_ONCE = 1024
#: Number of most and of least certain points shown of a cluster, and of clusters shown.
N_EXTREME, MOST_CLUSTERS = 4, 20


def outputs_of(
    estimator: Any, dataset: Dataset, seed: int, outliers: Mapping[str, np.ndarray] | None = None
) -> Outputs:
    """Return the raw outputs of a fitted method.

    Parameters
    ----------
    estimator : object
        Fitted to ``dataset.x``. Only ``labels_`` is required.
    dataset : Dataset
    seed : int
        Seed of the latent draws.
    outliers : mapping of str to ndarray of shape (m, n_features), optional
        Sets of points that the method was not fitted to, by name.

    Returns
    -------
    dict of str to ndarray
        ``labels`` (n,). If the method has them: ``embedding`` and ``embedding_variance`` (n, d), ``centers`` (k, d),
        ``mixture_weights`` (k,) and ``mixture_variances`` (k, d) where the centers are means of a mixture of diagonal
        Gaussians, ``history/NAME`` by epoch, what `_point_outputs` returns, and the same for outliers under
        ``outliers/NAME/``. For sample points of an image data set ``reconstruction`` (m, n_features), and its mean and
        standard deviation over latent draws, ``reconstruction_mean`` and ``reconstruction_sd``.

    Raises
    ------
    ValueError
        If an output lacks the shape or type that the contract of methods demands.
    """
    n = len(dataset.x)
    if not hasattr(estimator, "labels_"):
        raise ValueError(f"after fit, {type(estimator).__name__} has no labels_; set it there, one integer a point")
    outputs: Outputs = {"labels": checked_labels("labels_", estimator.labels_, n)}
    for name in ("embedding", "embedding_variance"):
        value = getattr(estimator, f"{name}_", None)
        if value is not None:
            outputs[name] = np.asarray(value, dtype=np.float32)
    variance, embedding = outputs.get("embedding_variance"), outputs.get("embedding")
    if variance is not None and embedding is not None and variance.shape != embedding.shape:
        raise ValueError(f"embedding_variance_ has shape {variance.shape}; it must be {embedding.shape}, as embedding_")
    width = outputs["embedding"].shape[-1] if "embedding" in outputs else dataset.x.shape[1]
    centers = _centers(estimator, width)
    if centers is not None:
        outputs["centers"] = centers
        outputs |= _mixture(estimator, centers.shape)
    outputs |= _point_outputs(estimator, dataset.x, "fitted", seed)
    outputs |= _reconstructions(estimator, dataset, seed)
    for name, points in (outliers or {}).items():
        scored = _point_outputs(estimator, points, name, seed) | _embeddings(estimator, points)
        scored.pop("draw_labels", None)  # outliers have no true label
        if centers is not None and "embedding" not in outputs and len(centers) > 1:
            scored["margin"] = centroid_margin(points, centers)  # the points themselves are not stored
        outputs |= {f"outliers/{name}/{what}": values for what, values in scored.items()}
    return outputs | _history_columns(getattr(estimator, "history_", None) or [])


def heldout_outputs(estimator: Any, points: np.ndarray) -> Outputs:
    """Return a fitted method's outputs for points that it was not fitted to.

    Returns
    -------
    dict of str to ndarray
        ``heldout_labels`` and ``heldout_embedding``, if the method can ``predict`` and ``transform``.

    Raises
    ------
    ValueError
        If these are not one integer, or one row, for each point.
    """
    outputs: Outputs = {}
    if hasattr(estimator, "predict"):
        outputs["heldout_labels"] = checked_labels("predict", estimator.predict(points), len(points))
    if hasattr(estimator, "transform"):
        outputs["heldout_embedding"] = _rows("transform", estimator.transform(points), len(points))
    return outputs


def checked_labels(name: str, given: Any, n: int) -> np.ndarray:
    """Return labels as int32.

    Parameters
    ----------
    name : str
        The member that returned them, for the message.
    given : array-like
    n : int
        Number of points.

    Raises
    ------
    ValueError
        If they are not one integer for each point, -1 for noise or more.
    """
    labels = np.asarray(given)
    if labels.shape != (n,) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"{name} has shape {labels.shape} and type {labels.dtype}; "
            f"it must have one integer for each of the {n} points"
        )
    lowest, highest, most = labels.min(initial=0), labels.max(initial=0), np.iinfo(np.int32).max
    if lowest < NOISE or highest > most:
        raise ValueError(
            f"{name} has labels from {lowest} to {highest}; labels must be -1 or more: -1 is noise, and clusters are "
            f"whole numbers from 0 to {most}"
        )
    return labels.astype(np.int32)


def _point_outputs(estimator: Any, points: np.ndarray, name: str, seed: int) -> Outputs:
    """Return a method's outputs for each point.

    Returns
    -------
    dict of str to ndarray
        ``soft_assignment`` (n, k) at the mean of the embedding, ``reconstruction_error`` (n,), mean over features,
        ``log_density`` (n,); over latent draws ``sampled_assignment`` (n, k), the mean soft assignment,
        ``sampled_entropy`` (n,), its mean entropy in nats, and ``draw_labels`` (n_draws, n).
    """
    outputs: Outputs = {}
    n = len(points)
    if hasattr(estimator, "predict_proba"):
        outputs["soft_assignment"] = _rows("predict_proba", estimator.predict_proba(points), n)
    if hasattr(estimator, "reconstruct"):
        errors = []
        for chunk in _chunks(points, 8 * DRAWN_AT_ONCE):
            rebuilt = _rows("reconstruct", estimator.reconstruct(chunk), len(chunk))
            errors.append(np.square(rebuilt - chunk).mean(axis=1))
        outputs["reconstruction_error"] = np.concatenate(errors)
    if hasattr(estimator, "score_samples"):
        # In pieces, since a variational bound is a mean over draws.
        pieces = [_numbers("score_samples", estimator.score_samples(c), len(c)) for c in _chunks(points, DRAWN_AT_ONCE)]
        outputs["log_density"] = np.concatenate(pieces)
    if hasattr(estimator, "sample_proba"):
        outputs |= _draws(estimator, points, name, seed)
    return outputs


def _draws(estimator: Any, points: np.ndarray, name: str, seed: int) -> Outputs:
    """Draw soft assignments, for some of the points at a time: all draws of all points would be gigabytes."""
    means, entropies, labels = [], [], []
    for i, chunk in enumerate(_chunks(points, DRAWN_AT_ONCE)):
        stream = _seed_of(f"uncertainty/draws/{name}/{i}", seed)
        q = np.asarray(estimator.sample_proba(chunk, n_samples=N_DRAWS, random_state=stream), dtype=np.float32)
        if q.ndim != 3 or q.shape[:2] != (N_DRAWS, len(chunk)):
            raise ValueError(f"sample_proba gives shape {q.shape}; it must be ({N_DRAWS}, {len(chunk)}, n_clusters)")
        means.append(q.mean(axis=0))
        labels.append(q.argmax(axis=2).astype(np.min_scalar_type(q.shape[2])))
        entropies.append(entr(q).sum(axis=2).mean(axis=0))
    return {
        "sampled_assignment": np.concatenate(means),
        "sampled_entropy": np.concatenate(entropies),
        "draw_labels": np.concatenate(labels, axis=1),
    }


def _embeddings(estimator: Any, points: np.ndarray) -> Outputs:
    """Return embeddings of points that the method was not fitted to, and their variance."""
    members = {"embedding": "transform", "embedding_variance": "transform_variance"}
    return {
        name: _rows(member, getattr(estimator, member)(points), len(points))
        for name, member in members.items()
        # Without an embedding, transform means something else: KMeans' returns distances.
        if hasattr(estimator, member) and getattr(estimator, f"{name}_", None) is not None
    }


def _reconstructions(estimator: Any, dataset: Dataset, seed: int) -> Outputs:
    """Return reconstructions of an image data set's sample points, also over latent draws."""
    outputs: Outputs = {}
    if dataset.image_shape is None:
        return outputs
    samples = dataset.x[dataset.sample_indices()]
    if hasattr(estimator, "reconstruct"):
        outputs["reconstruction"] = _rows("reconstruct", estimator.reconstruct(samples), len(samples))
    if hasattr(estimator, "sample_reconstruct"):
        stream = _seed_of("uncertainty/reconstructions", seed)
        drawn = np.asarray(estimator.sample_reconstruct(samples, n_samples=N_DRAWS, random_state=stream))
        if drawn.shape != (N_DRAWS, *samples.shape):
            raise ValueError(f"sample_reconstruct gives shape {drawn.shape}; it must be {(N_DRAWS, *samples.shape)}")
        outputs["reconstruction_mean"] = drawn.mean(axis=0, dtype=np.float32)
        outputs["reconstruction_sd"] = drawn.std(axis=0, dtype=np.float32)
    return outputs


def extremes(labels: np.ndarray, score: np.ndarray, dataset: Dataset) -> Outputs:
    """Return the most and the least certain points of each cluster, with their images.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
    score : ndarray of shape (n_samples,)
        High for uncertain points.
    dataset : Dataset

    Returns
    -------
    dict of str to ndarray
        ``extreme_points`` (n_clusters, 2, 4): indices of the most and of the least certain points of each of the first
        twenty labels, noise included, padded with -1. For images ``extreme_images`` (n_clusters, 2, 4, n_features)
        uint8.
    """
    chosen = []
    for cluster in np.unique(labels)[:MOST_CLUSTERS]:
        members = np.flatnonzero(labels == cluster)
        members = members[np.argsort(score[members], kind="stable")]
        ends = members[:N_EXTREME], members[::-1][:N_EXTREME]
        chosen.append([np.pad(end, (0, N_EXTREME - len(end)), constant_values=-1) for end in ends])
    points = np.array(chosen, dtype=np.int32)
    outputs: Outputs = {"extreme_points": points}
    if dataset.image_shape is not None:
        outputs["extreme_images"] = np.round(255 * dataset.x[points]).astype(np.uint8)
    return outputs


def _seed_of(name: str, seed: int) -> int:
    """Return a seed of 31 bits for a named purpose."""
    return int(np.random.SeedSequence([seed, *name.encode()]).generate_state(1)[0]) >> 1


def _centers(estimator: Any, width: int) -> np.ndarray | None:
    """Return the cluster centers, if they have the dimension of the embedding or, without one, of the points."""
    for name in ("cluster_centers_", "means_"):
        centers = getattr(estimator, name, None)
        if centers is not None and np.ndim(centers) == 2 and np.shape(centers)[1] == width:
            return np.asarray(centers, dtype=np.float32)
    return None


def _mixture(estimator: Any, shape: tuple[int, ...]) -> Outputs:
    """Return weights and variances of a mixture of diagonal Gaussians around the centers, if the method has one."""
    weights, variances = getattr(estimator, "weights_", None), getattr(estimator, "variances_", None)
    if weights is None or variances is None or np.shape(weights) != shape[:1] or np.shape(variances) != shape:
        return {}
    given = {"mixture_weights": weights, "mixture_variances": variances}
    return {name: np.asarray(value, dtype=np.float32) for name, value in given.items()}


def _chunks(points: np.ndarray, size: int) -> list[np.ndarray]:
    return [points[start : start + size] for start in range(0, len(points), size)]


def _rows(member: str, given: Any, n: int) -> np.ndarray:
    rows = np.asarray(given, dtype=np.float32)
    if rows.ndim != 2 or len(rows) != n or not rows.shape[1]:
        raise ValueError(f"{member} gives shape {rows.shape}; it must be ({n}, more than 0)")
    return rows


def _numbers(member: str, given: Any, n: int) -> np.ndarray:
    numbers = np.asarray(given, dtype=np.float32)
    if numbers.shape != (n,):
        raise ValueError(f"{member} gives shape {numbers.shape}; it must be ({n},)")
    return numbers


def _history_columns(history: list[Mapping[str, Any]]) -> Outputs:
    """Turn rows by epoch into an array for each name, with NaN or "" where a row lacks it."""
    names = list(dict.fromkeys(name for row in history for name in row))
    for name in names:
        if not isinstance(name, str) or not _COLUMN.fullmatch(name):
            raise ValueError(f"history_ has a column named {name!r}; write letters, digits, spaces and _ . -")
    columns: Outputs = {}
    for name in names:
        values = [row.get(name) for row in history]
        if any(isinstance(value, str) for value in values):
            columns[f"history/{name}"] = np.array(["" if value is None else str(value) for value in values])
        else:
            columns[f"history/{name}"] = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    return columns
