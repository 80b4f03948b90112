"""What is said over several data sets: the unit is a data set, its value the mean over its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.leaderboard.frame import first_cells, scores_of, twin_pairs
from bench.leaderboard.ranking import Ranking, rank, rope_of
from bench.leaderboard.tables import DatasetTables
from bench.metrics import Metric
from bench.statistics.aggregate import InterquartileMean, interquartile_mean
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
        firsts = (first_cells(table.cells) for table in self.tables)
        return list(dict.fromkeys(name for cells in firsts for name in cells.loc[cells["role"] == "asked", "variant"]))

    @cached_property
    def revised(self) -> list[str]:
        """The data sets that are there with several contents under one name; none of them counts."""
        return [table.dataset for table in self.tables if table.cells["revised"].any()]

    @cached_property
    def seeds(self) -> Mapping[str, list[int]]:
        """Of each data set on which some variant has a score the seeds that all complete ones share."""
        found = {}
        for table in self.tables:
            if table.dataset in self.revised or not table.quality["n_scored"].any():
                continue
            complete = self._complete(table).values()
            seeds = [set(scores) for scores in complete if isinstance(scores, Mapping)]
            found[table.dataset] = sorted(set.intersection(*seeds)) if seeds else []
        return found

    @property
    def datasets(self) -> list[str]:
        """The data sets on which some variant has a score."""
        return list(self.seeds)

    @cached_property
    def scores(self) -> Mapping[str, Mapping[str, np.ndarray]]:
        """Of each variant its scores (n_seeds,) by shared seed on each data set where it is complete.

        One that takes no seed has its one score, for as many seeds as there are: it enters no test.
        """
        found: dict[str, dict[str, np.ndarray]] = {}
        for table in self.tables:
            for name, own in self._complete(table).items() if table.dataset in self.seeds else ():
                seeds = self.seeds[table.dataset]
                if isinstance(own, Mapping):
                    values = np.array([own[seed] for seed in seeds])
                else:
                    values = np.full(max(1, len(seeds)), own)
                if len(values):
                    found.setdefault(name, {})[table.dataset] = values
        return found

    def _complete(self, table: DatasetTables) -> dict[str, Scores]:
        """Return the scores of the variants that have all their planned runs."""
        complete = table.quality.loc[table.quality["complete"], "variant"]
        return {name: own for name, own in scores_of(table.cells, self.metric.name).items() if name in set(complete)}

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
        pairs = dict.fromkeys(pair for table in self.tables for pair in twin_pairs(table.cells)[0])
        means = {name: self.means(name) for pair in pairs for name in pair}
        up = bool(self.metric.greater_is_better)
        return compare_methods(means, list(pairs), unit="data set", greater_is_better=up, rope=rope_of(self.metric))
