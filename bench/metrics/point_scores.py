"""Scores of uncertainty: a number a point that should be large where the method is likely to be wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.spatial.distance import cdist
from scipy.special import entr, log_softmax, softmax

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
NO_KERNEL = "the soft assignment is neither Student's t with one degree of freedom nor a stored mixture of Gaussians"

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
#: What else scores are made of: the kernel of the soft assignment, which all points share.
OF_KERNEL = ("centers", "mixture_weights", "mixture_variances")
#: Numbers that scores of other points take from the fitted ones, by `constants_of`.
_WIDTH, _TEMPERATURE = "kernel_width", "temperature"
#: How far q may be from the kernel that it is said to be of: float32 rounds the logarithms of densities.
_REPRODUCED = 1e-2
#: The smallest and the largest temperature, as logarithms to base 2.
_COLDEST, _HOTTEST = -10.0, 10.0
_CHUNK = 4096  # points whose distances to the centroids, in float64, are held at a time


def uncertainty_scores(
    outputs: Mapping[str, np.ndarray], points: np.ndarray | None = None, names: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """Return those of `bench.metrics.registry.SCORES` that the outputs allow; high means uncertain.

    Parameters
    ----------
    outputs : mapping of str to ndarray
        Raw outputs of a fitted method for n_samples points.
    points : ndarray of shape (n_samples, n_features), optional
        The points themselves: the space of the centroids where there is no embedding.
    names : collection of str, optional
        The scores that are asked for; all by default.

    Returns
    -------
    dict of str to ndarray of shape (n_samples,)
        float64. A method that went wrong may give values that are not finite.
    """
    scores = scores_or_reasons(outputs, points, names)
    return {name: value for name, value in scores.items() if not isinstance(value, str)}


def scores_or_reasons(
    outputs: Mapping[str, np.ndarray], points: np.ndarray | None = None, names: Collection[str] | None = None
) -> dict[str, np.ndarray | str]:
    """Return each row of `SCORES`, or those of some names, as `uncertainty_scores` does, or why there is none."""
    run = _Run(outputs, points)
    scores: dict[str, np.ndarray | str] = {}
    for row in SCORES:
        if names is not None and row.name not in names:
            continue
        try:
            scores[row.name] = _COMPUTED[row.name](run)
        except _Missing as reason:
            scores[row.name] = str(reason)
    return scores


def constants_of(outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what the scores of other points take from the fitted ones, under the names of outputs.

    Two sets of points are compared by one score only if it has the same kernel and the same temperature for both.

    Parameters
    ----------
    outputs : mapping of str to ndarray
        Raw outputs for the fitted points.

    Returns
    -------
    dict of str to ndarray
        The kernel's centroids, weights and variances, its ``kernel_width`` (see `smoothed_assignment`) and the
        ``temperature``; those that there are.
    """
    run = _Run(outputs, None)
    constants = {name: outputs[name] for name in OF_KERNEL if name in outputs}
    for name, value in ((_WIDTH, _kernel_width), (_TEMPERATURE, _temperature)):
        with suppress(_Missing):
            constants[name] = np.asarray(value(run))
    return constants


def smoothed_assignment(
    embedding: np.ndarray,
    centers: np.ndarray,
    variance: ArrayLike,
    mixture: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    r"""Return a soft assignment by a kernel that is as wide as latent noise makes it on average, without a draw.

    For a draw :math:`z = \mu + s \sigma \epsilon` with unit noise :math:`\epsilon`,

    .. math:: E \lVert z - c \rVert^2 = \lVert \mu - c \rVert^2 + \sum_d s^2 \sigma_d^2.

    With :math:`v_d` the mean of :math:`s^2 \sigma_d^2` over the points, the Student-t kernel of DEC becomes

    .. math:: q_j \propto \Big( 1 + \sum_d v_d + \lVert \mu - c_j \rVert^2 \Big)^{-1},

    the kernel at the expected squared distance: its 1 grows by the mean latent variance. The density of a mixture of
    Gaussians has its expectation over Gaussian noise in closed form, which widens its variances:

    .. math:: q_j \propto \pi_j \prod_d N(\mu_d;\, m_{jd},\, s_{jd}^2 + v_d).

    v is one for all points. A width of its own for each point would put the point's latent variance into the score,
    which is a score of its own and needs the noise of the point; this one needs a kernel that is softer by one number.

    Parameters
    ----------
    embedding : ndarray of shape (n_samples, n_latent)
        Means of the codes.
    centers : ndarray of shape (n_clusters, n_latent)
    variance : array-like of shape (n_latent,), or 0
        v, of the noise as it is drawn, with its scale; 0 gives the soft assignment at the mean of the code.
    mixture : (ndarray of shape (n_clusters,), ndarray of shape (n_clusters, n_latent)), optional
        Weights and variances of a mixture of diagonal Gaussians; without them the kernel is Student's t with one
        degree of freedom.

    Returns
    -------
    ndarray of shape (n_samples, n_clusters)
    """
    mean, centers = embedding.astype(np.float64), centers.astype(np.float64)
    added = np.broadcast_to(np.asarray(variance, dtype=np.float64), mean.shape[1:])
    if mixture is None:
        return softmax(-np.log(1 + added.sum() + cdist(mean, centers, "sqeuclidean")), axis=1)
    weights, variances = mixture[0].astype(np.float64), mixture[1] + added
    with np.errstate(divide="ignore", invalid="ignore"):  # an empty component; variances that are none
        logs = np.log(weights) - 0.5 * np.log(variances).sum(axis=1)
    distances = [(np.square(mean - center) / own).sum(axis=1) for center, own in zip(centers, variances, strict=True)]
    return softmax(logs - 0.5 * np.stack(distances, axis=1), axis=1)


def matched_temperature(assignment: np.ndarray, mean_entropy: float) -> float:
    r"""Return the temperature at which a soft assignment has a given mean entropy; it needs no labels.

    .. math:: q_T \propto q^{1/T}, \quad \frac{1}{n} \sum_i H[q_T(x_i)] = h

    The mean entropy does not fall with T, so there is one solution where there is any. A target below the mean entropy
    of q, as where draws agree more than q is sure, gives T < 1. A target that no T reaches gives the nearest end of
    the range, 2**-10 or 2**10: a probability of exactly 0 stays 0 at every T, and entropy is at most that of the
    others.

    Parameters
    ----------
    assignment : ndarray of shape (n_samples, n_clusters)
        Probabilities.
    mean_entropy : float
        h, in nats.
    """

    def excess(log_temperature: float) -> float:
        return float(entr(tempered(assignment, 2.0**log_temperature)).sum(axis=1).mean() - mean_entropy)

    if excess(_COLDEST) >= 0:
        return 2.0**_COLDEST
    if excess(_HOTTEST) <= 0:
        return 2.0**_HOTTEST
    return float(2.0 ** brentq(excess, _COLDEST, _HOTTEST, xtol=1e-9))


def tempered(assignment: np.ndarray, temperature: float) -> np.ndarray:
    """Return q^(1/T) with rows that sum to 1, for probabilities q (n_samples, n_clusters)."""
    with np.errstate(divide="ignore"):
        return np.exp(log_softmax(np.log(assignment) / temperature, axis=1))


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

    def centers(self) -> np.ndarray:
        """Return the centroids (n_clusters, n_dims)."""
        if "centers" not in self.outputs:
            raise _Missing(PER_POINT["margin"])
        centers = self.outputs["centers"]
        if not np.isfinite(centers).all():
            raise _Missing("the centroids have values that are not finite")
        return centers

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
    centers = run.centers()
    space = run.rows("embedding") if "embedding" in run.outputs else run.points
    if space is None:
        raise _Missing(PER_POINT["embedding"])
    if centers.ndim != 2 or centers.shape[1] != space.shape[1]:
        raise _Missing(f"the centroids, of shape {centers.shape}, are not in the space of {space.shape[1]} dimensions")
    if len(centers) < 2:
        raise _Missing("there is no second centroid")
    return centroid_margin(space, centers)


def _kernel_width(run: _Run) -> np.ndarray:
    """Return the mean over points of the variance of the noise, (n_latent,)."""
    if _WIDTH in run.outputs:
        return run.outputs[_WIDTH]
    return run.rows("embedding_variance").mean(axis=0, dtype=np.float64)


def _smoothed(run: _Run) -> np.ndarray:
    width, embedding, q = _kernel_width(run), run.rows("embedding"), run.assignment("soft_assignment")
    centers = run.centers()
    if not (np.isfinite(width).all() and np.isfinite(embedding).all()):
        raise _Missing("the codes have values that are not finite")
    mixture = None
    if {"mixture_weights", "mixture_variances"} <= run.outputs.keys():
        mixture = run.outputs["mixture_weights"], run.outputs["mixture_variances"]
    fits = centers.shape == (q.shape[1], embedding.shape[1]) == (q.shape[1], *width.shape)
    if not fits or not np.abs(smoothed_assignment(embedding, centers, 0, mixture) - q).max() <= _REPRODUCED:
        raise _Missing(NO_KERNEL)
    return entr(smoothed_assignment(embedding, centers, width, mixture)).sum(axis=1)


def _temperature(run: _Run) -> float:
    """Return the temperature at which q is as uncertain on average as the mean of its draws."""
    if _TEMPERATURE in run.outputs:
        return float(run.outputs[_TEMPERATURE])
    return matched_temperature(run.assignment("soft_assignment"), float(_entropy(run).mean()))


def _tempered(run: _Run) -> np.ndarray:
    temperature = _temperature(run)
    return entr(tempered(run.assignment("soft_assignment"), temperature)).sum(axis=1)


def _entropy(run: _Run, name: str = "sampled_assignment") -> np.ndarray:
    return entr(run.assignment(name)).sum(axis=1)


def _mutual_information(run: _Run) -> np.ndarray:
    return np.maximum(_entropy(run) - run.column("sampled_entropy"), 0)  # below 0 by rounding alone


_COMPUTED: dict[str, Callable[[_Run], np.ndarray]] = {
    "confidence": _confidence,
    "plain_entropy": lambda run: _entropy(run, "soft_assignment"),
    "smoothed_kernel": _smoothed,
    "temperature": _tempered,
    "margin": _margin,
    "reconstruction": lambda run: run.column("reconstruction_error"),
    "density": lambda run: -run.column("log_density"),
    "entropy": _entropy,
    "mean_entropy": lambda run: run.column("sampled_entropy"),
    "mutual_information": _mutual_information,
    "latent_variance": lambda run: run.rows("embedding_variance").mean(axis=1, dtype=np.float64),
}
