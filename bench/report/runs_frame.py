"""Reading a frame of cells: one row a cell.

Columns: ``dataset``, ``method``, ``variant`` (unique name of a configuration), ``title``, ``config``, ``twin``
(the ``config`` of its deterministic twin, or None), ``role`` ("asked" for, or the "twin" of one that was),
``kind``, ``seeded`` (whether it takes a seed), ``planned`` (runs planned of the variant), ``seed``, ``status``,
``flags`` (list of str), ``unlabelled`` (whether the data have no classes), ``revised`` (whether the name of the data
set stands for several contents here), one for each metric, ``hardware``, ``wall_time`` in seconds and ``peak_memory``
in MB. A cell that was planned and has no record has the status "not run". Where it is known, ``n_clusters_asked`` is
the number of clusters that a method was asked for, NaN if it was asked for none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench.errors import InputError
from bench.metrics import Metric
from bench.metrics.registry import BETWEEN_RUNS, METRICS
from bench.statistics.correction import Scores

#: Status of a cell that was planned and has no record.
NOT_RUN = "not run"

REQUIRED_COLUMNS = (
    *("dataset", "method", "variant", "title", "config", "twin", "role", "kind"),
    *("seeded", "planned", "seed", "status", "flags", "unlabelled", "revised"),
    *("hardware", "wall_time", "peak_memory"),
)


def check_columns(frame: pd.DataFrame) -> None:
    """Refuse a frame that lacks a column.

    Raises
    ------
    InputError
        If it does; the column is named.
    """
    missing = [column for column in REQUIRED_COLUMNS if column not in frame.columns]
    if missing:
        raise InputError(f"the frame of cells lacks the columns {', '.join(missing)}")


def runs_on_dataset(frame: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return the cells of one data set.

    Raises
    ------
    InputError
        If a seed of a variant occurs twice.
    """
    cells = frame.loc[frame["dataset"] == dataset]
    twice = cells.loc[cells.duplicated(["variant", "seed"])]
    if len(twice):
        first = twice.iloc[0]
        raise InputError(f"{dataset}: seed {first['seed']} of {first['variant']} occurs twice")
    return cells


def runs_by_variant(cells: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the cells of each variant, in order of appearance."""
    return {str(name): rows for name, rows in cells.groupby("variant", sort=False)}


def one_run_per_variant(cells: pd.DataFrame) -> pd.DataFrame:
    """Return one cell of each variant, in order of appearance: all of a variant agree in what they are called."""
    return cells.drop_duplicates("variant")


def count_runs(cells: pd.DataFrame) -> tuple[int, int, int]:
    """Count the runs that ended well, those that failed, and those of the former that collapsed."""
    status = cells["status"].to_numpy(dtype=object)
    ok = status == "ok"
    return int(ok.sum()), int((~ok & (status != NOT_RUN)).sum()), int(has_flag(cells, "collapsed")[ok].sum())


def finished_runs(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that ended well; a collapsed run did, a failed, diverged or timed-out one did not."""
    return cells.loc[cells["status"] == "ok"]


def scores_by_seed(cells: pd.DataFrame, metric: str) -> dict[int, float]:
    """Return the finite scores of the finished runs of one variant, by seed."""
    values = metric_values(cells, metric)
    scored = np.isfinite(values) & (cells["status"] == "ok").to_numpy()
    return dict(zip(cells["seed"].to_numpy()[scored].tolist(), values[scored].tolist(), strict=True))


def scores_by_variant(cells: pd.DataFrame, metric: str) -> dict[str, Scores]:
    """Return what each variant scored: by seed, NaN where its run ended without a score.

    A variant that takes no seed has its one score, or no scores, by no seed; so has one whose seeds all gave the same:
    it is deterministic in effect, and n equal numbers are no n observations.
    """
    scores: dict[str, Scores] = {}
    for name, rows in runs_by_variant(cells).items():
        by_seed = scores_by_seed(rows, metric)
        same = len(by_seed) > 1 and len({round(score, 6) for score in by_seed.values()}) == 1
        if rows["seeded"].all() and not (same and len(by_seed) == len(rows)):
            ended = rows.loc[rows["status"] != NOT_RUN, "seed"].tolist()
            scores[name] = {seed: by_seed.get(seed, float("nan")) for seed in ended}
        else:
            scores[name] = next(iter(by_seed.values())) if by_seed else {}
    return scores


def metric_values(cells: pd.DataFrame, metric: str) -> np.ndarray:
    """Return a metric of each cell, NaN where it has none.

    Returns
    -------
    ndarray of shape (n_cells,)
    """
    if metric not in cells.columns:
        return np.full(len(cells), np.nan)
    column = cells[metric]
    if column.dtype != np.float64:
        column = pd.to_numeric(column, errors="coerce")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def median_run(runs: pd.DataFrame, metric: Metric) -> pd.Series:
    """Return the run with the median score, of an even number the lower one; the first where none has a score.

    Parameters
    ----------
    runs : DataFrame
        The finished cells of one variant, at least one.
    metric : Metric
    """
    values = metric_values(runs, metric.name)
    order = np.lexsort((runs["seed"], values))[: np.isfinite(values).sum()]  # NaN goes last
    return runs.iloc[int(order[(len(order) - 1) // 2]) if len(order) else 0]


def moments(values: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation of the finite values, NaN where they do not exist."""
    finite = values[np.isfinite(values)]
    mean = float(finite.mean()) if len(finite) else np.nan
    return mean, float(finite.std(ddof=1)) if len(finite) > 1 else np.nan


def has_flag(cells: pd.DataFrame, flag: str) -> np.ndarray:
    """Tell for each cell whether it carries a flag.

    Returns
    -------
    ndarray of shape (n_cells,), bool
    """
    # Flags read back from parquet are arrays, missing ones None or NaN.
    return np.array([isinstance(f, list | tuple | np.ndarray) and flag in list(f) for f in cells["flags"]], bool)


def variant_titles(cells: pd.DataFrame) -> dict[str, str]:
    """Return the title of each variant, with the variant's name where two share a title."""
    firsts = one_run_per_variant(cells)
    titles = dict(zip(firsts["variant"], firsts["title"].astype(str), strict=True))
    shared = Counter(titles.values())
    labels: dict[str, str] = {}
    for name, title in titles.items():
        label = title if shared[title] == 1 else f"{title} ({name})"
        while label in labels.values():  # a title may be what another's was made into
            label += "'"
        labels[name] = label
    return labels


def twin_pairs(cells: pd.DataFrame) -> tuple[list[tuple[str, str]], list[str]]:
    """Match each stochastic variant with its deterministic twin.

    Returns
    -------
    pairs : list of (str, str)
        (variant, its twin), in order of appearance.
    alone : list of str
        Stochastic variants whose twin was not run.
    """
    firsts = one_run_per_variant(cells)
    by_config = dict(zip(firsts["config"], firsts["variant"], strict=True))
    pairs, alone = [], []
    for name, twin, kind in zip(firsts["variant"], firsts["twin"], firsts["kind"], strict=True):
        twin_name = by_config.get(twin) if isinstance(twin, str) else None
        if twin_name is not None and twin_name != name:
            pairs.append((name, twin_name))
        elif kind == "stochastic":
            alone.append(name)
    return pairs, alone


_UNCERTAIN = {"soft assignment", "draws", "scores"}
#: Columns of a frame of cells that say how sure, or how calibrated, a run is.
_UNCERTAINTY = frozenset(m.name for m in (*METRICS, *BETWEEN_RUNS) if _UNCERTAIN & set(m.needs))
OUTLIER_RATES = ("auroc", "aupr", "fpr95")


def is_outlier_column(column: str) -> bool:
    """Tell whether a column is of outliers: ``auroc/NAME/SCORE`` and its like."""
    return column.count("/") >= 2 and column.split("/", 1)[0] in OUTLIER_RATES


def collapsed_mask(cells: pd.DataFrame) -> np.ndarray:
    """Tell which runs are totally collapsed, by flag or verdict.

    Returns
    -------
    ndarray of shape (n_cells,), bool
    """
    return _ended_as(cells, "collapsed")


def partly_collapsed_mask(cells: pd.DataFrame) -> np.ndarray:
    """Tell which runs use fewer than half of their clusters, by flag or verdict; shaped as of `collapsed_mask`."""
    return _ended_as(cells, "partly collapsed")


def _ended_as(cells: pd.DataFrame, health: str) -> np.ndarray:
    verdict = (cells["health"] == health).to_numpy(bool) if "health" in cells else False
    return has_flag(cells, health) | verdict


def mask_uncertainty(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells without the uncertainty of runs that collapsed or did not end well.

    One cluster for all points is as certain, and as calibrated on its share, as can be. Such runs are given no such
    metric when they are scored; records that others wrote may hold some.
    """
    out = collapsed_mask(cells) | (cells["status"] != "ok").to_numpy()
    columns = [c for c in cells.columns if c in _UNCERTAINTY or is_outlier_column(str(c))]
    if not out.any() or not columns:
        return cells
    numbers = cells[columns].apply(pd.to_numeric, errors="coerce").astype(np.float64)
    return cells.assign(**{str(name): column.mask(out) for name, column in numbers.items()})


def mean_sd_n(cells: pd.DataFrame, columns: Sequence[str]) -> dict[str, tuple[float, float, int]]:
    """Return mean, standard deviation and number of the finite values of some columns, NaN where there are none."""
    found = {}
    for column in columns:
        values = pd.to_numeric(cells[column], errors="coerce").to_numpy(np.float64) if column in cells else np.empty(0)
        values = values[np.isfinite(values)]
        mean = float(values.mean()) if len(values) else np.nan
        found[column] = mean, float(values.std(ddof=1)) if len(values) > 1 else np.nan, len(values)
    return found
