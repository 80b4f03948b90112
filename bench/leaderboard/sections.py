"""The text of a leaderboard, one section a data set and one over all of them, before any markup."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from bench.leaderboard.boards import BoardFrame
from bench.leaderboard.content import Entry, Section, TextTable, make_table
from bench.leaderboard.frame import finished, has_flag, metric_values, twin_pairs, variants_of
from bench.leaderboard.numbers import (
    ABSENT,
    format_interval,
    format_mean,
    format_megabytes,
    format_p,
    format_ranks,
    format_score,
    format_seconds,
)
from bench.leaderboard.overall_section import overall_section
from bench.leaderboard.sentences import twin_sentence
from bench.leaderboard.tables import SECONDARY_METRICS, DatasetTables
from bench.metrics import Metric, find_metric

#: Makes a name safe in some markup.
Escape = Callable[[str], str]

INTERNAL_METRICS = ("silhouette_pixels", "davies_bouldin_pixels", "calinski_harabasz_pixels", "n_clusters_used")

HOW_TO_READ = (
    "Runs are ok / failed / collapsed. A collapsed run is an ok run and counts in every number; a failed one "
    "has no score.",
    "A difference is the Hodges-Lehmann estimate over matched seeds with its exact 95 % interval; p is the "
    "two-sided Wilcoxon signed-rank test, Holm-adjusted within its family: the twins of a data set, or all pairs "
    "of the methods that were asked for.",
    'A rank is what the tests say of an order, and no more: of six methods, "2-6" has one shown to be better and none '
    "shown to be worse. Differences and p of a board are to its best mean, the reference.",
    "Stability is the mean ARI between the labels of different seeds (of the first thirty), collapsed runs left out.",
    "The twin pairs and the primary metric are fixed before any run; the further scores only describe.",
)


@lru_cache(maxsize=8)  # the terminal and the page say the same
def sections_of(board: BoardFrame, escape: Escape = str) -> tuple[Section, ...]:
    """Return what is said over all data sets, where there are several, and then of each in order of appearance.

    Parameters
    ----------
    board : BoardFrame
    escape : callable
        Rewrites every name that comes from data or plugins.
    """
    sections = tuple(_section(tables, escape) for tables in board.datasets)
    return sections if board.overall is None else (overall_section(board.overall, escape), *sections)


def _section(tables: DatasetTables, escape: Escape) -> Section:
    metric, cells = tables.metric, tables.cells
    dataset = escape(tables.dataset)
    labels = {name: escape(label) for name, label in tables.labels.items()}
    missing = _why_no_score(cells, metric)
    if missing is not None:
        internal = (_internal(cells, labels),) if len(finished(cells)) else ()
        return Section(dataset, (missing,), internal)
    sentences = [twin_sentence(c, labels[c.a], labels[c.b], metric) for c in tables.contrasts]
    hardware = sorted(set(finished(cells)["hardware"].dropna().astype(str)))
    texts = [_twins(tables.twins, labels, metric)] if tables.contrasts else []
    texts.append(_board(tables.quality, labels, metric))
    texts.append(_further(tables.quality, labels, metric, _stability(cells), timed=len(hardware) < 2))
    notes = _notes(tables, labels)
    if len(hardware) > 1:
        where = escape("; ".join(hardware))
        notes.append(f"Time and memory are not compared: the runs come from different hardware ({where}).")
    return Section(dataset, tuple(sentences), tuple(texts), tuple(notes))


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


def _twins(twins: pd.DataFrame, labels: Mapping[str, str], metric: Metric) -> TextTable:
    rows = [
        (
            _words(labels[row["variant"]]),
            (format_score(row["mean"], metric), row["mean"]),
            _words(labels[row["twin_variant"]]),
            (format_score(row["twin_mean"], metric), row["twin_mean"]),
            _difference(row, metric),
            (format_p(row["p_adjusted"]), row["p_adjusted"]),
            _pairs(row),
        )
        for row in twins.to_dict("records")
    ]
    header = ("variant", metric.title, "twin", f"twin {metric.title}", "difference [95 %]", "p (Holm)", "n")
    return make_table(f"Twins: {metric.title} with the noise and without", header, rows)


def _board(board: pd.DataFrame, labels: Mapping[str, str], metric: Metric) -> TextTable:
    rows = [
        (
            _words(labels[row["variant"]]),
            _runs(row["n_ok"], row["n_failed"], row["n_collapsed"]),
            (
                format_mean(row["mean"], row["sd"], metric) + ("*" if row["n_scored"] and not row["complete"] else ""),
                row["mean"],
            ),
            (format_ranks(row["rank_best"], row["rank_worst"]), row["rank_best"]),
            _difference(row, metric),
            (format_p(row["p_adjusted"]), row["p_adjusted"]),
            _words(row["verdict"]),
        )
        for row in board.to_dict("records")
    ]
    header = ("variant", "runs", f"{metric.title} ± sd", "rank", "difference [95 %]", "p (Holm)", "verdict")
    return make_table(f"Board: {metric.title}, best mean first, and the difference to the reference", header, rows)


def _stability(cells: pd.DataFrame) -> dict[str, Entry]:
    """Mean ARI between the seeds of each variant."""
    values = {name: float(metric_values(rows, "stability")[0]) for name, rows in variants_of(cells).items()}
    return {name: (format_score(value, find_metric("ari")), value) for name, value in values.items()}


def _internal(cells: pd.DataFrame, labels: Mapping[str, str]) -> TextTable:
    """Say what can be said without classes: indices in pixel space, which compare methods, and stability."""
    metrics = [find_metric(name) for name in INTERNAL_METRICS]
    agreement = _stability(cells)
    rows = []
    for name, variant in variants_of(cells).items():
        ok = finished(variant)
        moments = [(_moments(metric_values(ok, metric.name)), metric) for metric in metrics]
        rows.append(
            (
                _words(labels[name]),
                _runs(len(ok), len(variant) - len(ok), int(has_flag(ok, "collapsed").sum())),
                *((format_mean(mean, sd, metric), mean) for (mean, sd), metric in moments),
                agreement[name],
            )
        )
    header = ("variant", "runs", *(metric.title for metric in metrics), "stability")
    return make_table("Internal indices in pixel space, and the agreement between seeds (ARI)", header, rows)


def _moments(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of the finite values."""
    finite = values[np.isfinite(values)]
    mean = float(finite.mean()) if len(finite) else np.nan
    return mean, float(finite.std(ddof=1)) if len(finite) > 1 else np.nan


def _further(
    board: pd.DataFrame, labels: Mapping[str, str], metric: Metric, agreement: Mapping[str, Entry], *, timed: bool
) -> TextTable:
    secondary = [find_metric(name) for name in SECONDARY_METRICS if name != metric.name]
    secondary = [m for m in secondary if board[f"{m.name}_mean"].notna().any()]
    rows = []
    for row in board.to_dict("records"):
        quartiles = f"{format_score(row['median'], metric)} {format_interval(row['q1'], row['q3'], metric)}".rstrip()
        means = [(row[f"{m.name}_mean"], row[f"{m.name}_sd"], m) for m in secondary]
        entries: list[Entry] = [_words(labels[row["variant"]]), (quartiles, row["median"])]
        entries += [(format_mean(mean, sd, m), mean) for mean, sd, m in means]
        entries.append(agreement[row["variant"]])
        if timed:
            time, memory = row["wall_time_mean"], row["peak_memory_max"]
            entries += [(format_seconds(time), time), (format_megabytes(memory), memory)]
        rows.append(entries)
    header = ["variant", "median [Q1, Q3]", *(m.title for m in secondary), "stability"]
    title = f"Further: {metric.title} quartiles, descriptive scores, agreement of seeds"
    return make_table(title + (", time, memory" if timed else ""), header + ["time", "memory"] * timed, rows)


def _words(text: str) -> Entry:
    return text, text.casefold()


def _runs(n_ok: int, n_failed: int, n_collapsed: int) -> Entry:
    return f"{n_ok}/{n_failed}/{n_collapsed}", n_ok


def _pairs(row: dict[Any, Any]) -> Entry:
    return (f"1 against {row['n_pairs']}" if row["form"] == "one-sample" else str(row["n_pairs"])), row["n_pairs"]


def _difference(row: dict[Any, Any], metric: Metric) -> Entry:
    if not np.isfinite(row["difference"]):
        return ABSENT, None
    interval = format_interval(row["ci_low"], row["ci_high"], metric)
    return f"{format_score(row['difference'], metric)} {interval}".rstrip(), row["difference"]


def _notes(tables: DatasetTables, labels: Mapping[str, str]) -> list[str]:
    board, notes = tables.quality, []
    incomplete = board.loc[~board["complete"]].to_dict("records")
    if incomplete:
        counts = ", ".join(f"{labels[row['variant']]} {row['n_scored']} of {row['planned']}" for row in incomplete)
        notes.append(
            f"Marked *, means over fewer runs than planned: {counts}. Comparisons use the seeds both sides have."
        )
    before = board.iloc[: int(board["reference"].to_numpy().argmax())]
    above = [labels[variant] for variant in before.loc[before["role"] == "asked", "variant"]]
    if above:
        notes.append(f"Above the reference on fewer runs, so not the reference: {', '.join(above)}.")
    for row in board.loc[board["n_collapsed"] > 0].to_dict("records"):
        notes.append(f"{labels[row['variant']]}: {row['n_collapsed']} of {row['n_ok']} runs collapsed, and count.")
    if (board["role"] == "twin").any():
        notes.append("A verdict of twin: run only beside its stochastic partner, and compared with that alone.")
    notes += [] if tables.ranking.limits is None else [tables.ranking.limits]
    pairs = pd.concat([tables.twins["n_pairs"], board["n_pairs"]])
    if pairs.between(2, 5).any():
        notes.append("With 5 matched seeds or fewer there is no 95 % interval, and no p below .05.")
    _, alone = twin_pairs(tables.cells)
    if alone:
        notes.append(f"No deterministic twin in these runs: {', '.join(labels[name] for name in alone)}.")
    return notes
