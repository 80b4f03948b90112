"""The points on which hyper-parameters are chosen: some to fit, others to compare the fitted partitions on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bench.data.dataset import Dataset
from bench.errors import InputError
from bench.generators import shuffled

#: Share of the points that no selection cell is fitted on, and on which all of them are compared.
HELD_OUT = 0.2
#: Share of the other points that a selection cell is fitted on. Fewer would shorten the training, in steps, and with it
#: change what is best; all would leave the agreement of two seeds to their random numbers alone.
FITTED = 0.8
#: Held-out points there are at least for each cluster: a cluster of one has no pair to agree on.
PER_CLUSTER = 2


@dataclass(frozen=True)
class Split:
    """The two parts that a selection cell sees.

    Attributes
    ----------
    fitted : Dataset
        What it is fitted on; it has no labels.
    heldout : ndarray of shape (n_heldout, n_features)
        Read-only.
    """

    fitted: Dataset
    heldout: np.ndarray


def split(dataset: Dataset, seed: int) -> Split:
    """Return what the selection cells of a seed are fitted on and compared on, the same for every method.

    Raises
    ------
    InputError
        If there are too few points to fit and to compare as many clusters as asked for.
    """
    chosen = fitted_indices(dataset, seed)
    fitted = replace(dataset, x=taken(dataset.x, chosen), y=None, class_names=None, items=None)
    return Split(fitted, taken(dataset.x, heldout_indices(dataset)))


def heldout_indices(dataset: Dataset) -> np.ndarray:
    """Return the held-out points, in ascending order: one set for a data set, whatever the method and seed.

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
    if n < 2 * PER_CLUSTER * k:
        raise InputError(
            f"selection_seeds: data set {dataset.name} has {n} points, too few to hold out some of {k} clusters; "
            f"take one of {2 * PER_CLUSTER * k} or more, or leave selection_seeds out"
        )
    size = max(round(HELD_OUT * n), PER_CLUSTER * k)
    return np.sort(shuffled(n, "selection", dataset.fingerprint, "")[:size])


def fitted_indices(dataset: Dataset, seed: int) -> np.ndarray:
    """Return the points that the selection cells of a seed are fitted on, in ascending order.

    Returns
    -------
    ndarray of shape (n_fitted,)
        Four fifths of those not held out.
    """
    rest = np.setdiff1d(np.arange(len(dataset.x)), heldout_indices(dataset), assume_unique=True)
    order = shuffled(len(rest), "selection", dataset.fingerprint, seed)
    return np.sort(rest[order[: round(FITTED * len(rest))]])


def taken(x: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return the chosen points, read-only as those of every data set."""
    points = x[chosen]
    points.flags.writeable = False
    return points
