"""The table of metrics: what each number is, without the code that computes it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from bench.errors import InputError

METRICS_VERSION: int = 3
"""Raised whenever a stored number would change; scores of two versions are never compared."""

NOISE = -1
"""The label of a point that a method puts into no cluster, as HDBSCAN does. All numbers treat it by one rule.

Noise is no cluster. It is not counted among the clusters, not matched to a class and not looked for in other runs: a
noise point is wrong in the accuracy, in calibration and for the scores that find errors. Measures of whole partitions
(NMI, ARI, AMI, internal indices) take it as one more group. To leave noise out would flatter who refuses the hard
points; to take each as a group of its own would give a run that refuses all of digits an NMI of .47.
"""

UNLABELLED = "the data set is unlabelled"
"""Why there is no metric that needs classes.

Points without a class, `bench.data.dataset.NO_CLASS`, are treated by one rule. They are fitted like all others. Every
metric against classes leaves them out, and so do the halves of the points that clusters are matched and judged on.
Metrics without classes keep them. Data without a point that has a class are unlabelled.
"""

Need = Literal["labels", "classes", "points", "embedding", "soft assignment", "scores", "draws"]


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
        "embedding", its "soft assignment", its "scores" of uncertainty (`SCORES`), its latent "draws".
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


_CLASS_RECALL = Metric(
    name="mean_class_recall",
    title="Class recall",
    description="mean over classes of the share of their points in the matched cluster: balanced accuracy",
    greater_is_better=True,
    worst=0.0,
    best=1.0,
    comparable=True,
    needs=("labels", "classes"),
)

_CLASSES_LOST = Metric(
    name="classes_lost",
    title="Classes lost",
    description="number of classes that are not the largest one in any cluster of their own",
    greater_is_better=False,
    worst=math.inf,
    best=0.0,
    comparable=True,
    needs=("labels", "classes"),
)


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

_NOISE_SHARE = Metric(
    name="noise_share",
    title="Noise",
    description="share of points that are in no cluster, labelled -1",
    greater_is_better=None,
    worst=0.0,
    best=1.0,
    comparable=True,
    needs=("labels",),
)


@dataclass(frozen=True)
class Score:
    """A number for each point that should be large where the method is likely to be wrong.

    Attributes
    ----------
    name, title, description : str
    needs_sampling : {"no", "yes", "if stochastic", "five runs"}
        Whether it takes latent draws, or the noise that they are drawn with.
    """

    name: str
    title: str
    description: str
    needs_sampling: Literal["no", "yes", "if stochastic", "five runs"]


SCORES: tuple[Score, ...] = (
    Score("confidence", "1 − max q", "one less the largest soft assignment, at the mean of the code", "no"),
    Score("plain_entropy", "H[q]", "entropy of the soft assignment, at the mean of the code", "no"),
    Score("margin", "centroid margin", "distance to the nearest centroid less that to the second", "no"),
    Score("reconstruction", "reconstruction error", "squared error per feature, at the mean of the code", "no"),
    Score("density", "−log p(x)", "negative log-density, or its bound over draws", "if stochastic"),
    Score("entropy", "H[mean q]", "entropy of the soft assignment averaged over draws", "yes"),
    Score("mean_entropy", "mean H[q]", "entropy of the soft assignment of a draw, averaged over draws", "yes"),
    Score("mutual_information", "MI", "H[mean q] − mean H[q]: what a draw says of the cluster", "yes"),
    Score("latent_variance", "latent variance", "mean variance of the encoder's noise over dimensions", "yes"),
)
"""Scores of one run. The disagreement of several runs is one more, which no run has by itself."""

DISAGREEMENT = Score(
    "disagreement", "disagreement", "entropy of the votes of five aligned deterministic runs", "five runs"
)

N_DRAWS = 32
"""Latent draws that a run takes of each point."""

DRAWN = ("acc", "nmi", "ari")
"""What is also taken of the labels of each latent draw."""


def _calibration() -> list[Metric]:
    rows = [
        ("ece", "ECE", "mean gap between confidence and accuracy, 15 bins of equal width", 1.0),
        ("ece_mass", "ECE (equal mass)", "mean gap between confidence and accuracy, 15 bins of equal mass", 1.0),
        ("brier", "Brier", "squared distance between the soft assignment and the class", 2.0),
        ("nll", "NLL", "negative log of the soft assignment to the class, in nats", math.inf),
    ]
    made: list[Metric] = []
    kinds: tuple[tuple[str, str, Need], ...] = (
        ("", "at the mean of the code", "soft assignment"),
        ("_sampled", "averaged over latent draws", "draws"),
    )
    for suffix, where, need in kinds:
        needs: tuple[Need, ...] = (need, "classes")
        title = " (draws)" if suffix else ""
        made += [Metric(n + suffix, t + title, f"{d}; {where}", False, w, 0.0, True, needs) for n, t, d, w in rows]
    return made


def _detection(score: Score) -> list[Metric]:
    rows = [
        ("auroc", "AUROC", "chance that a mis-clustered point scores above a right one", True, 0.0, 1.0),
        ("aupr", "AUPR", "average precision in finding mis-clustered points", True, 0.0, 1.0),
        ("aurc", "AURC", "mean error among the points kept, over all shares kept", False, 1.0, 0.0),
        ("augrc", "AUGRC", "mean share of points kept and wrong, over all shares kept", False, 0.5, 0.0),
    ]
    needs: tuple[Need, ...] = ("scores", "labels", "classes")
    return [
        Metric(f"{n}_{score.name}", f"{t} of {score.title}", f"{d}, by {score.title}", up, worst, best, True, needs)
        for n, t, d, up, worst, best in rows
    ]


def _drawn() -> list[Metric]:
    needs: tuple[Need, ...] = ("draws", "classes")
    made = [
        Metric("label_change", "label change", "share of points on which two latent draws differ", None, 0, 1, True,
               ("draws",))
    ]  # fmt: skip
    for row in _external():
        if row.name in DRAWN:
            made += [
                Metric(f"{row.name}_draws", f"{row.title} of a draw", f"mean {row.title} of the labels of a draw", True,
                       row.worst, row.best, True, needs),
                Metric(f"{row.name}_draws_sd", f"sd of {row.title} over draws",
                       f"standard deviation of {row.title} between draws", None, 0.0, 1.0, True, needs),
            ]  # fmt: skip
    return made


METRICS: tuple[Metric, ...] = (
    *_external(),
    _CLASS_RECALL,
    _CLASSES_LOST,
    _CLUSTERS_USED,
    _NOISE_SHARE,
    *_internal("points"),
    *_internal("embedding"),
    *_reclustered(),
    *_calibration(),
    *(metric for score in SCORES for metric in _detection(score)),
    *_drawn(),
)
"""Those of one cell, as records hold them."""

BETWEEN_RUNS: tuple[Metric, ...] = tuple(_detection(DISAGREEMENT))
"""Those that take several runs, as reports compute them."""


def find_metric(name: str) -> Metric:
    """Return the row called ``name``.

    Raises
    ------
    InputError
        If there is none; the message lists those there are.
    """
    for row in (*METRICS, *BETWEEN_RUNS):
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
