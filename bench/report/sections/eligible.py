"""What a run that came to nothing may not say of itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench.metrics import all_metrics
from bench.metrics.metric import UNCERTAINTY_NEEDS
from bench.metrics.registry import BETWEEN_RUNS
from bench.report.runs_frame import has_flag

OUTLIER_RATES = ("auroc", "aupr", "fpr95")


def is_outlier_column(column: str) -> bool:
    """Tell whether a column is of outliers: ``auroc/NAME/SCORE`` and its like."""
    return column.count("/") >= 2 and column.split("/", 1)[0] in OUTLIER_RATES


def collapsed(cells: pd.DataFrame) -> np.ndarray:
    """Tell which runs are totally collapsed, by flag or verdict.

    Returns
    -------
    ndarray of shape (n_cells,), bool
    """
    return _ended_as(cells, "collapsed")


def partly_collapsed(cells: pd.DataFrame) -> np.ndarray:
    """Tell which runs use fewer than half of their clusters, by flag or verdict; shaped as of `collapsed`."""
    return _ended_as(cells, "partly collapsed")


def _ended_as(cells: pd.DataFrame, health: str) -> np.ndarray:
    verdict = (cells["health"] == health).to_numpy(bool) if "health" in cells else False
    return has_flag(cells, health) | verdict


def gated(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells without the uncertainty of runs that collapsed or did not end well.

    One cluster for all points is as certain, and as calibrated on its share, as can be. Such runs are given no such
    metric when they are scored; records that others wrote may hold some.
    """
    out = collapsed(cells) | (cells["status"] != "ok").to_numpy()
    uncertain = {m.name for m in (*all_metrics(), *BETWEEN_RUNS) if UNCERTAINTY_NEEDS & set(m.needs)}
    columns = [c for c in cells.columns if c in uncertain or is_outlier_column(str(c))]
    if not out.any() or not columns:
        return cells
    numbers = cells[columns].apply(pd.to_numeric, errors="coerce").astype(np.float64)
    return cells.assign(**{str(name): column.mask(out) for name, column in numbers.items()})


def numbers_of(cells: pd.DataFrame, columns: Sequence[str]) -> dict[str, tuple[float, float, int]]:
    """Return mean, standard deviation and number of the finite values of some columns, NaN where there are none."""
    found = {}
    for column in columns:
        values = pd.to_numeric(cells[column], errors="coerce").to_numpy(np.float64) if column in cells else np.empty(0)
        values = values[np.isfinite(values)]
        mean = float(values.mean()) if len(values) else np.nan
        found[column] = mean, float(values.std(ddof=1)) if len(values) > 1 else np.nan, len(values)
    return found
