"""The table of metrics: what each number is, without the code that computes it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from bench.errors import InputError

METRICS_VERSION: int = 1
"""Raised whenever a stored number would change; scores of two versions are never compared."""

UNLABELLED = "the data set is unlabelled"
"""Why there is no metric that needs classes."""

Need = Literal["labels", "classes", "points", "embedding"]


@dataclass(frozen=True)
class Metric:
    """One row of the table.

    Attributes
    ----------
    name : str
        Key in a record's ``metrics``.
    title : str
        Column heading.
    description : str
        One line for a reader who knows clustering.
    greater_is_better : bool or None
        None where neither end is better.
    worst, best : float
        The ends of the range; infinite where there is none.
    comparable : bool
        Whether two methods may be ranked by it. An internal index in a method's own embedding may not: it
        measures how the embedding is stretched (DEC reaches a silhouette of .93 where VaDE, .11 of accuracy
        ahead, has .23).
    needs : tuple of str
        What it is computed from: predicted "labels", true "classes", the data set's "points", the method's
        "embedding".
    """

    name: str
    title: str
    description: str
    greater_is_better: bool | None
    worst: float
    best: float
    comparable: bool
    needs: tuple[Need, ...]

    @property
    def unit_scale(self) -> bool:
        """Whether values lie in [-1, 1], so three decimals and a margin of .01 mean something."""
        return min(self.worst, self.best) >= -1 and max(self.worst, self.best) <= 1


def _external() -> list[Metric]:
    rows = [
        ("acc", "ACC", "share of points in the right class under the best one-to-one matching", 0.0),
        ("nmi", "NMI", "mutual information over the arithmetic mean of the two entropies", 0.0),
        ("ari", "ARI", "share of point pairs agreed on, adjusted for chance", -0.5),
        ("ami", "AMI", "mutual information, adjusted for chance", -1.0),
    ]
    return [Metric(n, t, d, True, worst, 1.0, True, ("labels", "classes")) for n, t, d, worst in rows]


def _internal(space: Literal["points", "embedding"]) -> list[Metric]:
    suffix, where = ("pixels", "data") if space == "points" else ("embedding", "own embedding")
    comparable = space == "points"
    needs: tuple[Need, ...] = ("labels", space)
    rows = [
        ("silhouette", "Silhouette", "mean silhouette coefficient", True, -1.0, 1.0),
        (
            "davies_bouldin",
            "Davies-Bouldin",
            "mean worst ratio of spread to separation",
            False,
            math.inf,
            0.0,
        ),
        ("calinski_harabasz", "Calinski-Harabasz", "between over within dispersion", True, 0.0, math.inf),
    ]
    return [
        Metric(f"{n}_{suffix}", f"{t} ({where})", f"{d}, in the {where}", up, worst, best, comparable, needs)
        for n, t, d, up, worst, best in rows
    ]


def _reclustered() -> list[Metric]:
    rows = [("acc", "ACC", 0.0), ("nmi", "NMI", 0.0), ("ari", "ARI", -0.5)]
    what = "of KMeans (10 starts) on the embedding: what the representation holds, whatever the labels"
    needs: tuple[Need, ...] = ("embedding", "classes")
    return [
        Metric(f"{n}_reclustered", f"{t} (re-clustered)", f"{t} {what}", True, worst, 1.0, True, needs)
        for n, t, worst in rows
    ]


_CLUSTERS_USED = Metric(
    name="n_clusters_used",
    title="Clusters used",
    description="distinct predicted labels, noise (-1) not counted",
    greater_is_better=None,
    worst=0.0,
    best=math.inf,
    comparable=True,
    needs=("labels",),
)

METRICS: tuple[Metric, ...] = (
    *_external(),
    _CLUSTERS_USED,
    *_internal("points"),
    *_internal("embedding"),
    *_reclustered(),
)


def find_metric(name: str) -> Metric:
    """Return the row called ``name``.

    Raises
    ------
    InputError
        If there is none; the message lists those there are.
    """
    for row in METRICS:
        if row.name == name:
            return row
    raise InputError(f"unknown metric {name!r}; the metrics are {', '.join(row.name for row in METRICS)}")


def find_ranking_metric(name: str) -> Metric:
    """Return the row called ``name`` if methods can be ranked by it.

    Raises
    ------
    InputError
        If there is no such metric, if neither of its ends is better, or if it is not comparable.
    """
    row = find_metric(name)
    if row.comparable and row.greater_is_better is not None:
        return row
    why = "has no better end" if row.comparable else "is taken in each method's own embedding"
    fit = ", ".join(row.name for row in METRICS if row.comparable and row.greater_is_better is not None)
    raise InputError(f"methods cannot be ranked by {name!r}: it {why}; rank by one of {fit}")
