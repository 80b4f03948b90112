"""The text of a leaderboard, one section a data set, before any markup."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.leaderboard.content import Section, TextTable
from bench.leaderboard.frame import (
    cells_of,
    finished,
    has_flag,
    labels_of,
    metric_values,
    twin_pairs,
    variants_of,
)
from bench.leaderboard.numbers import (
    format_interval,
    format_mean,
    format_megabytes,
    format_p,
    format_score,
    format_seconds,
)
from bench.leaderboard.tables import SECONDARY_METRICS, quality_table, twin_table
from bench.metrics import Metric, find_metric, find_ranking_metric

INTERNAL_METRICS = ("silhouette_pixels", "davies_bouldin_pixels", "calinski_harabasz_pixels", "n_clusters_used")

HOW_TO_READ = (
    "Runs are ok / failed / collapsed. A collapsed run is an ok run and counts in every number; a failed one "
    "has no score.",
    "A difference is the Hodges-Lehmann estimate over matched seeds with its exact 95 % interval; p is the "
    "two-sided Wilcoxon signed-rank test, Holm-adjusted within its table.",
    "Stability is the mean ARI between the labels of different seeds, collapsed runs left out.",
    "The twin pairs are fixed before any run. The reference of a board is the best mean of the same runs, so "
    "its p-values only describe, as do the further scores.",
)


def sections_of(frame: pd.DataFrame, primary_metric: str, planned: int | None) -> list[Section]:
    """Return one section for each data set, in order of appearance."""
    return [_section(frame, str(name), primary_metric, planned) for name in frame["dataset"].unique()]


def _section(frame: pd.DataFrame, dataset: str, primary_metric: str, planned: int | None) -> Section:
    metric = find_ranking_metric(primary_metric)
    cells = cells_of(frame, dataset)
    missing = _why_no_score(cells, metric)
    if missing is not None:
        internal = (_internal(cells),) if len(finished(cells)) else ()
        return Section(dataset, (missing,), internal)
    twins = twin_table(frame, dataset, primary_metric)
    board = quality_table(frame, dataset, primary_metric, planned=planned)
    tables = [_twins(twins, metric)] if len(twins) else []
    tables += [_board(board, metric), _further(board, metric, _stability(cells))]
    return Section(dataset, tuple(twins["sentence"]), tuple(tables), tuple(_notes(cells, twins, board)))


def _why_no_score(cells: pd.DataFrame, metric: Metric) -> str | None:
    ok = finished(cells)
    if np.isfinite(metric_values(ok, metric.name)).any():
        return None
    count = f"{len(ok)} runs ok, {len(cells) - len(ok)} failed"
    if ok.empty:
        return f"No run has finished ({count})."
    if "classes" in metric.needs:
        return f"The data set is unlabelled: there is no {metric.title} to compare by ({count})."
    return f"No finished run has a {metric.title} ({count})."


def _twins(twins: pd.DataFrame, metric: Metric) -> TextTable:
    rows = [
        (
            row["title"],
            format_score(row["mean"], metric),
            row["twin_title"],
            format_score(row["twin_mean"], metric),
            _difference(row, metric),
            format_p(row["p_adjusted"]),
            str(row["n_pairs"]),
        )
        for row in twins.to_dict("records")
    ]
    header = ("variant", metric.title, "twin", f"twin {metric.title}", "difference [95 %]", "p (Holm)", "n")
    return TextTable(f"Twins: {metric.title} with the noise and without", header, tuple(rows))


def _board(board: pd.DataFrame, metric: Metric) -> TextTable:
    rows = [
        (
            row["title"],
            f"{row['n_ok']}/{row['n_failed']}/{row['n_collapsed']}",
            format_mean(row["mean"], row["sd"], metric) + ("*" if row["n_scored"] and not row["complete"] else ""),
            _difference(row, metric),
            format_p(row["p_adjusted"]),
            row["verdict"],
        )
        for row in board.to_dict("records")
    ]
    header = ("variant", "runs", f"{metric.title} ± sd", "difference [95 %]", "p (Holm)", "verdict")
    return TextTable(
        f"Board: {metric.title}, best mean first, and the difference to the reference", header, tuple(rows)
    )


def _stability(cells: pd.DataFrame) -> dict[str, str]:
    """Mean ARI between the seeds of each variant, as text by variant."""
    return {
        name: format_score(float(metric_values(rows, "stability")[0]), find_metric("ari"))
        for name, rows in variants_of(cells).items()
    }


def _internal(cells: pd.DataFrame) -> TextTable:
    """Say what can be said without classes: indices in pixel space, which compare methods, and stability."""
    metrics = [find_metric(name) for name in INTERNAL_METRICS]
    labels, agreement = labels_of(cells), _stability(cells)
    rows = []
    for name, variant in variants_of(cells).items():
        ok = finished(variant)
        collapsed = int(has_flag(ok, "collapsed").sum())
        scores = [(metric_values(ok, metric.name), metric) for metric in metrics]
        rows.append(
            (
                labels[name],
                f"{len(ok)}/{len(variant) - len(ok)}/{collapsed}",
                *(format_mean(*_moments(values), metric) for values, metric in scores),
                agreement[name],
            )
        )
    header = ("variant", "runs", *(metric.title for metric in metrics), "stability")
    return TextTable("Internal indices in pixel space, and the agreement between seeds (ARI)", header, tuple(rows))


def _moments(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of the finite values."""
    finite = values[np.isfinite(values)]
    mean = float(finite.mean()) if len(finite) else np.nan
    return mean, float(finite.std(ddof=1)) if len(finite) > 1 else np.nan


def _further(board: pd.DataFrame, metric: Metric, agreement: dict[str, str]) -> TextTable:
    secondary = [find_metric(name) for name in SECONDARY_METRICS if name != metric.name]
    secondary = [m for m in secondary if board[f"{m.name}_mean"].notna().any()]
    rows = [
        (
            row["title"],
            f"{format_score(row['median'], metric)} {format_interval(row['q1'], row['q3'], metric)}".rstrip(),
            *(format_mean(row[f"{m.name}_mean"], row[f"{m.name}_sd"], m) for m in secondary),
            agreement[row["variant"]],
            format_seconds(row["wall_time_mean"]),
            format_megabytes(row["peak_memory_max"]),
        )
        for row in board.to_dict("records")
    ]
    header = ("variant", "median [Q1, Q3]", *(m.title for m in secondary), "stability", "time", "memory")
    return TextTable(
        f"Further: {metric.title} quartiles, descriptive scores, agreement of seeds, time, memory", header, tuple(rows)
    )


def _difference(row: dict, metric: Metric) -> str:
    interval = format_interval(row["ci_low"], row["ci_high"], metric)
    return f"{format_score(row['difference'], metric)} {interval}".rstrip()


def _notes(cells: pd.DataFrame, twins: pd.DataFrame, board: pd.DataFrame) -> list[str]:
    notes = []
    incomplete = board.loc[~board["complete"]].to_dict("records")
    if incomplete:
        counts = ", ".join(f"{row['title']} {row['n_scored']} of {row['planned']}" for row in incomplete)
        notes.append(
            f"Marked *, means over fewer runs than planned: {counts}. Comparisons use the seeds both sides have."
        )
    above = board.iloc[: int(board["reference"].to_numpy().argmax())]
    if len(above):
        names = ", ".join(above["title"])
        notes.append(f"Above the reference on fewer runs, so not the reference: {names}.")
    for row in board.loc[board["n_collapsed"] > 0].to_dict("records"):
        notes.append(f"{row['title']}: {row['n_collapsed']} of {row['n_ok']} runs collapsed, and count.")
    pairs = pd.concat([twins["n_pairs"], board["n_pairs"]])
    if pairs.between(2, 5).any():
        notes.append("With 5 matched seeds or fewer there is no 95 % interval, and no p below .05.")
    _, alone = twin_pairs(cells)
    if alone:
        labels = labels_of(cells)
        notes.append(f"No deterministic twin in these runs: {', '.join(labels[name] for name in alone)}.")
    return notes
