"""The other metrics of each method on one data set, its clusters, time and memory; they describe and are not tested."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.metrics import find_metric
from bench.report.board import DatasetRuns, secondary_metrics
from bench.report.document import Column, Sentence, Table
from bench.report.section import Section
from bench.report.values import Amount, Count, Interval, Name, Number, Value

_INTERNAL = ("silhouette_pixels", "davies_bouldin_pixels", "calinski_harabasz_pixels", "n_clusters_used")
_CLUSTERS_AND_NOISE = (
    "Numbers of clusters are means over runs, of how many were asked for where that is another number, and leave out "
    "noise (the label -1). Noise is always wrong in ACC, and so are points of clusters beyond the number of classes; "
    "for NMI, ARI, AMI and internal indices noise is one more group."
)


class OtherMetrics(Section):
    """What else was measured."""

    name = "metrics"
    title = "Other metrics, time and memory"
    place = 35
    every_board = True
    plots = ("time",)

    def rows(self, runs: DatasetRuns) -> pd.DataFrame:
        rows = runs.summary.copy()
        rows.insert(0, "metric", runs.metric.name)
        if not rows["n_scored"].any():  # unlabelled: what needs no classes is all there is
            for name in _INTERNAL:
                if name in runs.frame:
                    by_variant = runs.frame.loc[runs.frame["status"] == "ok"].groupby("variant")[name]
                    rows[f"{name}_mean"] = rows["variant"].map(by_variant.mean())
                    rows[f"{name}_sd"] = rows["variant"].map(by_variant.std())
        rows["counts_clusters"] = runs.counts_clusters
        rows["hardware"] = "; ".join(runs.hardware)
        rows["one_machine"] = len(runs.hardware) < 2
        return rows.sort_values("mean", ascending=not runs.metric.greater_is_better, ignore_index=True)

    def table(self, rows: pd.DataFrame) -> Table:
        primary = find_metric(rows["metric"].iloc[0])
        scored = bool(rows["n_scored"].any())
        metrics = [find_metric(name) for name in ((() if scored else _INTERNAL) + secondary_metrics())]
        metrics = [
            m for m in metrics if m.name != primary.name and rows.get(f"{m.name}_mean", pd.Series()).notna().any()
        ]
        counted, timed = bool(rows["counts_clusters"].iloc[0]), bool(rows["one_machine"].iloc[0])
        columns = [Column("method", words=True)]
        columns += [Column(f"median {primary.title} [Q1, Q3]")] * scored
        columns += [*(Column(m.title) for m in metrics), Column("stability")]
        columns += [Column("clusters"), Column("noise")] * counted + [Column("time"), Column("memory")] * timed
        written = []
        for row in rows.to_dict("records"):
            cells: list[Value] = [Name(row["title"])]
            cells += [Interval(row["median"], row["q1"], row["q3"], primary)] * scored
            cells += [
                Number(row[f"{m.name}_mean"], m, row[f"{m.name}_sd"], row["complete"] or not scored) for m in metrics
            ]
            cells.append(Number(row["stability"]))
            if counted:
                cells += [
                    Count(row["n_clusters_used_mean"], row["n_clusters_asked"]),
                    Amount(row["noise_share_mean"], "%"),
                ]
            if timed:
                cells += [Amount(row["wall_time_mean"], "s"), Amount(row["peak_memory_max"], "MB")]
            written.append(tuple(cells))
        # A score of a run with other clusters than were asked for is not to be printed without their number.
        return Table(
            "Means ± sd over seeds; stability is the mean ARI between seeds",
            tuple(columns),
            tuple(written),
            cite=counted,
        )

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        if not rows["one_machine"].iloc[0]:
            where = f"the runs come from different hardware ({rows['hardware'].iloc[0]})."
            return [Sentence("Time and memory are not compared:", where)]
        timed = rows.loc[np.isfinite(rows["wall_time_mean"])].sort_values("wall_time_mean").to_dict("records")
        if len(timed) < 2:
            return []
        ends = (f"{Amount(row['wall_time_mean'], 's')} ({row['title']})" for row in (timed[0], timed[-1]))
        return [Sentence("Time of a run:", f"from {' to '.join(ends)}.")]

    def notes(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[str]:
        return [_CLUSTERS_AND_NOISE] if rows["counts_clusters"].iloc[0] else []

    def figures(self, rows: pd.DataFrame, runs: DatasetRuns) -> list:
        if len(runs.hardware) != 1:
            return []
        from bench.report import plots
        from bench.report.plots.export import figure_name

        drawn = rows[:16]
        return [
            plots.quality_against_time(
                drawn,
                runs.metric,
                runs.looks,
                name=figure_name("time", runs.board.name, runs.dataset),
                title=f"{runs.metric.title} on {runs.dataset} against the time of a run",
            )
        ]


section = OtherMetrics()
