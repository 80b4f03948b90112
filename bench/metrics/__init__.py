"""Metrics: numbers computed from the stored raw outputs of a fitted run.

A package adds a metric by an entry point that names a `Metric`, and it is then in records, leaderboards, csv and the
gate, beside the built-in ones::

    # pyproject.toml
    [project.entry-points."deepclustbench.metrics"]
    purity = "lab_metrics:purity"

    # lab_metrics.py
    import numpy as np
    from bench.metrics import Metric

    def of_labels(labels, classes):
        of_clusters = [classes[labels == cluster] for cluster in np.unique(labels)]
        return sum(np.bincount(members).max() for members in of_clusters) / len(labels)

    purity = Metric(name="purity", function=of_labels, needs=("labels", "classes"), worst=0.0, best=1.0)

A program adds one for itself by `register`. A metric that the suite brings is one entry of
`bench.metrics.registry.BUILT_IN_METRICS`. What goes wrong in a plugin's function is stored as the reason why a run has
no value. A metric whose numbers would change takes another name: values in records are not computed again.

scikit-learn is imported by the first call of `score`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.metrics.metric import Metric
from bench.metrics.registry import (
    METRICS_VERSION,
    all_metrics,
    find_metric,
    find_ranking_metric,
    register,
    registered,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import numpy as np

    from bench.data.dataset import Dataset

__all__ = [
    "METRICS_VERSION",
    "Metric",
    "all_metrics",
    "find_metric",
    "find_ranking_metric",
    "register",
    "registered",
    "score",
]


def score(
    outputs: Mapping[str, np.ndarray], dataset: Dataset, seed: int, names: Collection[str] | None = None
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Compute the metrics of one fitted run.

    Parameters
    ----------
    outputs : mapping of str to ndarray
        ``labels`` (n_samples,) of int and, where the method has one, ``embedding`` (n_samples, n_latent).
        A label of -1 is noise, which `bench.metrics.registry.NOISE` has the rule for. Of what else a method gave,
        ``soft_assignment`` (n_samples, n_clusters), the outputs that `bench.metrics.uncertainty.uncertainty_scores`
        reads, and ``draw_labels`` (n_draws, n_samples).
    dataset : Dataset
        The data the run was fitted on.
    seed : int
        The run's seed: it fixes which half of the points names the clusters and which half is then judged.
    names : collection of str, optional
        Compute these metrics alone.

    Returns
    -------
    metrics : dict of str to float or None
        One entry for each of `all_metrics`, in that order.
    reasons : dict of str to str
        Why a metric is None, for those that are.

    Raises
    ------
    ValueError
        If an output has the wrong length, shape or type, or a label is below -1.

    Notes
    -----
    Above 10,000 points the internal indices use a fixed subsample of 10,000, the same for all methods.
    Everything runs on one thread: sums over threads would make the last digits depend on the machine's load.
    """
    from bench.metrics.scoring import score_outputs

    return score_outputs(outputs, dataset, seed, names)
