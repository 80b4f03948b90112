"""The leaderboard of one data set: every method by the primary metric, and all pairs of those asked for tested."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bench.metrics import Metric, find_metric
from bench.report.board import CLASS_METRICS, DatasetRuns
from bench.report.document import Column, Sentence, Table
from bench.report.numbers import format_mean
from bench.report.published import Published
from bench.report.ranking import comparison_columns
from bench.report.runs_frame import NOT_RUN
from bench.report.section import Section
from bench.report.values import Count, Interval, Name, Number, P, Ranks, Tally, Value
from bench.text import and_list

#: More variants than this are a cloud to the eye; grids have curves of their own.
_MOST_DRAWN = 16
_SHORT = {"mean_class_recall": "recall", "classes_lost": "lost"}


class Leaderboard(Section):
    """Every method on one data set."""

    name = "leaderboard"
    title = "Leaderboard"
    place = 20
    every_board = True
    csv = "leaderboard.csv"
    plots = ("scores", "ranks")

    def rows(self, runs: DatasetRuns) -> pd.DataFrame:
        """Return one row a variant, the best mean first and those without a score last.

        The comparisons are those of all pairs as one family, so that the reference, though chosen by the same runs,
        costs no error. ``rank_best`` to ``rank_worst`` is all that they say of an order.
        """
        ranking, metric = runs.ranking, runs.metric
        compared, ranges = ranking.against_reference(), ranking.ranges
        rows = []
        for described in runs.summary.to_dict("records"):
            row: dict[Any, Any] = dict(described)
            name = row["variant"]
            best, worst = ranges.get(name, (np.nan, np.nan))
            row |= comparison_columns(compared.get(name))
            row |= {"reference": name == ranking.reference, "rank_best": best, "rank_worst": worst}
            if row["role"] != "asked":
                row["verdict"] = "counterpart" if row["role"] == "twin" else "ablation"
            if row["reference"]:
                row["verdict"] = "reference"
            rows.append(row)
        table = pd.DataFrame(rows)
        table.insert(0, "metric", metric.name)
        if runs.board.published:
            table = _with_published(table, runs)
        table["unlabelled"] = bool(runs.frame["unlabelled"].any())
        ascending = not metric.greater_is_better
        return table.sort_values(["mean", "variant"], ascending=[ascending, True], ignore_index=True)

    def table(self, rows: pd.DataFrame) -> Table | None:
        metric = find_metric(rows["metric"].iloc[0])
        if not rows["n_scored"].any():
            return None
        beside = [find_metric(name) for name in CLASS_METRICS if name != metric.name and "classes" in metric.needs]
        beside = [m for m in beside if rows[f"{m.name}_mean"].notna().any()]
        columns = (
            Column("method", words=True),
            Column("runs", aside=2),
            Column(f"{metric.title} ± sd"),
            *(Column(_SHORT[m.name], aside=3) for m in beside),
            Column("rank"),
            Column("Δ [95 % CI]"),
            Column("p", aside=3),
            Column("p (Holm)"),
            Column("verdict", words=True, aside=1),
            *[Column("published", aside=2)] * ("published" in rows),
        )
        written = [self._row(row, metric, beside) for row in rows.to_dict("records")]
        first = (rows["rank_best"] == 1) & (rows["rank_worst"] == 1) & rows["complete"]
        best = int(first.to_numpy().argmax()) if first.any() else None
        reference = rows.loc[rows["reference"], "title"].tolist() if np.isfinite(rows["difference"]).any() else []
        against = f"; Δ and p against {reference[0]}" if reference else ""
        return Table(f"{metric.title}, best mean first{against}", columns, tuple(written), best, cite=True)

    def _row(self, row: dict[Any, Any], metric: Metric, beside: list[Metric]) -> tuple[Value, ...]:
        return (
            Name(row["title"]),
            Tally((row["n_ok"], row["n_failed"], row["n_collapsed"])),
            Number(row["mean"], metric, row["sd"], row["complete"]),
            *(mean_of_classes(row[f"{m.name}_mean"], m, row["complete"]) for m in beside),
            Ranks(row["rank_best"], row["rank_worst"]),
            Interval(row["difference"], row["ci_low"], row["ci_high"], metric, signed=True),
            P(row["p_value"]),
            P(row["p_adjusted"]),
            Name(row["verdict"]),
            *[Number(row.get("published", np.nan), metric, row.get("published_sd", np.nan))] * ("published" in row),
        )

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        if why := why_no_score(rows):
            return [Sentence(why)]
        metric = find_metric(rows["metric"].iloc[0])
        reference = rows.loc[rows["reference"]].to_dict("records")
        if not reference:
            return []
        best = reference[0]
        mean = format_mean(best["mean"], best["sd"], metric)
        first = rows.loc[rows["role"] == "asked", "reference"].iloc[0]
        what = "Best mean of the methods asked for" if first else "The reference"
        claim = f"{what}: {best['title']}, {metric.title} {mean}."
        asked = rows.loc[(rows["role"] == "asked") & ~rows["reference"]]
        better = asked.loc[asked["verdict"] == "better", "title"].tolist()
        worse = asked.loc[asked["verdict"] == "worse", "title"].tolist()
        alike = asked.loc[asked["verdict"] == "not significant", "title"].tolist()
        few = asked.loc[asked["verdict"].str.startswith("too few")]
        parts = []
        if better:
            parts.append(f"significantly worse than {and_list(better)}")
        if worse:
            parts.append(f"significantly better than {and_list(worse)}")
        if alike:
            parts.append(f"not significantly better than {and_list(alike)}")
        evidence = [f"It is {'; '.join(parts)}."] if parts else []
        if len(few):
            verdict = few["verdict"].iloc[0]
            evidence.append(f"Not compared with {and_list(few['title'].tolist())}: {verdict}.")
        return [Sentence(claim, " ".join(evidence))]

    def notes(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[str]:
        notes = list(runs.about)
        if missing := int((runs.frame["status"] == NOT_RUN).sum()):
            notes.append(f"Unfinished: {missing} of {len(runs.frame)} runs have not been made.")
        incomplete = rows.loc[~rows["complete"] & (rows["n_scored"] > 0)].to_dict("records")
        if incomplete:
            counts = ", ".join(f"{row['title']} {row['n_scored']} of {row['planned']}" for row in incomplete)
            notes.append(
                f"Marked *, means over fewer runs than planned: {counts}. Comparisons use the seeds that both have."
            )
        before = rows.iloc[: int(rows["reference"].to_numpy().argmax())]
        for row in before.loc[before["role"] == "asked"].to_dict("records"):
            why = "takes no seed, so it has one run" if row["complete"] else "has fewer runs than planned"
            notes.append(f"{row['title']} is above the reference but {why}, and is not the reference.")
        alone = rows.loc[(rows["form"] == "one-sample") & ~rows["reference"], "title"].tolist()
        if alone:
            notes.append(
                f"Compared by one score, which no seed changes, with all of the reference: {', '.join(alone)}."
            )
        for row in rows.to_dict("records") if "published" in rows else ():
            if np.isfinite(row["published"]):
                notes.append(f"Published: {row['title']}, {row['published_source']}.")
        if runs.ranking.limits and rows["n_scored"].any():
            notes.append(runs.ranking.limits)
        return notes

    def figures(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[Any]:
        from bench.report import plots
        from bench.report.plots.export import figure_name

        metric, dataset, board = runs.metric, runs.dataset, runs.board.name
        best = list(rows["variant"][:_MOST_DRAWN])
        which = "every method" if len(best) == len(rows) else f"the best {len(best)} of {len(rows)}"
        figures = [
            plots.score_strips(
                runs.frame.loc[runs.frame["variant"].isin(best)],
                metric,
                runs.looks,
                name=figure_name("scores", board, dataset),
                title=f"{metric.title} on {dataset}: every seed of {which}",
            )
        ]
        ranking = runs.ranking
        if ranking.mean_rank and any(c.outcome not in ("not compared", "too few") for c in ranking.comparisons):
            figures.append(
                plots.critical_difference(
                    ranking.mean_rank,
                    ranking.cliques,
                    runs.titles,
                    runs.looks,
                    name=figure_name("ranks", board, dataset),
                    title=f"Mean ranks on {dataset}; a bar joins methods that do not differ significantly",
                )
            )
        return figures

    def is_news(self, rows: pd.DataFrame) -> bool:
        return True


def _with_published(table: pd.DataFrame, runs: DatasetRuns) -> pd.DataFrame:
    """Add the published value of each method that was asked for, the first that is known of its data set."""
    known = {p.method: p for p in reversed(runs.board.published) if p.dataset == runs.dataset}
    found = [known.get(row["method"]) if row["role"] == "asked" else None for row in table.to_dict("records")]
    means = [p.of(runs.metric.name) if p else (np.nan, np.nan) for p in found]
    return table.assign(
        published=[mean for mean, _ in means],
        published_sd=[sd for _, sd in means],
        published_source=[_source(p) if p else "" for p in found],
    )


def _source(published: Published) -> str:
    runs = f", {published.runs} runs" if published.runs else ""
    return f"{published.source}{runs} ({published.protocol})"


def mean_of_classes(mean: float, metric: Metric, complete: bool) -> Value:
    """Return a mean share, or a mean number of classes, without its deviation: a terminal has to hold it."""
    return Number(mean, metric, complete=complete) if metric.unit_scale else Count(mean)


def why_no_score(rows: pd.DataFrame) -> str | None:
    """Say why no run has a score of the primary metric; None where one has."""
    if rows["n_scored"].any():
        return None
    metric = find_metric(rows["metric"].iloc[0])
    count = f"{rows['n_ok'].sum()} runs ok, {rows['n_failed'].sum()} failed"
    if not rows["n_ok"].any():
        return f"No run has finished ({count})."
    if "classes" in metric.needs and rows["unlabelled"].any():
        return f"The data set is unlabelled: there is no {metric.title} to compare by ({count})."
    article = "an" if metric.title[0] in "AN" else "a"  # as spoken: an ACC, an NMI
    return f"No finished run has {article} {metric.title} ({count})."


section = Leaderboard()
