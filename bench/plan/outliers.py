"""Outliers: points of another data set, or noise, that a method should tell from those it is fitted to.

A suite says ``[outliers]``, and for each of its data sets what else to score: names of data sets, and "noise".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import InputError
from bench.generators import generator, shuffled
from bench.plan.cells import NOISE, OutlierSet

if TYPE_CHECKING:
    from bench.data.dataset import Dataset
    from bench.plan.suite import Suite

#: Points of either side at most: AUROC has a standard error below .005 then, whatever it is.
MOST_POINTS = 10_000
#: What data that are only scored are asked for: they need not know a number of clusters.
ANY_CLUSTERS = 2


def concerned(suite: Suite, spec: str) -> list[str]:
    """Return what a suite says to score beside one of its data sets; a key without a split is of any split."""
    return suite.outliers.get(spec, suite.outliers.get(spec.partition("@")[0], []))


def specs_of(suite: Suite) -> list[str]:
    """Return every data set that a suite takes outliers from."""
    return list(dict.fromkeys(other for spec in suite.datasets for other in concerned(suite, spec) if other != NOISE))


def outlier_sets_of(suite: Suite, spec: str, datasets: Mapping[str, Dataset]) -> tuple[OutlierSet, ...]:
    """Return the sets of outliers of one of a suite's data sets.

    Parameters
    ----------
    suite : Suite
    spec : str
        The suite's name for the data set.
    datasets : mapping of str to Dataset
        Those of `specs_of` included.

    Raises
    ------
    InputError
        If a set is the data set itself, has other features, or a name that another has.
    """
    dataset, found = datasets[spec], {}
    for other in concerned(suite, spec):
        where = f"outliers.{spec.partition('@')[0]}: {other}"
        if other == NOISE:
            outlier_set = OutlierSet(NOISE, NOISE, NOISE)
        else:
            source = datasets[other]
            if source.fingerprint == dataset.fingerprint:
                raise InputError(f"{where} is the very data that methods are fitted to; name other data")
            if source.x.shape[1] != dataset.x.shape[1]:
                raise InputError(
                    f"{where} has {source.x.shape[1]} features and {dataset.name} has {dataset.x.shape[1]}; "
                    f"name data of {dataset.x.shape[1]} features, or noise"
                )
            outlier_set = OutlierSet(source.name, other, source.fingerprint)
        if outlier_set.name in found:
            raise InputError(f"{where} is there twice; name it once")
        found[outlier_set.name] = outlier_set
    return tuple(found.values())


def inlier_indices(dataset: Dataset) -> np.ndarray:
    """Return the fitted points that are compared with outliers, ascending: all, or as many as there may be."""
    return _some(len(dataset.x), "inliers", dataset.fingerprint)


def points_of(outlier_set: OutlierSet, dataset: Dataset, other: Dataset | None) -> np.ndarray:
    """Return the points of a set of outliers.

    Parameters
    ----------
    outlier_set : OutlierSet
    dataset : Dataset
        What methods are fitted to.
    other : Dataset or None
        Where the points come from; None for noise.

    Returns
    -------
    ndarray of shape (m, n_features)
        float32 in [0, 1].
    """
    if other is not None:
        return other.x[_some(len(other.x), "outliers", outlier_set.fingerprint)]
    shape = min(len(dataset.x), MOST_POINTS), dataset.x.shape[1]
    return generator("outliers", NOISE, dataset.fingerprint).random(shape, dtype=np.float32)


def _some(n: int, *names: str) -> np.ndarray:
    return np.sort(shuffled(n, *names)[:MOST_POINTS])
