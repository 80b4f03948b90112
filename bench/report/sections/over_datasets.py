"""Results over several data sets: the unit is a data set, its value the mean over its seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd

from bench.metrics import find_metric
from bench.report.board import BoardRuns, DatasetRuns, compared
from bench.report.document import Column, Sentence, Table
from bench.report.numbers import format_score
from bench.report.ranking import Ranking, rank
from bench.report.runs_frame import contrast_pairs, one_run_per_variant
from bench.report.section import Section
from bench.report.sections.contrasts import contrast_row, contrast_sentence, contrast_table
from bench.report.values import Absent, Count, Interval, Name, Number, Ranks, Tally, Value
from bench.statistics.aggregate import InterquartileMean, interquartile_mean, wins_ties_losses
from bench.statistics.correction import MethodComparison, Scores

ALL_DATASETS = "all data sets"

_HOW = (
    "A data set counts once, by the mean over its seeds; seeds and data sets are never pooled into one test.",
    "IQM is the mean of the middle half of all scores. Its first interval is over other seeds on these data sets, "
    "the second over other data sets like these as well. They are given from five seeds, and five data sets, on.",
)


@dataclass(frozen=True, eq=False)
class OverDatasets:
    """The numbers over several data sets.

    A variant counts on a data set where all its planned runs have a score: a mean over fewer would skip
    failures, so it is no value. Means are over the seeds that all who count there have, so that every
    comparison is one of matched seeds. Variants bear the same name on all data sets.

    Attributes
    ----------
    runs : BoardRuns
        Of several data sets.
    """

    runs: BoardRuns

    @cached_property
    def titles(self) -> dict[str, str]:
        """What each variant is called, in order of appearance."""
        return {name: label for table in reversed(self.runs.datasets) for name, label in table.titles.items()}

    @cached_property
    def asked(self) -> list[str]:
        """The variants that were asked for on some data set, in order of appearance."""
        firsts = (one_run_per_variant(table.frame) for table in self.runs.datasets)
        return list(dict.fromkeys(name for first in firsts for name in first.loc[first["role"] == "asked", "variant"]))

    @cached_property
    def revised(self) -> list[str]:
        """The data sets that are there with several contents under one name; none of them counts."""
        return [table.dataset for table in self.runs.datasets if table.frame["revised"].any()]

    @cached_property
    def seeds(self) -> Mapping[str, list[int]]:
        """Of each data set on which some variant has a score the seeds that all complete ones share."""
        shared = {}
        for table in self.runs.datasets:
            if table.dataset in self.revised or not table.summary["n_scored"].any():
                continue
            complete = self._complete(table).values()
            seeds = [set(scores) for scores in complete if isinstance(scores, Mapping)]
            shared[table.dataset] = sorted(set.intersection(*seeds)) if seeds else []
        return shared

    @property
    def datasets(self) -> list[str]:
        """The data sets on which some variant has a score."""
        return list(self.seeds)

    @cached_property
    def scores(self) -> Mapping[str, Mapping[str, np.ndarray]]:
        """Of each variant its scores (n_seeds,) by shared seed on each data set where it is complete.

        One that takes no seed has its one score, for as many seeds as there are: it enters no test.
        """
        scores: dict[str, dict[str, np.ndarray]] = {}
        for table in self.runs.datasets:
            for name, own in self._complete(table).items() if table.dataset in self.seeds else ():
                seeds = self.seeds[table.dataset]
                if isinstance(own, Mapping):
                    values = np.array([own[seed] for seed in seeds])
                else:
                    values = np.full(max(1, len(seeds)), own)
                if len(values):
                    scores.setdefault(name, {})[table.dataset] = values
        return scores

    def _complete(self, table: DatasetRuns) -> dict[str, Scores]:
        """Return the scores of the variants that have all their planned runs."""
        complete = set(table.summary.loc[table.summary["complete"], "variant"])
        return {name: own for name, own in table.scores.items() if name in complete}

    def means(self, variant: str) -> dict[str, float]:
        """Return the mean of a variant on each data set on which it is complete."""
        return {dataset: float(values.mean()) for dataset, values in self.scores.get(variant, {}).items()}

    def mean(self, variant: str) -> float:
        """Return the mean of those means."""
        return float(np.mean(list(self.means(variant).values())))

    def missing(self, variant: str) -> list[str]:
        """Return the data sets on which a variant is not complete."""
        return [dataset for dataset in self.datasets if dataset not in self.scores.get(variant, {})]

    @cached_property
    def ranking(self) -> Ranking:
        """All pairs of the variants that are complete on all data sets.

        Others take no part: a total rank over unequal sets of data sets would mean nothing.
        """
        means = {name: self.means(name) for name in self.asked if not self.missing(name)}
        if not means:
            return Ranking(reason="no variant has all its runs on every data set")
        sign = -1 if self.runs.metric.greater_is_better else 1
        reference = min(means, key=lambda name: (sign * self.mean(name), name))
        return rank(means, reference, self.runs.metric, "data set")

    @cached_property
    def interquartile_means(self) -> Mapping[str, InterquartileMean]:
        """Of each variant that is ranked, by the same number of shared seeds on every data set."""
        n_seeds = min(map(len, self.seeds.values()), default=0)
        if not n_seeds:
            return {}
        every = {name: [self.scores[name][d][:n_seeds] for d in self.datasets] for name in self.ranking.names}
        return {name: interquartile_mean(np.array(scores)) for name, scores in every.items()}

    @cached_property
    def contrasts(self) -> list[tuple[str, MethodComparison]]:
        """The contrasts of each stochastic variant, as one family, with the question that each answers."""
        pairs = dict.fromkeys(pair for table in self.runs.datasets for pair in contrast_pairs(table.frame))
        means = {name: self.means(name) for pair in pairs for name in (pair.a, pair.b)}
        return compared(list(pairs), means, self.runs.metric, "data set")

    def wins(self, a: str, b: str, datasets: list[str]) -> tuple[int, int, int]:
        """Return on how many of some data sets the mean of one variant is better, equal and worse than another's."""
        means_a, means_b = self.means(a), self.means(b)
        up = bool(self.runs.metric.greater_is_better)
        wins, ties, losses = wins_ties_losses(
            [means_a[d] for d in datasets], [means_b[d] for d in datasets], greater_is_better=up
        )
        return wins, ties, losses

    def run_counts(self, variant: str) -> tuple[int, int, int]:
        """Return how many runs of a variant are ok, failed and collapsed."""
        ok, failed, collapsed = self._counts[variant]
        return ok, failed, collapsed

    @cached_property
    def _counts(self) -> dict[str, list[int]]:
        every = pd.concat([table.summary for table in self.runs.datasets])
        counts = every.groupby("variant")[["n_ok", "n_failed", "n_collapsed"]].sum()
        return dict(zip(counts.index, counts.to_numpy().tolist(), strict=True))


@lru_cache(maxsize=8)
def over_datasets(runs: BoardRuns) -> OverDatasets:
    """Return the numbers over the data sets of a board, computed once."""
    return OverDatasets(runs)


def contrast_rows_over_datasets(runs: BoardRuns) -> pd.DataFrame:
    """Return the contrasts over data sets, one `contrast_row` each; none for fewer than two data sets."""
    over = over_datasets(runs)
    if len(over.datasets) < 2:
        return pd.DataFrame()
    rows = []
    for question, contrast in over.contrasts:
        datasets = [str(dataset) for dataset in contrast.matched]
        means = [
            float(np.mean([over.means(name)[d] for d in datasets])) if datasets else np.nan
            for name in (contrast.a, contrast.b)
        ]
        wins = over.wins(contrast.a, contrast.b, datasets)
        row = {"question": question} | contrast_row(contrast, over.titles, runs.metric.name, means)
        rows.append(row | dict(zip(("wins", "ties", "losses"), wins, strict=True)))
    return pd.DataFrame(rows)


class OverDatasetsSection(Section):
    """What holds for data sets like these."""

    name = "over_datasets"
    title = "Over data sets"
    place = 30
    of = "board"
    every_board = True

    def rows(self, runs: BoardRuns) -> pd.DataFrame:
        """Return the contrasts (``kind`` "contrast") and then the totals of each variant (``kind`` "total")."""
        if len(runs.datasets) < 2:
            return pd.DataFrame()
        over = over_datasets(runs)
        if len(over.datasets) < 2:
            return pd.DataFrame([{"kind": "none", "metric": runs.metric.name}])
        contrasts = contrast_rows_over_datasets(runs)
        if len(contrasts):
            contrasts.insert(0, "kind", "contrast")
        # Objects: a column that only one kind has would make numbers of seeds and runs fractions.
        return pd.DataFrame([*contrasts.to_dict("records"), *_totals(over)], dtype=object)

    def tables(self, rows: pd.DataFrame) -> list[Table]:
        contrasts, totals = (rows.loc[rows["kind"] == kind] for kind in ("contrast", "total"))
        tables = [contrast_table(contrasts)] if len(contrasts) else []
        return [*tables, _totals_table(totals)] if len(totals) else tables

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        if (rows["kind"] == "none").any():
            title = find_metric(rows["metric"].iloc[0]).title
            return [Sentence(f"Fewer than two data sets have scores in {title}: nothing is said over data sets.")]
        return [contrast_sentence(row) for row in rows.loc[rows["kind"] == "contrast"].to_dict("records")]

    def notes(self, rows: pd.DataFrame, runs: BoardRuns) -> list[str]:
        over = over_datasets(runs)
        if len(over.datasets) < 2:
            return []
        notes = list(_HOW)
        if over.revised:
            notes.append(f"Not counted, since one name stands for different data: {', '.join(over.revised)}.")
        for name in over.asked:
            if lacking := over.missing(name):
                notes.append(
                    f"{over.titles[name]} has no total and no rank: not all its runs have a score on "
                    f"{', '.join(lacking)}."
                )
        for _, contrast in over.contrasts:
            if left_out := [d for d in over.datasets if d not in contrast.matched]:
                notes.append(
                    f"{over.titles[contrast.a]} and {over.titles[contrast.b]} are compared without "
                    f"{', '.join(left_out)}, where not all runs of both have a score."
                )
        if len(set(map(len, over.seeds.values()))) > 1:
            counts = ", ".join(f"{dataset} {len(seeds)}" for dataset, seeds in over.seeds.items())
            notes.append(f"Seeds that all share: {counts}. Means are over these, IQM over the fewest.")
        return notes + ([] if over.ranking.limits is None else [over.ranking.limits])

    def figures(self, rows: pd.DataFrame, runs: BoardRuns) -> list[Any]:
        ranking = over_datasets(runs).ranking
        if not ranking.mean_rank or all(c.outcome in ("not compared", "too few") for c in ranking.comparisons):
            return []
        from bench.report import plots
        from bench.report.plots.export import figure_name

        return [
            plots.critical_difference(
                ranking.mean_rank,
                ranking.cliques,
                over_datasets(runs).titles,
                runs.looks,
                name=figure_name("ranks", runs.name, ALL_DATASETS),
                title="Mean ranks over data sets; a bar joins methods that do not differ significantly",
            )
        ]

    def is_news(self, rows: pd.DataFrame) -> bool:
        return True


def _totals(over: OverDatasets) -> list[dict[str, Any]]:
    """Return one row a variant that was asked for: those with a total first, best mean first."""
    metric, ranking = over.runs.metric, over.ranking
    sign = -1 if metric.greater_is_better else 1
    ranked = sorted(ranking.names, key=lambda name: (sign * over.mean(name), name))
    rows = []
    for name in (*ranked, *(name for name in over.asked if name not in ranking.names)):
        ok, failed, collapsed = over.run_counts(name)
        row: dict[str, Any] = {
            "kind": "total",
            "variant": name,
            "title": over.titles[name],
            "metric": metric.name,
            "n_ok": ok,
            "n_failed": failed,
            "n_collapsed": collapsed,
            "n_datasets": len(over.scores.get(name, {})),
            "n_datasets_all": len(over.datasets),
            "reference": name == ranking.reference,
            "reference_title": over.titles[ranking.reference] if ranking.reference else "",
        }
        rows.append(row | (_total(over, name) if name in ranking.names else {}))
    return rows


def _total(over: OverDatasets, name: str) -> dict[str, Any]:
    ranking, iqm = over.ranking, over.interquartile_means.get(name)
    fixed, other = (iqm.interval_fixed, iqm.interval_resampled) if iqm else (None, None)
    best, worst = ranking.ranges.get(name, (np.nan, np.nan))
    row = {
        "mean": over.mean(name),
        "median": float(np.median(list(over.means(name).values()))),
        "iqm": iqm.value if iqm else np.nan,
        **dict(zip(("iqm_low", "iqm_high"), fixed or (np.nan, np.nan), strict=True)),
        **dict(zip(("iqm_low_other_data", "iqm_high_other_data"), other or (np.nan, np.nan), strict=True)),
        "mean_rank": ranking.mean_rank.get(name, np.nan),
        "rank_best": best,
        "rank_worst": worst,
    }
    if name != ranking.reference and ranking.reference is not None:
        row |= dict(zip(("wins", "ties", "losses"), over.wins(name, ranking.reference, over.datasets), strict=True))
    return row


def _totals_table(rows: pd.DataFrame) -> Table:
    metric = find_metric(rows["metric"].iloc[0])
    columns = (
        Column("method", words=True),
        Column("runs", aside=2),
        Column("data sets", aside=1),
        Column(f"mean {metric.title}"),
        Column("median", aside=1),
        Column("IQM [95 % CI]", aside=2),
        Column("[95 % CI, other data]", aside=3),
        Column("win/tie/loss", aside=1),
        Column("mean rank"),
        Column("rank"),
    )
    written: list[tuple[Value, ...]] = []
    for row in rows.reindex(columns=[*rows.columns, *(c for c in _TOTALS if c not in rows)]).to_dict("records"):
        low, high = row["iqm_low_other_data"], row["iqm_high_other_data"]
        written.append(
            (
                Name(row["title"]),
                Tally((int(row["n_ok"]), int(row["n_failed"]), int(row["n_collapsed"]))),
                Count(row["n_datasets"], row["n_datasets_all"]),
                Number(row["mean"], metric),
                Number(row["median"], metric),
                Interval(row["iqm"], row["iqm_low"], row["iqm_high"], metric),
                Name(f"[{format_score(low, metric)}, {format_score(high, metric)}]") if np.isfinite(low) else Absent(),
                Absent() if np.isnan(row["wins"]) else Tally((int(row["wins"]), int(row["ties"]), int(row["losses"]))),
                Number(row["mean_rank"]),
                Ranks(row["rank_best"], row["rank_worst"]),
            )
        )
    reference = rows["reference_title"].iloc[0]
    against = f"; win/tie/loss against {reference}" if reference else ""
    return Table(f"Mean {metric.title} over data sets{against}", columns, tuple(written), cite=True)


_TOTALS = (
    *("mean", "median", "iqm", "iqm_low", "iqm_high", "iqm_low_other_data", "iqm_high_other_data"),
    *("wins", "ties", "losses", "mean_rank", "rank_best", "rank_worst"),
)

section = OverDatasetsSection()
