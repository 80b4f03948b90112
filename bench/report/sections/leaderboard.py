"""The text of a leaderboard, one section a data set and one over all of them, before any markup."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from bench.metrics import Metric, find_metric
from bench.report.boards import BoardFrame
from bench.report.document import Entry, Escape, Section, TextTable, make_table, run_counts_entry, word_entry
from bench.report.numbers import (
    ABSENT,
    format_clusters,
    format_interval,
    format_mean,
    format_megabytes,
    format_p,
    format_ranks,
    format_score,
    format_seconds,
    format_share,
)
from bench.report.overall import overall_section
from bench.report.ranking import n_planned
from bench.report.runs_frame import (
    NOT_RUN,
    count_runs,
    finished_runs,
    metric_values,
    moments,
    runs_by_variant,
    twin_pairs,
)
from bench.report.sections.choices import choices_section
from bench.report.sentences import twin_sentence
from bench.report.tables import CLASS_METRICS, DatasetTables, secondary_metrics

_CLUSTERS_AND_NOISE = (
    "Numbers of clusters are means over runs, of how many were asked for where that is another number, and leave out "
    "noise (the label -1). Noise is always wrong in ACC, and so are points of clusters beyond the number of classes; "
    "for NMI, ARI, AMI and internal indices noise is one more group."
)

_INTERNAL_METRICS = ("silhouette_pixels", "davies_bouldin_pixels", "calinski_harabasz_pixels", "n_clusters_used")

#: Headings of the board, which a terminal has to hold.
_SHORT = {"mean_class_recall": "recall", "classes_lost": "lost"}

HOW_TO_READ = (
    "Runs are ok / failed / collapsed. A collapsed run is an ok run and counts in every number that it has; a failed "
    "one has no score: means leave it out and are marked *, and a test must hold whether it is left out or counted "
    "as lost.",
    "A difference is the Hodges-Lehmann estimate over matched seeds with its exact 95 % interval; p is the "
    "two-sided Wilcoxon signed-rank test, Holm-adjusted within its family: the twins of a data set, or all pairs "
    "of the methods that were asked for. The intervals are not adjusted: each is of one comparison, and so is what "
    "they say of equivalence.",
    'A rank is what the tests say of an order, and no more: of six methods, "2-6" has one shown to be better and none '
    "shown to be worse. Differences and p of a board are to its best mean, the reference.",
    "Recall is the mean over classes of the share of their points in the matched cluster: a small class weighs as much "
    "as a large one. Lost are the classes that are not the largest one in any cluster of their own. Both are means "
    "over runs.",
    "Stability is the mean ARI between the labels of different seeds (of the first thirty), collapsed runs left out.",
    "For all that is said of uncertainty, clusters are matched to classes on one half of the points and scored on the "
    "other. AUROC is the chance that a mis-clustered point is ranked above a right one; 1 − max q, the centroid margin "
    "and the reconstruction error need no sampling, H[mean q], mean H[q], MI and latent variance do, a density does "
    "where the method is stochastic, and disagreement takes five runs.",
    "MI is the noise of the encoder under fixed weights; it is not epistemic uncertainty.",
    "Calibration is of q as it is: a Student-t q is under-confident by construction, a Gaussian responsibility "
    "saturates. Temperature scaling would need labels.",
    "Outliers are scored against the points that the method was fitted on.",
    "The twin pairs, the contrasts of scores and the primary metric are fixed before any run; the further scores only "
    "describe.",
)


@lru_cache(maxsize=8)  # the terminal and the page say the same
def sections_of(board: BoardFrame, escape: Escape = str) -> tuple[Section, ...]:
    """Return the sections on choices, on all data sets, and on each data set in order of appearance.

    Parameters
    ----------
    board : BoardFrame
    escape : callable
        Rewrites every name that comes from data or plugins.
    """
    sections = [_section(tables, escape) for tables in board.datasets]
    if board.overall is not None:
        sections.insert(0, overall_section(board.overall, escape))
    if board.choices:
        sections.insert(0, choices_section(board.choices, escape))
    return tuple(sections)


def _section(tables: DatasetTables, escape: Escape) -> Section:
    metric, frame = tables.metric, tables.runs
    dataset = escape(tables.dataset)
    labels = {name: escape(label) for name, label in tables.labels.items()}
    missing = _why_no_score(frame, metric)
    if missing is not None:
        internal = (_internal(frame, labels),) if len(finished_runs(frame)) else ()
        return Section(dataset, (missing,), internal, (*map(escape, tables.about), *_troubles(frame, labels, escape)))
    sentences = [
        twin_sentence(c, labels[c.a], labels[c.b], metric, collapsed=tables.collapsed(c)) for c in tables.contrasts
    ]
    texts = [_twins(tables.twins, labels, metric)] if tables.contrasts else []
    texts.append(_board(tables.quality, labels, metric))
    texts.append(_further(tables, labels, _stability(frame)))
    notes = [*map(escape, tables.about), *_notes(tables, labels, escape)]
    if len(tables.hardware) > 1:
        where = escape("; ".join(tables.hardware))
        notes.append(f"Time and memory are not compared: the runs come from different hardware ({where}).")
    return Section(dataset, tuple(sentences), tuple(texts), tuple(notes))


def _why_no_score(frame: pd.DataFrame, metric: Metric) -> str | None:
    if np.isfinite(metric_values(finished_runs(frame), metric.name)).any():
        return None
    n_ok, n_failed, _ = count_runs(frame)
    count = f"{n_ok} runs ok, {n_failed} failed"
    if not n_ok:
        return f"No run has finished ({count})."
    if "classes" in metric.needs and frame["unlabelled"].any():
        return f"The data set is unlabelled: there is no {metric.title} to compare by ({count})."
    return f"No finished run has {_article(metric.title)} {metric.title} ({count})."


def _article(title: str) -> str:
    """Return "an" before what is spoken with a vowel first: an ACC, an NMI."""
    return "an" if title[0] in "AN" else "a"


def _twins(twins: pd.DataFrame, labels: Mapping[str, str], metric: Metric) -> TextTable:
    rows = [
        (
            word_entry(labels[row["variant"]]),
            _mean(row["mean"], np.nan, metric, row["complete"]),
            word_entry(labels[row["twin_variant"]]),
            _mean(row["twin_mean"], np.nan, metric, row["complete"]),
            _difference(row, metric),
            (format_p(row["p_adjusted"]), row["p_adjusted"]),
            _pairs(row),
        )
        for row in twins.to_dict("records")
    ]
    header = ("variant", metric.title, "twin", f"twin {metric.title}", "difference [95 %]", "p (Holm)", "n")
    return make_table(f"Twins: {metric.title} with the noise and without", header, rows)


def _board(board: pd.DataFrame, labels: Mapping[str, str], metric: Metric) -> TextTable:
    beside = [find_metric(name) for name in CLASS_METRICS if name != metric.name and "classes" in metric.needs]
    beside = [m for m in beside if board[f"{m.name}_mean"].notna().any()]
    rows = [
        (
            word_entry(labels[row["variant"]]),
            run_counts_entry(row["n_ok"], row["n_failed"], row["n_collapsed"]),
            _mean(row["mean"], row["sd"], metric, row["complete"]),
            *(_of_classes(row[f"{m.name}_mean"], m, row["complete"]) for m in beside),
            (format_ranks(row["rank_best"], row["rank_worst"]), row["rank_best"]),
            _difference(row, metric),
            (format_p(row["p_adjusted"]), row["p_adjusted"]),
            word_entry(row["verdict"]),
        )
        for row in board.to_dict("records")
    ]
    header = ("variant", "runs", f"{metric.title} ± sd", *(_SHORT[m.name] for m in beside))
    header += ("rank", "difference [95 %]", "p (Holm)", "verdict")
    first = (board["rank_best"] == 1) & (board["rank_worst"] == 1) & board["complete"]
    best = int(first.to_numpy().argmax()) if first.any() else None
    title = f"Board: {metric.title}, best mean first, and the difference to the reference"
    return make_table(title, header, rows, best=best, aside=frozenset(_SHORT.values()))


def _stability(frame: pd.DataFrame) -> dict[str, Entry]:
    """Mean ARI between the seeds of each variant."""
    values = {name: float(metric_values(rows, "stability")[0]) for name, rows in runs_by_variant(frame).items()}
    return {name: (format_score(value, find_metric("ari")), value) for name, value in values.items()}


def _internal(frame: pd.DataFrame, labels: Mapping[str, str]) -> TextTable:
    """Return the table of what needs no classes: indices in pixel space and stability."""
    others = [m for m in map(find_metric, secondary_metrics()) if "classes" not in m.needs]
    others = [m for m in others if np.isfinite(metric_values(finished_runs(frame), m.name)).any()]
    metrics = [*(find_metric(name) for name in _INTERNAL_METRICS), *others]
    agreement = _stability(frame)
    noise = {
        name: moments(metric_values(finished_runs(rows), "noise_share"))[0]
        for name, rows in runs_by_variant(frame).items()
    }
    noisy = any(share > 0 for share in noise.values())
    rows = []
    for name, variant in runs_by_variant(frame).items():
        values = [metric_values(finished_runs(variant), metric.name) for metric in metrics]
        entries = [
            _mean(*moments(own), metric, np.isfinite(own).sum() == n_planned(variant))
            for own, metric in zip(values, metrics, strict=True)
        ]
        entries += [(format_share(noise[name]), noise[name])] * noisy
        rows.append((word_entry(labels[name]), run_counts_entry(*count_runs(variant)), *entries, agreement[name]))
    header = ("variant", "runs", *(metric.title for metric in metrics), *["noise"] * noisy, "stability")
    return make_table("Internal indices in pixel space, and the agreement between seeds (ARI)", header, rows)


def _further(tables: DatasetTables, labels: Mapping[str, str], agreement: Mapping[str, Entry]) -> TextTable:
    board, metric = tables.quality, tables.metric
    timed, counted = len(tables.hardware) < 2, tables.counts_clusters
    secondary = [find_metric(name) for name in secondary_metrics() if name != metric.name]
    secondary = [m for m in secondary if board[f"{m.name}_mean"].notna().any()]
    rows = []
    for row in board.to_dict("records"):
        quartiles = f"{format_score(row['median'], metric)} {format_interval(row['q1'], row['q3'], metric)}".rstrip()
        means = [_mean(row[f"{m.name}_mean"], row[f"{m.name}_sd"], m, row["complete"]) for m in secondary]
        entries: list[Entry] = [word_entry(labels[row["variant"]]), (quartiles, row["median"]), *means]
        entries.append(agreement[row["variant"]])
        if counted:
            mean, noise = row["n_clusters_used_mean"], row["noise_share_mean"]
            entries += [(format_clusters(mean, row["n_clusters_asked"]), mean), (format_share(noise), noise)]
        if timed:
            time, memory = row["wall_time_mean"], row["peak_memory_max"]
            entries += [(format_seconds(time), time), (format_megabytes(memory), memory)]
        rows.append(entries)
    header = ["variant", "median [Q1, Q3]", *(m.title for m in secondary), "stability"]
    title = f"Further: {metric.title} quartiles, descriptive scores, agreement of seeds"
    title += ", clusters found, noise" * counted + ", time, memory" * timed
    header += ["clusters", "noise"] * counted + ["time", "memory"] * timed
    # A score of a run with other clusters than were asked for is not to be printed without their number.
    return make_table(title, header, rows, cite=counted)


def _mean(mean: float, sd: float, metric: Metric, complete: bool) -> Entry:
    """Write a mean, marked where it is over fewer runs than planned."""
    star = "" if complete or not np.isfinite(mean) else "*"
    return format_mean(mean, sd, metric) + star, mean


def _of_classes(mean: float, metric: Metric, complete: bool) -> Entry:
    """Write a mean share, or a mean number of classes, without its deviation: a terminal has to hold it."""
    if metric.unit_scale or not np.isfinite(mean):
        return _mean(mean, np.nan, metric, complete)
    return format_clusters(mean, np.nan) + "*" * (not complete), mean


def _pairs(row: dict[Any, Any]) -> Entry:
    return (f"1 against {row['n_pairs']}" if row["form"] == "one-sample" else str(row["n_pairs"])), row["n_pairs"]


def _troubles(frame: pd.DataFrame, labels: Mapping[str, str], escape: Escape) -> list[str]:
    """Say what has not been run, and why what failed did."""
    missing = int((frame["status"] == NOT_RUN).sum())
    notes = [f"Unfinished: {missing} of {len(frame)} runs have not been made."] if missing else []
    failed = frame.loc[~frame["status"].isin(["ok", NOT_RUN])]
    for name, rows in runs_by_variant(failed).items():
        reason = escape(str(rows["error"].iloc[0]))[:200] if "error" in rows else ""
        notes.append(f"{labels[name]}: {len(rows)} {rows['status'].iloc[0]}{reason and f' ({reason})'}.")
    return notes


def _difference(row: dict[Any, Any], metric: Metric) -> Entry:
    if not np.isfinite(row["difference"]):
        return ABSENT, None
    interval = format_interval(row["ci_low"], row["ci_high"], metric)
    return f"{format_score(row['difference'], metric)} {interval}".rstrip(), row["difference"]


def _notes(tables: DatasetTables, labels: Mapping[str, str], escape: Escape) -> list[str]:
    board, notes = tables.quality, _troubles(tables.runs, labels, escape)
    incomplete = board.loc[~board["complete"]].to_dict("records")
    if incomplete:
        counts = ", ".join(f"{labels[row['variant']]} {row['n_scored']} of {row['planned']}" for row in incomplete)
        notes.append(
            f"Marked *, means over fewer runs than planned: {counts}. Comparisons use the seeds both sides have."
        )
    before = board.iloc[: int(board["reference"].to_numpy().argmax())]
    for row in before.loc[before["role"] == "asked"].to_dict("records"):
        why = "takes no seed, so it has one run" if row["complete"] else "has fewer runs than planned"
        notes.append(f"{labels[row['variant']]} is above the reference but {why}, and is not the reference.")
    for row in board.loc[board["n_collapsed"] > 0].to_dict("records"):
        notes.append(f"{labels[row['variant']]}: {row['n_collapsed']} of {row['n_ok']} runs collapsed.")
    notes += [_CLUSTERS_AND_NOISE] if tables.counts_clusters else []
    alone = [labels[v] for v in board.loc[(board["form"] == "one-sample") & ~board["reference"], "variant"]]
    if alone:
        notes.append(f"Compared by one score, which no seed changes, with all of the reference: {', '.join(alone)}.")
    if (board["role"] == "twin").any():
        notes.append("A verdict of twin: run only beside its stochastic partner, and compared with that alone.")
    notes += [] if tables.ranking.limits is None else [tables.ranking.limits]
    pairs = pd.concat([tables.twins["n_pairs"], board["n_pairs"]])
    if pairs.between(2, 5).any():
        notes.append("With 5 matched seeds or fewer there is no 95 % interval, and no p below .05.")
    _, twinless = twin_pairs(tables.runs)
    if twinless:
        notes.append(f"No deterministic twin in these runs: {', '.join(labels[name] for name in twinless)}.")
    return notes
