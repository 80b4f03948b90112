"""The registry of metrics: the table of the built-in ones, those of installed packages, and those of `register`.

A new built-in metric is one entry of `BUILT_IN_METRICS`. Records, leaderboards, csv and the gate read `all_metrics`.
The table names the function of each metric and does not import it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from bench.errors import InputError
from bench.metrics.metric import Metric, Need
from bench.metrics.plugins import installed_metrics

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

_OF_LABELS: tuple[Need, ...] = ("labels", "classes")
_EXTERNAL = "bench.metrics.external:external_scores"


def _external() -> list[Metric]:
    rows = [
        ("acc", "ACC", "share of points in the right class under the best one-to-one matching", 0.0),
        ("nmi", "NMI", "mutual information over the arithmetic mean of the two entropies", 0.0),
        ("ari", "ARI", "share of point pairs agreed on, adjusted for chance", -0.5),
        ("ami", "AMI", "mutual information, adjusted for chance", -1.0),
    ]
    return [
        Metric(name=n, title=t, description=d, worst=worst, best=1.0, needs=_OF_LABELS, function=_EXTERNAL,
               on_boards=n != "acc")
        for n, t, d, worst in rows
    ]  # fmt: skip


_CLASS_RECALL = Metric(
    name="mean_class_recall",
    title="Class recall",
    description="mean over classes of the share of their points in the matched cluster: balanced accuracy",
    worst=0.0,
    best=1.0,
    needs=_OF_LABELS,
    function=_EXTERNAL,
    on_boards=False,
)

_CLASSES_LOST = Metric(
    name="classes_lost",
    title="Classes lost",
    description="number of classes that are not the largest one in any cluster of their own",
    greater_is_better=False,
    worst=math.inf,
    best=0.0,
    needs=_OF_LABELS,
    function=_EXTERNAL,
    on_boards=False,
)


def _internal(space: Literal["points", "embedding"]) -> list[Metric]:
    suffix, where = ("pixels", "data") if space == "points" else ("embedding", "own embedding")
    rows = [
        ("silhouette", "Silhouette", "mean silhouette coefficient", True, -1.0, 1.0),
        ("davies_bouldin", "Davies-Bouldin", "mean worst ratio of spread to separation", False, math.inf, 0.0),
        ("calinski_harabasz", "Calinski-Harabasz", "between over within dispersion", True, 0.0, math.inf),
    ]
    return [
        Metric(name=f"{n}_{suffix}", title=f"{t} ({where})", description=f"{d}, in the {where}", greater_is_better=up,
               worst=worst, best=best, comparable=space == "points", needs=("labels", space),
               function=f"bench.metrics.internal:scores_in_{suffix}", on_boards=False)
        for n, t, d, up, worst, best in rows
    ]  # fmt: skip


def _reclustered() -> list[Metric]:
    rows = [("acc", "ACC", 0.0), ("nmi", "NMI", 0.0), ("ari", "ARI", -0.5)]
    what = "of KMeans (10 starts) on the embedding: what the representation holds, whatever the labels"
    return [
        Metric(name=f"{n}_reclustered", title=f"{t} (re-clustered)", description=f"{t} {what}", worst=worst, best=1.0,
               needs=("embedding", "classes"), function="bench.metrics.scoring:reclustered_scores", whole_run=True,
               on_boards=False)
        for n, t, worst in rows
    ]  # fmt: skip


_CLUSTERS_USED = Metric(
    name="n_clusters_used",
    title="Clusters used",
    description="distinct predicted labels, noise (-1) not counted",
    greater_is_better=None,
    worst=0.0,
    needs=("labels",),
    function="bench.metrics.external:label_usage",
    on_boards=False,
)

_NOISE_SHARE = Metric(
    name="noise_share",
    title="Noise",
    description="share of points that are in no cluster, labelled -1",
    greater_is_better=None,
    worst=0.0,
    best=1.0,
    needs=("labels",),
    function="bench.metrics.external:label_usage",
    on_boards=False,
)


_LATENT_NOISE = Metric(
    name="latent_noise",
    title="Latent noise",
    description="share of the variance of the codes that is the encoder's noise",
    greater_is_better=None,
    worst=0.0,
    best=1.0,
    needs=("embedding",),
    function="bench.metrics.scoring:latent_noise",
    whole_run=True,
    on_boards=False,
)


@dataclass(frozen=True)
class Score:
    """A number for each point that should be large where the method is likely to be wrong.

    Attributes
    ----------
    name, title, description : str
    needs_sampling : {"no", "one number", "yes", "if stochastic", "five runs"}
        Whether it takes latent draws, or the noise that they are drawn with; "one number" is a constant of all points
        that is read off the noise, and no draw of a point.
    """

    name: str
    title: str
    description: str
    needs_sampling: Literal["no", "one number", "yes", "if stochastic", "five runs"]


SCORES: tuple[Score, ...] = (
    Score("confidence", "1 − max q", "one less the largest soft assignment, at the mean of the code", "no"),
    Score("plain_entropy", "H[q]", "entropy of the soft assignment, at the mean of the code", "no"),
    Score(
        "smoothed_kernel",
        "smoothed kernel",
        "entropy of the soft assignment by a kernel that is widened by the mean latent variance",
        "one number",
    ),
    Score("temperature", "temperature", "entropy of q^(1/T), T such that its mean is that of H[mean q]", "one number"),
    Score("margin", "centroid margin", "distance to the nearest centroid less that to the second", "no"),
    Score("reconstruction", "reconstruction error", "squared error per feature, at the mean of the code", "no"),
    Score("density", "−log p(x)", "negative log-density, or its bound over draws", "if stochastic"),
    Score("entropy", "H[mean q]", "entropy of the soft assignment averaged over draws", "yes"),
    Score("mean_entropy", "mean H[q]", "entropy of the soft assignment of a draw, averaged over draws", "yes"),
    Score("mutual_information", "MI", "H[mean q] − mean H[q]: what a draw says of the cluster", "yes"),
    Score("latent_variance", "latent variance", "mean variance of the encoder's noise over dimensions", "yes"),
)
"""Scores of one run. `BETWEEN_SCORES` are those of several runs, which no run has by itself."""

DISAGREEMENT = Score(
    "unaligned_disagreement",
    "disagreement (unaligned)",
    "one less the Jaccard similarity of the two clusters that hold the point, mean over pairs of five deterministic "
    "runs",
    "five runs",
)
ALIGNED_VOTE = Score(
    "disagreement",
    "disagreement (aligned)",
    "entropy of the votes of five deterministic runs, their clusters named as in the first",
    "five runs",
)
BETWEEN_SCORES: tuple[Score, ...] = (DISAGREEMENT, ALIGNED_VOTE)

N_DRAWS = 32
"""Latent draws that a run takes of each point."""

DRAWN = ("acc", "nmi", "ari")
"""What is also taken of the labels of each latent draw."""


_UNCERTAINTY = "bench.metrics.uncertainty:uncertainty_metrics"


def _calibration() -> list[Metric]:
    rows = [
        ("ece", "ECE", "mean gap between confidence and accuracy, 15 bins of equal width", 1.0),
        ("ece_mass", "ECE (equal mass)", "mean gap between confidence and accuracy, 15 bins of equal mass", 1.0),
        ("brier", "Brier", "squared distance between the soft assignment and the class", 2.0),
        ("nll", "NLL", "negative log of the soft assignment to the class, in nats", math.inf),
    ]
    kinds: tuple[tuple[str, str, str, Need], ...] = (
        ("", "", "at the mean of the code", "soft assignment"),
        ("_sampled", " (draws)", "averaged over latent draws", "draws"),
    )
    return [
        Metric(name=n + suffix, title=t + addition, description=f"{d}; {where}", greater_is_better=False, worst=worst,
               best=0.0, needs=(need, "classes"), function=_UNCERTAINTY, whole_run=True, on_boards=False)
        for suffix, addition, where, need in kinds
        for n, t, d, worst in rows
    ]  # fmt: skip


def _detection(score: Score) -> list[Metric]:
    rows = [
        ("auroc", "AUROC", "chance that a mis-clustered point scores above a right one", True, 0.0, 1.0),
        ("aupr", "AUPR", "average precision in finding mis-clustered points", True, 0.0, 1.0),
        ("aurc", "AURC", "mean error among the points kept, over all shares kept", False, 1.0, 0.0),
        ("augrc", "AUGRC", "mean share of points kept and wrong, over all shares kept", False, 0.5, 0.0),
    ]
    return [
        Metric(name=f"{n}_{score.name}", title=f"{t} of {score.title}", description=f"{d}, by {score.title}",
               greater_is_better=up, worst=worst, best=best, needs=("scores", "labels", "classes"),
               function=_UNCERTAINTY, whole_run=True, on_boards=False)
        for n, t, d, up, worst, best in rows
    ]  # fmt: skip


def _drawn() -> list[Metric]:
    rows = [
        Metric(name="label_change", title="label change",
               description="share of points on which two latent draws differ", greater_is_better=None, worst=0, best=1,
               needs=("draws",), function=_UNCERTAINTY, whole_run=True, on_boards=False)
    ]  # fmt: skip
    for row in _external():
        if row.name in DRAWN:
            rows += [
                Metric(name=f"{row.name}_draws", title=f"{row.title} of a draw",
                       description=f"mean {row.title} of the labels of a draw", worst=row.worst, best=row.best,
                       needs=("draws", "classes"), function=_UNCERTAINTY, whole_run=True, on_boards=False),
                Metric(name=f"{row.name}_draws_sd", title=f"sd of {row.title} over draws",
                       description=f"standard deviation of {row.title} between draws", greater_is_better=None,
                       worst=0.0, best=1.0, needs=("draws", "classes"), function=_UNCERTAINTY, whole_run=True,
                       on_boards=False),
            ]  # fmt: skip
    return rows


BUILT_IN_METRICS: tuple[Metric, ...] = (
    *_external(),
    _CLASS_RECALL,
    _CLASSES_LOST,
    _CLUSTERS_USED,
    _NOISE_SHARE,
    _LATENT_NOISE,
    *_internal("points"),
    *_internal("embedding"),
    *_reclustered(),
    *_calibration(),
    *(metric for score in SCORES for metric in _detection(score)),
    *_drawn(),
)
"""The metrics of every record, in its order."""

BETWEEN_RUNS: tuple[Metric, ...] = tuple(metric for score in BETWEEN_SCORES for metric in _detection(score))
"""Those that take several runs: reports compute them, no record holds them."""

_TAKEN = frozenset(row.name for row in (*BUILT_IN_METRICS, *BETWEEN_RUNS))
_REGISTERED: dict[str, Metric] = {}
_WARNED: set[str] = set()


def all_metrics(*, warn: bool = True) -> tuple[Metric, ...]:
    """Return the metrics of a run: the built-in ones, those of installed packages, those of `register`.

    Parameters
    ----------
    warn : bool
        Whether each plugin that cannot be used is warned of: one line, once a process.
    """
    installed, faults = installed_metrics(_TAKEN)
    for fault in faults if warn else ():
        if fault not in _WARNED:
            _WARNED.add(fault)
            warnings.warn(f"left out: metric {fault}", RuntimeWarning, stacklevel=2)
    return (*BUILT_IN_METRICS, *installed, *_REGISTERED.values())


def is_built_in(metric: Metric) -> bool:
    """Return whether a metric is of this package's own table."""
    return metric.name in _TAKEN


def register(*metrics: Metric) -> None:
    """Add metrics to this process.

    Workers are processes of their own and do not know them: a metric of labels and classes is computed from the stored
    outputs when results are read, and any other has no value in the records that workers make. A package with an entry
    point of the group ``deepclustbench.metrics`` has its metrics everywhere.

    Raises
    ------
    InputError
        If another metric has one of the names, or a function cannot be imported.
    """
    for metric in metrics:
        if metric.name in {row.name for row in (*all_metrics(), *BETWEEN_RUNS)}:
            raise InputError(f"there is a metric named {metric.name!r}; give the new one another name")
        metric.load()
        _REGISTERED[metric.name] = metric


@contextmanager
def registered(*metrics: Metric) -> Iterator[None]:
    """Add metrics to this process for the time of a ``with`` block; see `register`."""
    before = dict(_REGISTERED)
    try:
        register(*metrics)
        yield
    finally:
        _REGISTERED.clear()
        _REGISTERED.update(before)


def find_metric(name: str) -> Metric:
    """Return the metric called ``name``, of one run or between runs.

    Raises
    ------
    InputError
        If there is none; the message lists those there are.
    """
    for row in (*BUILT_IN_METRICS, *BETWEEN_RUNS):  # these need no package to be imported
        if row.name == name:
            return row
    rows = all_metrics()
    for row in rows:
        if row.name == name:
            return row
    raise InputError(f"unknown metric {name!r}; the metrics are {', '.join(row.name for row in rows)}")


def find_ranking_metric(name: str) -> Metric:
    """Return the metric called ``name`` if methods can be ranked by it.

    Raises
    ------
    InputError
        If there is no such metric, if neither of its ends is better, or if it is not comparable.
    """
    row = find_metric(name)
    if row.comparable and row.greater_is_better is not None:
        return row
    if row.comparable:
        why = "has no better end"
    else:
        why = "is taken in each method's own embedding" if "embedding" in row.needs else "does not compare methods"
    fit = ", ".join(row.name for row in all_metrics() if row.comparable and row.greater_is_better is not None)
    raise InputError(f"methods cannot be ranked by {name!r}: it {why}; rank by one of {fit}")
