"""Calibration: of the points assigned to their cluster with probability .8, a share of .8 should be right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

N_BINS = 15
#: Smaller probabilities are replaced by this. Gaussian responsibilities of float32 fall to exactly 0, and one such
#: point that is wrong would make any mean infinite.
SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)
_NO_CLASS = -1

Binning = Literal["width", "mass"]


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy by bins of confidence, as a reliability diagram shows them.

    Attributes
    ----------
    count : ndarray of shape (15,)
        Points in each bin.
    confidence, accuracy : ndarray of shape (15,)
        Mean confidence, and share of right points; NaN where a bin is empty.
    """

    count: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: the gap of each bin, weighted by its points."""
        used = self.count > 0
        return float(np.average(np.abs(self.accuracy - self.confidence)[used], weights=self.count[used]))


def calibration(probabilities: np.ndarray, matched: Mapping[int, int], y: np.ndarray) -> dict[str, float]:
    r"""Compute ``ece``, ``ece_mass``, ``brier`` and ``nll`` of a soft assignment.

    Its prediction is the class of the cluster of largest probability. With :math:`\pi(j)` the class of cluster j,

    .. math::
        \text{Brier} = \frac{1}{n} \sum_i \Big( \sum_j (q_{ij} - [\pi(j) = y_i])^2 + [y_i \notin \pi] \Big), \qquad
        \text{NLL} = -\frac{1}{n} \sum_i \ln \max(q_{i, \pi^{-1}(y_i)}, \epsilon)

    A point predicted in a cluster without a class is wrong, and what such a cluster is given counts as given to no
    class. A class without a cluster has probability 0: its points add the last term of Brier, and
    :math:`-\ln \epsilon = 15.9` nats, with :math:`\epsilon` the spacing of float32. So do points that are noise.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_clusters)
        float64, rows sum to 1.
    matched : mapping of int to int
        Class of each column; columns left out have none. No two have the same.
    y : ndarray of shape (n_samples,)
        Classes, from 0; -1 for a point that is wrong wherever it is put, since its label is noise.
    """
    target = _target(probabilities, matched, y)
    orphaned = ~target.any(axis=1)
    of_class = np.where(target, probabilities, 0).sum(axis=1)
    return {
        "ece": reliability(probabilities, matched, y, "width").error,
        "ece_mass": reliability(probabilities, matched, y, "mass").error,
        "brier": float((((probabilities - target) ** 2).sum(axis=1) + orphaned).mean()),
        "nll": float(np.log(1 / np.maximum(of_class, SMALLEST_PROBABILITY)).mean()),
    }


def reliability(
    probabilities: np.ndarray, matched: Mapping[int, int], y: np.ndarray, binning: Binning = "width"
) -> Reliability:
    """Bin the points by confidence, the largest probability of each; parameters as of `calibration`.

    Parameters
    ----------
    binning : {"width", "mass"}
        Fifteen bins of equal width, open below and closed above; or of equal numbers of points, in which equal
        confidences share the bin of the first of them, so that no order of the points decides.
    """
    confidence = probabilities.max(axis=1)
    right = _target(probabilities, matched, y)[np.arange(len(y)), probabilities.argmax(axis=1)]
    bins = _equal_width(confidence) if binning == "width" else _equal_mass(confidence)
    count = np.bincount(bins, minlength=N_BINS)
    with np.errstate(invalid="ignore"):  # 0 / 0 in an empty bin
        means = (np.bincount(bins, weights=values, minlength=N_BINS) / count for values in (confidence, right))
        return Reliability(count, *means)


def _target(probabilities: np.ndarray, matched: Mapping[int, int], y: np.ndarray) -> np.ndarray:
    """Return which column (n_samples, n_clusters) is the cluster of a point's class; a row may have none."""
    classes = np.array([matched.get(column, _NO_CLASS) for column in range(probabilities.shape[1])])
    return (classes == y[:, None]) & (classes != _NO_CLASS)


def _equal_width(confidence: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.linspace(0, 1, N_BINS + 1)[1:-1], confidence, side="left")


def _equal_mass(confidence: np.ndarray) -> np.ndarray:
    ordered = np.sort(confidence)
    parts = np.array_split(ordered, N_BINS)
    bin_of_position = np.repeat(np.arange(N_BINS), [len(part) for part in parts])
    return bin_of_position[np.searchsorted(ordered, confidence, side="left")]
