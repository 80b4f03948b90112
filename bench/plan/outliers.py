"""Outliers: points of another data set, or uniform noise, that a method should tell from those it is fitted to.

The table ``[outliers]`` of a suite names for each data set what else is scored: data sets, or "noise".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import InputError
from bench.generators import generator, shuffled
from bench.plan.cells import UNIFORM_NOISE, OutlierSet

if TYPE_CHECKING:
    from bench.data.dataset import Dataset
    from bench.plan.suite import Suite

#: Most inliers and most outliers that are compared: the standard error of AUROC is then below .005 whatever its value.
MOST_POINTS = 10_000
#: Number of clusters asked of data sets that are only scored, which need not have one.
ANY_CLUSTERS = 2


def outlier_specs(suite: Suite, spec: str) -> list[str]:
    """Return the outliers that a suite names for one of its data sets; a key without a split concerns every split."""
    return suite.outliers.get(spec, suite.outliers.get(spec.partition("@")[0], []))


def outlier_dataset_specs(suite: Suite) -> list[str]:
    """Return every data set that a suite takes outliers from, each once."""
    return list(
        dict.fromkeys(
            other for spec in suite.datasets for other in outlier_specs(suite, spec) if other != UNIFORM_NOISE
        )
    )


def planned_outlier_sets(suite: Suite, spec: str, datasets: Mapping[str, Dataset]) -> tuple[OutlierSet, ...]:
    """Return the sets of outliers of one of a suite's data sets.

    Parameters
    ----------
    suite : Suite
    spec : str
        The suite's name for the data set.
    datasets : mapping of str to Dataset
        Those of `outlier_dataset_specs` included.

    Raises
    ------
    InputError
        If a set is the data set itself, has other features, or a name that another has.
    """
    dataset, by_name = datasets[spec], dict[str, OutlierSet]()
    for other in outlier_specs(suite, spec):
        where = f"outliers.{spec.partition('@')[0]}: {other}"
        if other == UNIFORM_NOISE:
            outlier_set = OutlierSet(UNIFORM_NOISE, UNIFORM_NOISE, UNIFORM_NOISE)
        else:
            source = datasets[other]
            if source.fingerprint == dataset.fingerprint:
                raise InputError(f"{where} is the data set that methods are fitted to; name another")
            if source.x.shape[1] != dataset.x.shape[1]:
                raise InputError(
                    f"{where} has {source.x.shape[1]} features and {dataset.name} has {dataset.x.shape[1]}; "
                    f"name data of {dataset.x.shape[1]} features, or noise"
                )
            outlier_set = OutlierSet(source.name, other, source.fingerprint)
        if outlier_set.name in by_name:
            raise InputError(f"{where} is named twice; name it once")
        by_name[outlier_set.name] = outlier_set
    return tuple(by_name.values())


def inlier_indices(dataset: Dataset) -> np.ndarray:
    """Return the indices of the fitted points that are compared with outliers, ascending; at most `MOST_POINTS`."""
    return _some(len(dataset.x), "inliers", dataset.fingerprint)


def outlier_points(outlier_set: OutlierSet, dataset: Dataset, other: Dataset | None) -> np.ndarray:
    """Return the points of a set of outliers.

    Parameters
    ----------
    outlier_set : OutlierSet
    dataset : Dataset
        The one that methods are fitted to.
    other : Dataset or None
        The data set of the outliers; None for noise.

    Returns
    -------
    ndarray of shape (m, n_features)
        float32 in [0, 1].
    """
    if other is not None:
        return other.x[_some(len(other.x), "outliers", outlier_set.fingerprint)]
    shape = min(len(dataset.x), MOST_POINTS), dataset.x.shape[1]
    return generator("outliers", UNIFORM_NOISE, dataset.fingerprint).random(shape, dtype=np.float32)


def _some(n: int, *names: str) -> np.ndarray:
    return np.sort(shuffled(n, *names)[:MOST_POINTS])
