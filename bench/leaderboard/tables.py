"""The two tables of a data set: stochastic variants against their twins, and the board of all variants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bench.leaderboard.frame import (
    cells_of,
    finished,
    has_flag,
    labels_of,
    metric_values,
    scores_by_seed,
    twin_pairs,
    variants_of,
)
from bench.leaderboard.sentences import twin_sentence
from bench.metrics import Metric, find_ranking_metric
from bench.statistics.correction import MethodComparison, compare_methods, compare_to_reference

SECONDARY_METRICS = ("nmi", "ari", "ami")

_NO_COMPARISON = {
    "difference": np.nan,
    "ci_low": np.nan,
    "ci_high": np.nan,
    "n_pairs": 0,
    "p_value": np.nan,
    "p_adjusted": np.nan,
    "verdict": "not compared",
    "practical": "undecided",
}

_QUALITY_COLUMNS = (
    *("variant", "title", "method", "kind", "planned", "n_ok", "n_failed", "n_collapsed", "n_scored"),
    *("complete", "mean", "sd", "median", "q1", "q3", "reference", *_NO_COMPARISON),
    *(f"{name}_{part}" for name in SECONDARY_METRICS for part in ("mean", "sd")),
    *("wall_time_mean", "peak_memory_max"),
)
_TWIN_COLUMNS = (
    *("variant", "title", "twin_variant", "twin_title", "mean", "twin_mean", *_NO_COMPARISON),
    *("family_size", "sentence"),
)


def quality_table(frame: pd.DataFrame, dataset: str, metric: str, *, planned: int | None = None) -> pd.DataFrame:
    """Describe every variant on one data set and compare each with the best.

    A collapsed run has a score and counts. A failed, diverged or timed-out run has none; it is counted, and a
    mean over fewer runs than planned is not ``complete``.

    The reference is the best mean among the complete variants (among all if none is): one lucky survivor of
    ten runs must not be what the others are measured by, nor a single run where others have many. It is chosen
    by the data it is then tested on, so the adjusted p, over the family of all others against it, is
    descriptive. The declared tests are those of `twin_table`.

    Parameters
    ----------
    frame : DataFrame
        One row a cell, as `bench.leaderboard.frame` describes.
    dataset, metric : str
    planned : int, optional
        Runs planned for each variant; the number of its cells unless given.

    Returns
    -------
    DataFrame
        One row a variant, the best mean first and those without a score last.
    """
    row_metric = find_ranking_metric(metric)
    cells = cells_of(frame, dataset)
    labels = labels_of(cells)
    rows = [
        {"variant": name, "title": labels[name]} | _describe(variant, metric, planned)
        for name, variant in variants_of(cells).items()
    ]
    reference = _reference(rows, row_metric)
    scores = {name: scores_by_seed(variant, metric) for name, variant in variants_of(cells).items()}
    compared: dict[str, MethodComparison] = {}
    if reference is not None:
        against = compare_to_reference(scores, reference, greater_is_better=bool(row_metric.greater_is_better))
        compared = {comparison.a: comparison for comparison in against}
    for row in rows:
        row["reference"] = row["variant"] == reference
        row.update(_comparison_columns(compared.get(row["variant"]), row_metric))
        if row["reference"]:
            row["verdict"] = "reference"
    table = pd.DataFrame(rows, columns=list(_QUALITY_COLUMNS))
    ascending = not row_metric.greater_is_better
    return table.sort_values(["mean", "variant"], ascending=[ascending, True], ignore_index=True)


def twin_table(frame: pd.DataFrame, dataset: str, metric: str) -> pd.DataFrame:
    """Compare each stochastic variant with itself less the noise.

    The family, fixed before any run, is all the twin pairs of the data set. Means are over matched seeds.

    Parameters
    ----------
    frame : DataFrame
        One row a cell, as `bench.leaderboard.frame` describes.
    dataset, metric : str

    Returns
    -------
    DataFrame
        One row a pair, in order of appearance; a stochastic variant whose twin was not run has none.
    """
    row_metric = find_ranking_metric(metric)
    cells = cells_of(frame, dataset)
    labels = labels_of(cells)
    pairs, _ = twin_pairs(cells)
    scores = {name: scores_by_seed(variant, metric) for name, variant in variants_of(cells).items()}
    rows = []
    for comparison in compare_methods(scores, pairs, greater_is_better=bool(row_metric.greater_is_better)):
        name, twin = comparison.a, comparison.b
        rows.append(
            {
                "variant": name,
                "title": labels[name],
                "twin_variant": twin,
                "twin_title": labels[twin],
                "mean": _mean([scores[name][seed] for seed in comparison.seeds]),
                "twin_mean": _mean([scores[twin][seed] for seed in comparison.seeds]),
                "family_size": comparison.family_size,
                "sentence": twin_sentence(comparison, labels[name], labels[twin], row_metric),
                **_comparison_columns(comparison, row_metric),
            }
        )
    return pd.DataFrame(rows, columns=list(_TWIN_COLUMNS))


def _describe(cells: pd.DataFrame, metric: str, planned: int | None) -> dict[str, Any]:
    ok = finished(cells)
    scores = np.array(list(scores_by_seed(cells, metric).values()))
    quartiles = np.percentile(scores, [25, 50, 75]) if len(scores) else np.full(3, np.nan)
    # A method that takes no seed has one outcome, however many seeds the others run.
    n_planned = max(planned or 0, len(cells)) if cells["seeded"].all() else len(cells)
    described: dict[str, Any] = {
        "method": str(cells["method"].iloc[0]),
        "kind": str(cells["kind"].iloc[0]),
        "planned": n_planned,
        "n_ok": len(ok),
        "n_failed": len(cells) - len(ok),
        "n_collapsed": int(has_flag(ok, "collapsed").sum()),
        "n_scored": len(scores),
        "complete": len(scores) == n_planned,
        "mean": _mean(scores),
        "sd": _sd(scores),
        **dict(zip(("q1", "median", "q3"), quartiles.tolist(), strict=True)),
        "wall_time_mean": _mean(metric_values(ok, "wall_time")),
        "peak_memory_max": _largest(metric_values(cells, "peak_memory")),
    }
    for name in SECONDARY_METRICS:
        values = np.array(list(scores_by_seed(cells, name).values()))
        described |= {f"{name}_mean": _mean(values), f"{name}_sd": _sd(values)}
    return described


def _reference(rows: list[dict[str, Any]], metric: Metric) -> str | None:
    scored = [row for row in rows if row["n_scored"] > 0]
    complete = [row for row in scored if row["complete"]]
    candidates = [row for row in complete if row["n_scored"] > 1] or complete or scored
    if not candidates:
        return None
    sign = -1 if metric.greater_is_better else 1
    return str(min(candidates, key=lambda row: (sign * row["mean"], row["variant"]))["variant"])


def _comparison_columns(comparison: MethodComparison | None, metric: Metric) -> Mapping[str, Any]:
    if comparison is None or comparison.result is None:
        return _NO_COMPARISON | {"n_pairs": len(comparison.seeds) if comparison else 0}
    result = comparison.result
    low, high = result.hodges_lehmann_interval or (np.nan, np.nan)
    return {
        "difference": result.hodges_lehmann,
        "ci_low": low,
        "ci_high": high,
        "n_pairs": result.n,
        "p_value": result.p_value,
        "p_adjusted": comparison.p_adjusted,
        "verdict": comparison.verdict,
        # The region of equivalence is ±.01: a size for ACC, not for a Calinski-Harabasz of 10,000.
        "practical": result.practical if metric.unit_scale else "undecided",
    }


def _mean(scores: ArrayLike) -> float:
    values = np.asarray(scores, dtype=np.float64)
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else np.nan


def _sd(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else np.nan


def _largest(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(values.max()) if len(values) else np.nan
