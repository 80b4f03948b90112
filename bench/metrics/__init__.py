"""Numbers computed from the stored raw outputs of a fitted cell.

The table of metrics is here for the asking; scikit-learn is imported by the first call of `score`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.metrics.registry import METRICS, METRICS_VERSION, Metric, find_metric, find_ranking_metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from bench.data.dataset import Dataset

__all__ = ["METRICS", "METRICS_VERSION", "Metric", "find_metric", "find_ranking_metric", "score"]


def score(
    outputs: Mapping[str, np.ndarray], dataset: Dataset, seed: int
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Compute every metric of one fitted cell.

    Parameters
    ----------
    outputs : mapping of str to ndarray
        ``labels`` (n_samples,) of int and, where the method has one, ``embedding`` (n_samples, n_latent).
        A label of -1 is noise, which `bench.metrics.registry.NOISE` has the rule for. Of what else a method gave,
        ``soft_assignment`` (n_samples, n_clusters), the outputs that `bench.metrics.uncertainty.uncertainty_scores`
        reads, and ``draw_labels`` (n_draws, n_samples).
    dataset : Dataset
        The data the cell was fitted on.
    seed : int
        The cell's seed: it fixes which half of the points names the clusters and which half is then judged.

    Returns
    -------
    metrics : dict of str to float or None
        One entry for each row of `METRICS`, in that order.
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

    return score_outputs(outputs, dataset, seed)
