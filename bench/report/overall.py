"""Results over several data sets: the unit is a data set, its value the mean over its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.metrics import Metric
from bench.report.document import Entry, Escape, Section, TextTable, make_table, run_counts_entry, word_entry
from bench.report.numbers import ABSENT, format_interval, format_p, format_ranks, format_score
from bench.report.ranking import Ranking, rank, rope_of
from bench.report.runs_frame import count_runs, one_run_per_variant, scores_by_variant, twin_pairs
from bench.report.sentences import twin_sentence
from bench.report.tables import DatasetTables
from bench.statistics.aggregate import InterquartileMean, interquartile_mean, wins_ties_losses
from bench.statistics.correction import MethodComparison, Scores, compare_methods


@dataclass(frozen=True, eq=False)
class OverallTables:
    """The numbers over several data sets.

    A variant counts on a data set where all its planned runs have a score: a mean over fewer would skip
    failures, so it is no value. Means are over the seeds that all who count there have, so that every
    comparison is one of matched seeds. Variants bear the same name on all data sets.

    Attributes
    ----------
    tables : sequence of DatasetTables
    metric : Metric
    """

    tables: Sequence[DatasetTables]
    metric: Metric

    @cached_property
    def labels(self) -> dict[str, str]:
        """The title of each variant, in order of appearance."""
        return {name: label for table in reversed(self.tables) for name, label in table.labels.items()}

    @cached_property
    def asked(self) -> list[str]:
        """The variants that were asked for on some data set, in order of appearance."""
        firsts = (one_run_per_variant(table.runs) for table in self.tables)
        return list(dict.fromkeys(name for first in firsts for name in first.loc[first["role"] == "asked", "variant"]))

    @cached_property
    def revised(self) -> list[str]:
        """The data sets that are there with several contents under one name; none of them counts."""
        return [table.dataset for table in self.tables if table.runs["revised"].any()]

    @cached_property
    def seeds(self) -> Mapping[str, list[int]]:
        """Of each data set on which some variant has a score the seeds that all complete ones share."""
        shared = {}
        for table in self.tables:
            if table.dataset in self.revised or not table.quality["n_scored"].any():
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
        for table in self.tables:
            for name, own in self._complete(table).items() if table.dataset in self.seeds else ():
                seeds = self.seeds[table.dataset]
                if isinstance(own, Mapping):
                    values = np.array([own[seed] for seed in seeds])
                else:
                    values = np.full(max(1, len(seeds)), own)
                if len(values):
                    scores.setdefault(name, {})[table.dataset] = values
        return scores

    def _complete(self, table: DatasetTables) -> dict[str, Scores]:
        """Return the scores of the variants that have all their planned runs."""
        complete = table.quality.loc[table.quality["complete"], "variant"]
        return {
            name: own for name, own in scores_by_variant(table.runs, self.metric.name).items() if name in set(complete)
        }

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
        sign = -1 if self.metric.greater_is_better else 1
        reference = min(means, key=lambda name: (sign * self.mean(name), name))
        return rank(means, reference, self.metric, "data set")

    @cached_property
    def interquartile_means(self) -> Mapping[str, InterquartileMean]:
        """Of each variant that is ranked, by the same number of shared seeds on every data set."""
        n_seeds = min(map(len, self.seeds.values()), default=0)
        if not n_seeds:
            return {}
        every = {name: [self.scores[name][d][:n_seeds] for d in self.datasets] for name in self.ranking.names}
        return {name: interquartile_mean(np.array(scores)) for name, scores in every.items()}

    @cached_property
    def contrasts(self) -> list[MethodComparison]:
        """Each stochastic variant against its twin, as one family."""
        pairs = dict.fromkeys(pair for table in self.tables for pair in twin_pairs(table.runs)[0])
        means = {name: self.means(name) for pair in pairs for name in pair}
        up = bool(self.metric.greater_is_better)
        return compare_methods(means, list(pairs), unit="data set", greater_is_better=up, rope=rope_of(self.metric))


OVERALL = "All data sets"
_ABSENT: Entry = (ABSENT, None)

_HOW = (
    "A data set counts once, by the mean over its seeds; seeds and data sets are never pooled into one test.",
    "IQM is the mean of the middle half of all scores. Its first interval is over other seeds on these data sets, "
    "the second over other data sets like these as well. They are given from five seeds, and five data sets, on.",
)


def overall_section(overall: OverallTables, escape: Escape) -> Section:
    """Return the section on all data sets.

    Parameters
    ----------
    overall : OverallTables
    escape : callable
        Rewrites every name that comes from data or plugins.
    """
    metric = overall.metric
    if len(overall.datasets) < 2:
        return Section(OVERALL, (f"Fewer than two data sets have a {metric.title}: nothing is said over data sets.",))
    labels = {name: escape(label) for name, label in overall.labels.items()}
    sentences = [twin_sentence(c, labels[c.a], labels[c.b], metric, unit="data sets") for c in overall.contrasts]
    tables = [_twins(overall, labels)] if overall.contrasts else []
    notes = list(_HOW)
    if overall.revised:
        several = ", ".join(map(escape, overall.revised))
        notes.append(f"Not counted, since one name stands for different data: {several}.")
    for name in overall.asked:
        if lacking := overall.missing(name):
            where = ", ".join(map(escape, lacking))
            notes.append(f"{labels[name]} has no total and no rank: not all its runs have a score on {where}.")
    for contrast in overall.contrasts:
        if left_out := [d for d in overall.datasets if d not in contrast.matched]:
            pair = f"{labels[contrast.a]} and its twin {labels[contrast.b]}"
            where = ", ".join(map(escape, left_out))
            notes.append(f"{pair} are compared without {where}, where not all runs of both have a score.")
    if len(set(map(len, overall.seeds.values()))) > 1:
        counts = ", ".join(f"{escape(dataset)} {len(seeds)}" for dataset, seeds in overall.seeds.items())
        notes.append(f"Seeds that all share: {counts}. Means are over these, IQM over the fewest.")
    notes += [] if overall.ranking.limits is None else [overall.ranking.limits]
    return Section(OVERALL, tuple(sentences), (*tables, _totals(overall, labels)), tuple(notes))


def _twins(overall: OverallTables, labels: Mapping[str, str]) -> TextTable:
    metric, rows = overall.metric, []
    for c in overall.contrasts:
        difference, p = _ABSENT, _ABSENT
        if c.result is not None and c.p_adjusted is not None:
            estimate, (low, high) = c.result.hodges_lehmann, c.result.hodges_lehmann_interval or (np.nan, np.nan)
            difference = f"{format_score(estimate, metric)} {format_interval(low, high, metric)}".rstrip(), estimate
            p = format_p(c.p_adjusted), c.p_adjusted
        variant, twin = (word_entry(labels[name]) for name in (c.a, c.b))
        wins = _wins(overall, c.a, c.b, [str(dataset) for dataset in c.matched])
        rows.append((variant, twin, difference, wins, p, (str(len(c.matched)), len(c.matched))))
    header = ("variant", "twin", "difference [95 %]", "win/tie/loss", "p (Holm)", "data sets")
    return make_table(f"Twins over data sets: {metric.title} with the noise and without", header, rows)


def _totals(overall: OverallTables, labels: Mapping[str, str]) -> TextTable:
    metric, ranking = overall.metric, overall.ranking
    sign = -1 if metric.greater_is_better else 1
    ranked = sorted(ranking.names, key=lambda name: (sign * overall.mean(name), name))
    rows = []
    for name in (*ranked, *(name for name in overall.asked if name not in ranking.names)):
        n_complete = len(overall.scores.get(name, {}))
        totals = _total(overall, name) if name in ranking.names else [_ABSENT] * 7
        place = f"{n_complete} of {len(overall.datasets)}", n_complete
        rows.append((word_entry(labels[name]), _runs(overall, name), place, *totals))
    header = ["variant", "runs", "data sets", f"mean {metric.title}", "median", "IQM [95 %]", "[95 %, other data]"]
    header += ["win/tie/loss", "mean rank", "rank"]
    against = f", win/tie/loss against {labels[ranking.reference]}" if ranking.reference else ""
    return make_table(f"Board over data sets: {metric.title}{against}", header, rows)


def _total(overall: OverallTables, name: str) -> list[Entry]:
    metric, ranking = overall.metric, overall.ranking
    mean, median = overall.mean(name), float(np.median(list(overall.means(name).values())))
    iqm = overall.interquartile_means.get(name)
    intervals = (iqm.interval_fixed, iqm.interval_resampled) if iqm else (None, None)
    fixed, other = (format_interval(*interval, metric) if interval else "" for interval in intervals)
    rank, ranks = ranking.mean_rank.get(name), ranking.ranges.get(name, (np.nan, np.nan))
    versus = name != ranking.reference and ranking.reference is not None
    return [
        (format_score(mean, metric), mean),
        (format_score(median, metric), median),
        (f"{format_score(iqm.value, metric)} {fixed}".rstrip(), iqm.value) if iqm else _ABSENT,
        (other or ABSENT, intervals[1][0] if intervals[1] else None),
        _wins(overall, name, str(ranking.reference), overall.datasets) if versus else _ABSENT,
        _ABSENT if rank is None else (f"{rank:.2f}", rank),
        (format_ranks(*ranks), ranks[0]),
    ]


def _wins(overall: OverallTables, a: str, b: str, datasets: list[str]) -> Entry:
    means_a, means_b = overall.means(a), overall.means(b)
    up = bool(overall.metric.greater_is_better)
    counts = wins_ties_losses([means_a[d] for d in datasets], [means_b[d] for d in datasets], greater_is_better=up)
    return "/".join(map(str, counts)), counts[0]


def _runs(overall: OverallTables, name: str) -> Entry:
    runs = (table.runs.loc[table.runs["variant"] == name] for table in overall.tables)
    return run_counts_entry(*map(sum, zip(*map(count_runs, runs), strict=True)))
