"""The numbers of one data set: each variant described, twins compared, all pairs of the asked-for ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bench.metrics import Metric, all_metrics
from bench.report.ranking import Ranking, matched_scores, n_planned, rank_variants, rope_of
from bench.report.runs_frame import (
    count_runs,
    finished_runs,
    metric_values,
    moments,
    runs_by_variant,
    scores_by_variant,
    twin_pairs,
    variant_titles,
)
from bench.statistics.correction import MethodComparison, compare_methods

#: Shown beside a metric against classes, which may be high although small classes are lost.
CLASS_METRICS = ("mean_class_recall", "classes_lost")

_NO_COMPARISON = {
    "difference": np.nan,
    "ci_low": np.nan,
    "ci_high": np.nan,
    "rank_biserial": np.nan,
    "prob_superiority": np.nan,
    "prob_superiority_low": np.nan,
    "prob_superiority_high": np.nan,
    "n_pairs": 0,
    "n_lost": 0,
    "n_won": 0,
    "form": "",
    "p_value": np.nan,
    "p_adjusted": np.nan,
    "verdict": "not compared",
    "practical": "undecided",
}

_QUALITY_COLUMNS = (
    *("variant", "title", "method", "kind", "role", "planned", "n_ok", "n_failed", "n_collapsed", "n_scored"),
    *("complete", "mean", "sd", "median", "q1", "q3", "reference", "rank_best", "rank_worst", *_NO_COMPARISON),
)
_CLUSTER_COLUMNS = ("n_clusters_asked", "n_clusters_used_mean", "noise_share_mean")
_TWIN_COLUMNS = (
    *("variant", "title", "twin_variant", "twin_title", "mean", "twin_mean", "complete", *_NO_COMPARISON),
    "family_size",
)


def secondary_metrics() -> tuple[str, ...]:
    """Return the names of the metrics whose means stand beside that of the primary metric."""
    return tuple(metric.name for metric in all_metrics() if metric.on_boards)


def _quality_columns(counts_clusters: bool) -> list[str]:
    means = [f"{name}_{part}" for name in (*secondary_metrics(), *CLASS_METRICS) for part in ("mean", "sd")]
    return [*_QUALITY_COLUMNS, *means, "wall_time_mean", "peak_memory_max", *_CLUSTER_COLUMNS * counts_clusters]


@dataclass(frozen=True, eq=False)
class DatasetTables:
    """The numbers of one data set, each computed once however many renderers ask.

    Attributes
    ----------
    dataset : str
    runs : DataFrame
        Its runs, as `bench.report.runs_frame.runs_on_dataset` gives them.
    metric : Metric
        What the variants are compared by.
    about : sequence of str
        Sentences on the data.
    """

    dataset: str
    runs: pd.DataFrame
    metric: Metric
    about: Sequence[str] = ()

    @cached_property
    def labels(self) -> dict[str, str]:
        """The title of each variant, in order of appearance."""
        return variant_titles(self.runs)

    @cached_property
    def ranking(self) -> Ranking:
        """All pairs of the variants that were asked for, as one family."""
        return rank_variants(self.runs, self.metric)

    @cached_property
    def contrasts(self) -> list[MethodComparison]:
        """Each stochastic variant against itself less the noise.

        The family, fixed before any run, is all the twin pairs of the data set; a stochastic variant whose twin
        was not run is not in it.
        """
        pairs, _ = twin_pairs(self.runs)
        up = bool(self.metric.greater_is_better)
        scores = scores_by_variant(self.runs, self.metric.name)
        return compare_methods(scores, pairs, greater_is_better=up, rope=rope_of(self.metric))

    def collapsed(self, contrast: MethodComparison) -> tuple[int, int]:
        """Return how many runs of the two collapsed."""
        counts = self.quality.set_index("variant")["n_collapsed"]
        return int(counts[contrast.a]), int(counts[contrast.b])

    @cached_property
    def hardware(self) -> list[str]:
        """What the finished runs ran on."""
        return sorted(set(finished_runs(self.runs)["hardware"].dropna().astype(str)))

    @cached_property
    def counts_clusters(self) -> bool:
        """Whether some run found another number of clusters than it was asked for, if for any, or has noise."""
        runs = finished_runs(self.runs)
        asked, used, noise = (
            metric_values(runs, name) for name in ("n_clusters_asked", "n_clusters_used", "noise_share")
        )
        return bool((np.isfinite(used) & (used != asked)).any() or (noise > 0).any())

    @cached_property
    def quality(self) -> pd.DataFrame:
        """One row a variant, the best mean first and those without a score last.

        A collapsed run has a score and counts. A failed, diverged or timed-out run has none; it is counted,
        and a mean over fewer runs than planned is not ``complete``.

        The comparisons are those of ``ranking``: all pairs as one family, so that the reference, though chosen
        by the same runs, costs no error. ``rank_best`` to ``rank_worst`` is all that they say of an order.

        ``n_clusters_asked``, ``n_clusters_used_mean`` and ``noise_share_mean`` are there if ``counts_clusters``.
        """
        ranking = self.ranking
        compared, ranges = ranking.against_reference(), ranking.ranges
        rows = []
        for name, variant in runs_by_variant(self.runs).items():
            row = {"variant": name, "title": self.labels[name]} | _describe(variant, self.metric.name)
            row |= {"reference": name == ranking.reference, **_comparison_columns(compared.get(name))}
            row["rank_best"], row["rank_worst"] = ranges.get(name, (np.nan, np.nan))
            if row["role"] == "twin":
                row["verdict"] = "twin"
            if row["reference"]:
                row["verdict"] = "reference"
            rows.append(row)
        table = pd.DataFrame(rows, columns=_quality_columns(self.counts_clusters))
        if len(self.hardware) > 1:  # speed on unlike machines is no speed of methods
            table[["wall_time_mean", "peak_memory_max"]] = np.nan
        ascending = not self.metric.greater_is_better
        return table.sort_values(["mean", "variant"], ascending=[ascending, True], ignore_index=True)

    @cached_property
    def twins(self) -> pd.DataFrame:
        """One row a contrast, in order of appearance; means are over matched seeds."""
        scores = scores_by_variant(self.runs, self.metric.name)
        planned = self.quality.set_index("variant")["planned"]
        rows = []
        for contrast in self.contrasts:
            name, twin = contrast.a, contrast.b
            rows.append(
                {
                    "variant": name,
                    "title": self.labels[name],
                    "twin_variant": twin,
                    "twin_title": self.labels[twin],
                    "mean": float(np.mean(matched_scores(scores[name], contrast.matched) or np.nan)),
                    "twin_mean": float(np.mean(matched_scores(scores[twin], contrast.matched) or np.nan)),
                    "complete": len(contrast.matched) == max(planned[name], planned[twin]),
                    "family_size": contrast.family_size,
                    **_comparison_columns(contrast),
                }
            )
        return pd.DataFrame(rows, columns=list(_TWIN_COLUMNS))


def _describe(frame: pd.DataFrame, metric: str) -> dict[str, Any]:
    ok = (frame["status"] == "ok").to_numpy()
    n_ok, n_failed, n_collapsed = count_runs(frame)

    def scores_in(name: str) -> np.ndarray:
        values = metric_values(frame, name)[ok]
        return values[np.isfinite(values)]

    scores = scores_in(metric)
    quartiles = np.percentile(scores, [25, 50, 75]) if len(scores) else np.full(3, np.nan)
    mean, sd = moments(scores)
    planned = n_planned(frame)
    described: dict[str, Any] = {
        "method": str(frame["method"].iloc[0]),
        "kind": str(frame["kind"].iloc[0]),
        "role": str(frame["role"].iloc[0]),
        "planned": planned,
        "n_ok": n_ok,
        "n_failed": n_failed,
        "n_collapsed": n_collapsed,
        "n_scored": len(scores),
        "complete": len(scores) == planned,
        "mean": mean,
        "sd": sd,
        **dict(zip(("q1", "median", "q3"), quartiles.tolist(), strict=True)),
        "wall_time_mean": moments(scores_in("wall_time"))[0],
        "peak_memory_max": _largest(metric_values(frame, "peak_memory")),
        "n_clusters_asked": metric_values(frame, "n_clusters_asked")[0],
        "n_clusters_used_mean": moments(scores_in("n_clusters_used"))[0],
        "noise_share_mean": moments(scores_in("noise_share"))[0],
    }
    for name in (*secondary_metrics(), *CLASS_METRICS):
        described |= dict(zip((f"{name}_mean", f"{name}_sd"), moments(scores_in(name)), strict=True))
    return described


def _comparison_columns(comparison: MethodComparison | None) -> Mapping[str, Any]:
    if comparison is None or comparison.result is None:
        return _NO_COMPARISON | {"n_pairs": len(comparison.matched) if comparison else 0}
    result = comparison.result
    low, high = result.hodges_lehmann_interval or (np.nan, np.nan)
    return {
        "difference": result.hodges_lehmann,
        "ci_low": low,
        "ci_high": high,
        "rank_biserial": result.rank_biserial,
        "prob_superiority": result.prob_superiority,
        "prob_superiority_low": result.prob_superiority_interval[0],
        "prob_superiority_high": result.prob_superiority_interval[1],
        "n_pairs": result.n,
        "n_lost": comparison.lost[0],
        "n_won": comparison.lost[1],
        "form": result.form,
        "p_value": comparison.p_value,
        "p_adjusted": comparison.p_adjusted,
        "verdict": comparison.verdict,
        "practical": result.practical,
    }


def _largest(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(values.max()) if len(values) else np.nan
