"""What a record says of the raw outputs of a cell: computed when it is run, and again whenever metrics change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.dataset import Dataset
from bench.metrics import METRICS_VERSION, score
from bench.metrics.advice import advice_on
from bench.metrics.health import health_of
from bench.metrics.outliers import outlier_metrics


def assess(outputs: Mapping[str, np.ndarray], dataset: Dataset, seed: int, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a record that follow from the raw outputs alone.

    Parameters
    ----------
    outputs : mapping of str to ndarray
    dataset : Dataset
        What the cell was fitted to.
    seed : int
        The cell's; it says on which half of the points clusters are matched to classes.
    params : mapping
        The cell's.

    Raises
    ------
    ValueError
        If an output has the wrong length, shape or type.
    """
    metrics, reasons = score(outputs, dataset, seed)
    health = health_of(outputs, params.get("n_clusters"))
    return {
        "metrics": metrics,
        "reasons": reasons,
        "outliers": outlier_metrics(outputs, dataset.x),
        "health": health.verdict,
        "health_epoch": health.epoch,
        "health_reason": health.reason,
        "health_advice": advice_on(health, outputs, params, *dataset.x.shape),
        "flags": [] if health.verdict == "healthy" else [health.verdict],
        "metrics_version": METRICS_VERSION,
    }
