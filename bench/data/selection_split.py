"""Points for hyper-parameter selection: some to fit on, others to compare the fitted partitions on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bench.data.dataset import Dataset
from bench.errors import InputError
from bench.generators import shuffled

#: Share of the points on which no selection run is fitted and all are compared.
_HELD_OUT = 0.2
#: Share of the other points on which a selection run is fitted. With fewer, training would have fewer steps and other
#: hyper-parameters might be best; with all, two seeds would differ in their random numbers alone.
_FITTED = 0.8
#: Least number of held-out points for each cluster: agreement is measured on pairs of points.
_PER_CLUSTER = 2


@dataclass(frozen=True)
class SelectionSplit:
    """The two parts of a data set that a selection run uses.

    Attributes
    ----------
    fitted : Dataset
        The points to fit on, without labels.
    heldout : ndarray of shape (n_heldout, n_features)
        The points to compare partitions on; read-only.
    """

    fitted: Dataset
    heldout: np.ndarray


def selection_split(dataset: Dataset, seed: int) -> SelectionSplit:
    """Split a data set for the selection runs of a seed; the split is the same for every method.

    Raises
    ------
    InputError
        If there are too few points for the number of clusters.
    """
    indices = fitted_indices(dataset, seed)
    fitted = replace(dataset, x=read_only_rows(dataset.x, indices), y=None, class_names=None, items=None)
    return SelectionSplit(fitted, read_only_rows(dataset.x, heldout_indices(dataset)))


def heldout_indices(dataset: Dataset) -> np.ndarray:
    """Return the held-out points in ascending order; they depend on the data set alone, not on method or seed.

    Returns
    -------
    ndarray of shape (n_heldout,)
        A fifth of the points, or two a cluster if that is more.

    Raises
    ------
    InputError
        If the data set has fewer than four points a cluster.
    """
    n, k = len(dataset.x), dataset.n_clusters
    if n < 2 * _PER_CLUSTER * k:
        raise InputError(
            f"selection_seeds: data set {dataset.name} has {n} points, too few to hold out some of {k} clusters; "
            f"take one of {2 * _PER_CLUSTER * k} or more, or leave selection_seeds out"
        )
    size = max(round(_HELD_OUT * n), _PER_CLUSTER * k)
    return np.sort(shuffled(n, "selection", dataset.fingerprint, "")[:size])


def fitted_indices(dataset: Dataset, seed: int) -> np.ndarray:
    """Return the points on which the selection runs of a seed are fitted, in ascending order.

    Returns
    -------
    ndarray of shape (n_fitted,)
        Four fifths of those not held out.
    """
    rest = np.setdiff1d(np.arange(len(dataset.x)), heldout_indices(dataset), assume_unique=True)
    order = shuffled(len(rest), "selection", dataset.fingerprint, seed)
    return np.sort(rest[order[: round(_FITTED * len(rest))]])


def read_only_rows(x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Return the points at some positions, read-only."""
    points = x[indices]
    points.flags.writeable = False
    return points
