"""The runs that a report is about: those of one way to choose hyper-parameters, and of each data set among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.metrics import Metric, all_metrics, find_metric
from bench.metrics.registry import DRAWN
from bench.report.point_intervals import point_intervals
from bench.report.published import Published
from bench.report.ranking import MOST_RANKED, Ranking, n_planned, rank_variants, rope_of
from bench.report.runs_frame import (
    NOT_RUN,
    REQUIRED_COLUMNS,
    Contrasted,
    collapsed_mask,
    contrast_pairs,
    finished_runs,
    has_flag,
    mask_uncertainty,
    metric_values,
    one_run_per_variant,
    runs_by_variant,
    runs_on_dataset,
    scores_by_variant,
    variant_titles,
    without_ablations,
)
from bench.selection.choices import LABEL_FREE, ORACLE, AnyChoice
from bench.statistics.correction import MethodComparison, Scores, compare_methods

if TYPE_CHECKING:
    from bench.metrics.stability import Agreement
    from bench.records.results import CollectedRuns
    from bench.report.plots import Look

HEADLINE = "fixed"
TITLES = {
    HEADLINE: "Fixed presets",
    LABEL_FREE: "Chosen without labels",
    ORACLE: "Chosen with the labels",
}
_COUNTERPARTS = (
    "A counterpart has the values chosen for its stochastic method: the contrast isolates the noise and does not "
    "compare two tuned methods. Methods had unequal numbers of candidates."
)
NOTES = {
    HEADLINE: "Hyper-parameters were fixed before any run.",
    LABEL_FREE: "Hyper-parameters were chosen on other seeds, before any label was read: degenerate runs are left out, "
    f"then prediction strength and agreement on held-out points decide. {_COUNTERPARTS}",
    ORACLE: "Hyper-parameters were chosen on other seeds by the labels, which no user has: this is an upper bound and "
    "not what the methods do. It may still lie below the other leaderboards, since the choice was made on few held-out "
    f"points by fits of a part of the data. {_COUNTERPARTS}",
}

#: Shown beside a metric against classes, which may be high although small classes are lost.
CLASS_METRICS = ("mean_class_recall", "classes_lost")


def secondary_metrics() -> tuple[str, ...]:
    """Return the names of the metrics whose means stand beside that of the primary metric."""
    return tuple(metric.name for metric in all_metrics() if metric.on_boards)


@dataclass(frozen=True, eq=False)
class BoardRuns:
    """The runs of one way to choose hyper-parameters.

    Attributes
    ----------
    name : {"fixed", "label-free", "oracle"}
    frame : DataFrame
        Its runs, as `bench.report.runs_frame` describes; no rows where nothing could be chosen.
    metric : Metric
        The primary one.
    results : CollectedRuns
        Where raw outputs and parameters are.
    choices : sequence of Choice
        What was chosen, and between what.
    agreements : mapping of (str, str) to Agreement
        Between the runs of each data set and variant.
    about : mapping of str to sequence of str
        Sentences on each data set.
    published : sequence of Published
        Values to show beside ours.
    """

    name: str
    frame: pd.DataFrame
    metric: Metric
    results: CollectedRuns
    choices: Sequence[AnyChoice] = ()
    agreements: Mapping[tuple[str, str], Agreement] = field(default_factory=dict)
    about: Mapping[str, Sequence[str]] = field(default_factory=dict)
    published: Sequence[Published] = ()

    @property
    def title(self) -> str:
        """Its heading."""
        return TITLES[self.name]

    @property
    def note(self) -> str:
        """How the hyper-parameters were chosen."""
        return NOTES[self.name]

    @property
    def is_headline(self) -> bool:
        """Whether its hyper-parameters were fixed before any run."""
        return self.name == HEADLINE

    @cached_property
    def datasets(self) -> list[DatasetRuns]:
        """The runs on each data set, in order of appearance."""
        names = self.frame["dataset"].unique() if len(self.frame) else ()
        return [DatasetRuns(str(name), runs_on_dataset(self.frame, name), self) for name in names]

    @cached_property
    def in_other_metrics(self) -> tuple[BoardRuns, ...]:
        """The same runs by ACC, NMI and ARI, without the primary metric: what a verdict is held against."""
        names = [
            name for name in DRAWN if name != self.metric.name and np.isfinite(metric_values(self.frame, name)).any()
        ]
        return tuple(replace(self, metric=find_metric(name)) for name in names)

    @cached_property
    def looks(self) -> Mapping[str, Look]:
        """How each variant is drawn, the same on all data sets."""
        from bench.report.plots import looks_of

        return looks_of(self.frame)


@dataclass(frozen=True, eq=False)
class DatasetRuns:
    """The runs on one data set, and what several sections ask of them, each computed once.

    Attributes
    ----------
    dataset : str
    frame : DataFrame
    board : BoardRuns
        All runs of the same board.
    """

    dataset: str
    frame: pd.DataFrame
    board: BoardRuns

    @property
    def metric(self) -> Metric:
        """The primary one."""
        return self.board.metric

    @property
    def results(self) -> CollectedRuns:
        """Where raw outputs and parameters are."""
        return self.board.results

    @property
    def looks(self) -> Mapping[str, Look]:
        """How each variant is drawn."""
        return self.board.looks

    @property
    def about(self) -> Sequence[str]:
        """Sentences on the data."""
        return self.board.about.get(self.dataset, ())

    @cached_property
    def agreements(self) -> Mapping[str, Agreement]:
        """How far the runs of each variant agree."""
        return {variant: of for (dataset, variant), of in self.board.agreements.items() if dataset == self.dataset}

    @cached_property
    def titles(self) -> dict[str, str]:
        """What each variant is called, in order of appearance."""
        return variant_titles(self.frame)

    @cached_property
    def by_score(self) -> list[str]:
        """The variants, best mean first; those without a score last."""
        ascending = not self.metric.greater_is_better
        return list(self.summary.sort_values(["mean", "variant"], ascending=[ascending, True])["variant"])

    @cached_property
    def scores(self) -> dict[str, Scores]:
        """The scores of each variant by the primary metric."""
        return scores_by_variant(self.frame, self.metric.name)

    @cached_property
    def ranking(self) -> Ranking:
        """All pairs of the variants that were asked for, as one family."""
        return rank_variants(self.frame, self.metric)

    @cached_property
    def contrasts(self) -> list[tuple[str, MethodComparison]]:
        """The contrasts of each stochastic variant, with the question that each answers; see `contrast_pairs`.

        The family, fixed before any run, is all of them on the data set.
        """
        return compared(contrast_pairs(self.frame), self.scores, self.metric)

    @cached_property
    def point_intervals(self) -> Mapping[tuple[str, str], tuple[float, float]]:
        """The intervals of the contrasts over points; none where the variants are too many."""
        contrasts = [] if self.crowded else [contrast for _, contrast in self.contrasts]
        return point_intervals(self.frame, contrasts, self.scores, self.metric.name, self.results)

    @cached_property
    def hardware(self) -> list[str]:
        """What the finished runs ran on."""
        return sorted(set(finished_runs(self.frame)["hardware"].dropna().astype(str)))

    @cached_property
    def counts_clusters(self) -> bool:
        """Whether some run found another number of clusters than it was asked for, if for any, or has noise."""
        runs = finished_runs(self.frame)
        asked, used, noise = (
            metric_values(runs, name) for name in ("n_clusters_asked", "n_clusters_used", "noise_share")
        )
        return bool((np.isfinite(used) & (used != asked)).any() or (noise > 0).any())

    @cached_property
    def masked(self) -> pd.DataFrame:
        """The runs, without the uncertainty of those that collapsed or failed."""
        return mask_uncertainty(self.frame)

    @cached_property
    def reported(self) -> pd.DataFrame:
        """The masked runs of methods that are reported one by one: all, or none where they are too many."""
        return self.masked.iloc[:0] if self.crowded else without_ablations(self.masked)

    @cached_property
    def n_variants(self) -> int:
        """How many variants there are, without ablations."""
        return len(one_run_per_variant(without_ablations(self.frame)))

    @property
    def crowded(self) -> bool:
        """Whether the variants are too many to be reported one by one, as in a grid."""
        return self.n_variants > MOST_RANKED

    @cached_property
    def collapsed(self) -> dict[str, tuple[int, int]]:
        """Of each variant, the runs that collapsed totally, and all that finished."""
        ended = {name: finished_runs(rows) for name, rows in runs_by_variant(self.frame).items()}
        return {name: (int(collapsed_mask(rows).sum()), len(rows)) for name, rows in ended.items()}

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row a variant, in order of appearance, described by the primary metric and the secondary ones.

        A collapsed run has a score and counts. A failed, diverged or timed-out run has none; it is counted, and a mean
        over fewer runs than planned is not ``complete``. Time and memory are NaN where the runs come from different
        hardware.
        """
        table = _described(self.frame, self.metric.name).reset_index()
        table.insert(1, "title", table["variant"].map(self.titles))
        if len(self.hardware) > 1:  # speed on unlike machines is no speed of methods
            table[["wall_time_mean", "peak_memory_max"]] = np.nan
        return table


def _described(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return one row a variant, in order of appearance."""
    ok, variant = frame["status"] == "ok", frame["variant"]
    of_runs = {
        "n_ok": ok,
        "n_failed": ~ok & (frame["status"] != NOT_RUN),
        "n_collapsed": ok & has_flag(frame, "collapsed"),
    }
    counts = pd.DataFrame(of_runs).groupby(variant, sort=False).sum()
    names = dict.fromkeys((metric, "wall_time", "n_clusters_used", "noise_share", *secondary_metrics(), *CLASS_METRICS))
    scores = pd.DataFrame({name: metric_values(frame, name) for name in names}, index=frame.index)
    of_ended = scores.where(np.isfinite(scores)).loc[ok].groupby(variant[ok], sort=False)
    mean, sd = of_ended.mean(), of_ended.std()
    every = frame.groupby("variant", sort=False)
    table = every[["method", "config", "kind", "role"]].first().astype(str)
    table["planned"] = {name: n_planned(rows) for name, rows in every[["planned", "seeded"]]}
    table[counts.columns] = counts
    table["n_scored"] = of_ended[metric].count()
    table["n_scored"] = table["n_scored"].fillna(0).astype(int)
    table["complete"] = table["n_scored"] == table["planned"]
    table["mean"], table["sd"] = mean[metric], sd[metric]
    for name, share in (("q1", 0.25), ("median", 0.5), ("q3", 0.75)):
        table[name] = of_ended[metric].quantile(share)
    table["wall_time_mean"] = mean["wall_time"]
    first = one_run_per_variant(frame).set_index("variant")
    table["peak_memory_max"] = pd.Series(metric_values(frame, "peak_memory"), frame.index).groupby(variant).max()
    table["n_clusters_asked"] = metric_values(first, "n_clusters_asked")
    table["n_clusters_used_mean"], table["noise_share_mean"] = mean["n_clusters_used"], mean["noise_share"]
    table["stability"] = metric_values(first, "stability")
    for name in (*secondary_metrics(), *CLASS_METRICS):
        table[f"{name}_mean"], table[f"{name}_sd"] = mean[name], sd[name]
    return table


def compared(
    pairs: Sequence[Contrasted], scores: Mapping[str, Scores], metric: Metric, unit: str = "seed"
) -> list[tuple[str, MethodComparison]]:
    """Return contrasts as one family, each with the question that it answers."""
    up = bool(metric.greater_is_better)
    comparisons = compare_methods(
        scores, [(pair.a, pair.b) for pair in pairs], unit=unit, greater_is_better=up, rope=rope_of(metric)
    )
    return [(pair.question, comparison) for pair, comparison in zip(pairs, comparisons, strict=True)]


def without_runs(name: str, metric: Metric, results: CollectedRuns, choices: Sequence[AnyChoice]) -> BoardRuns:
    """Return a board for which nothing could be chosen; it says why."""
    return BoardRuns(name, pd.DataFrame(columns=[*REQUIRED_COLUMNS]), metric, results, choices)
