"""Scores of uncertainty: a number a point that should be large where the method is likely to be wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import entr

from bench.metrics.registry import SCORES

#: How far a row may sum from 1 by the rounding of float32, and a value lie outside [0, 1].
_ROUNDING = 1e-3


def checked_probabilities(assignment: np.ndarray, n_samples: int) -> np.ndarray | str:
    """Return a soft assignment in float64 with rows that sum to 1, or why it is no soft assignment.

    Parameters
    ----------
    assignment : ndarray of shape (n_samples, n_clusters)
    n_samples : int
        How many points there are.
    """
    if assignment.ndim != 2 or len(assignment) != n_samples or assignment.shape[1] == 0:
        return f"the soft assignment has shape {assignment.shape}; it needs ({n_samples}, n_clusters > 0)"
    if not np.isfinite(assignment).all():
        return "the soft assignment has values that are not finite"
    probabilities = assignment.astype(np.float64)
    totals = probabilities.sum(axis=1, keepdims=True)
    if probabilities.min() < -_ROUNDING or np.abs(totals - 1).max() > _ROUNDING:
        return "the soft assignment has rows that are no probabilities: below 0, or with another sum than 1"
    probabilities = probabilities.clip(min=0)
    return probabilities / probabilities.sum(axis=1, keepdims=True)


NO_ASSIGNMENT = "the method has no soft assignment"
NO_DRAWS = "the method has no latent draws"

#: The outputs that scores are made of and that have a row for each point, and why one may lack them.
PER_POINT = {
    "soft_assignment": NO_ASSIGNMENT,
    "embedding": "the method has no embedding",
    "embedding_variance": "the method has no latent variance",
    "reconstruction_error": "the method reconstructs nothing",
    "log_density": "the method has no density",
    "sampled_assignment": NO_DRAWS,
    "sampled_entropy": NO_DRAWS,
    "margin": "the method has no centroids",
}
_CHUNK = 4096  # points whose distances to the centroids, in float64, are held at a time


def uncertainty_scores(outputs: Mapping[str, np.ndarray], points: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Return those of `bench.metrics.registry.SCORES` that the outputs allow; high means uncertain.

    Parameters
    ----------
    outputs : mapping of str to ndarray
        Raw outputs of a fitted method for n_samples points.
    points : ndarray of shape (n_samples, n_features), optional
        The points themselves: the space of the centroids where there is no embedding.

    Returns
    -------
    dict of str to ndarray of shape (n_samples,)
        float64. A method that went wrong may give values that are not finite.
    """
    scores = scores_or_reasons(outputs, points)
    return {name: value for name, value in scores.items() if not isinstance(value, str)}


def scores_or_reasons(
    outputs: Mapping[str, np.ndarray], points: np.ndarray | None = None
) -> dict[str, np.ndarray | str]:
    """Return each row of `SCORES` as `uncertainty_scores` does, or as the reason why there is none."""
    run = _Run(outputs, points)
    scores: dict[str, np.ndarray | str] = {}
    for row in SCORES:
        try:
            scores[row.name] = _COMPUTED[row.name](run)
        except _Missing as reason:
            scores[row.name] = str(reason)
    return scores


def centroid_margin(points: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Return the distance of each point to its nearest centroid less that to the second nearest.

    Parameters
    ----------
    points : ndarray of shape (n_samples, n_dims)
    centers : ndarray of shape (n_clusters, n_dims)
        Two or more.

    Returns
    -------
    ndarray of shape (n_samples,)
        Euclidean, at most 0: 0 half-way between two centroids, NaN for a point that is not finite.
    """
    margin = np.empty(len(points))
    for start in range(0, len(points), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        nearest = np.partition(cdist(points[chunk], centers), 1, axis=1)
        margin[chunk] = nearest[:, 0] - nearest[:, 1]
    return margin


class _Missing(Exception):  # noqa: N818 - most methods lack some score; that is no error
    """Why there is no score."""


@dataclass(frozen=True)
class _Run:
    """The outputs of a run by name, checked; raises `_Missing` for one that it lacks."""

    outputs: Mapping[str, np.ndarray]
    points: np.ndarray | None

    @property
    def n_samples(self) -> int:
        if self.points is not None:
            return len(self.points)
        return next((len(self.outputs[name]) for name in PER_POINT if name in self.outputs), 0)

    def column(self, name: str) -> np.ndarray:
        """Return an output of shape (n_samples,)."""
        return self._of_points(name, n_dims=1).astype(np.float64)

    def rows(self, name: str) -> np.ndarray:
        """Return an output of shape (n_samples, n_columns > 0)."""
        return self._of_points(name, n_dims=2)

    def assignment(self, name: str) -> np.ndarray:
        """Return a soft assignment (n_samples, n_clusters) as probabilities."""
        probabilities = checked_probabilities(self._given(name), self.n_samples)
        if isinstance(probabilities, str):
            raise _Missing(probabilities)
        return probabilities

    def _given(self, name: str) -> np.ndarray:
        if name not in self.outputs:
            raise _Missing(PER_POINT[name])
        return self.outputs[name]

    def _of_points(self, name: str, n_dims: int) -> np.ndarray:
        value = self._given(name)
        if value.ndim != n_dims or len(value) != self.n_samples or not value.size:
            raise _Missing(f"{name} has shape {value.shape}, which is not one row for each of {self.n_samples} points")
        return value


def _confidence(run: _Run) -> np.ndarray:
    q = run.assignment("soft_assignment")
    # 1 - max q as the sum of the others: where q rounds to 1 they still order the points, and 1 - 1 does not.
    q[np.arange(len(q)), q.argmax(axis=1)] = 0
    return q.sum(axis=1)


def _margin(run: _Run) -> np.ndarray:
    if "margin" in run.outputs:  # of points that are not kept, by a method whose centroids are points
        return run.column("margin")
    if "centers" not in run.outputs:
        raise _Missing(PER_POINT["margin"])
    centers = run.outputs["centers"]
    space = run.rows("embedding") if "embedding" in run.outputs else run.points
    if space is None:
        raise _Missing(PER_POINT["embedding"])
    if centers.ndim != 2 or centers.shape[1] != space.shape[1]:
        raise _Missing(f"the centroids, of shape {centers.shape}, are not in the space of {space.shape[1]} dimensions")
    if len(centers) < 2:
        raise _Missing("there is no second centroid")
    if not np.isfinite(centers).all():
        raise _Missing("the centroids have values that are not finite")
    return centroid_margin(space, centers)


def _entropy(run: _Run, name: str = "sampled_assignment") -> np.ndarray:
    return entr(run.assignment(name)).sum(axis=1)


def _mutual_information(run: _Run) -> np.ndarray:
    return np.maximum(_entropy(run) - run.column("sampled_entropy"), 0)  # below 0 by rounding alone


_COMPUTED: dict[str, Callable[[_Run], np.ndarray]] = {
    "confidence": _confidence,
    "plain_entropy": lambda run: _entropy(run, "soft_assignment"),
    "margin": _margin,
    "reconstruction": lambda run: run.column("reconstruction_error"),
    "density": lambda run: -run.column("log_density"),
    "entropy": _entropy,
    "mean_entropy": lambda run: run.column("sampled_entropy"),
    "mutual_information": _mutual_information,
    "latent_variance": lambda run: run.rows("embedding_variance").mean(axis=1, dtype=np.float64),
}
