"""Intervals over points: how far a difference of two variants, trained as they are, would move with other points."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.metrics.registry import DRAWN
from bench.metrics.resampling import point_counts, resampled_scores
from bench.report.between_runs import classes_of, labels_of
from bench.report.runs_frame import finished_runs

if TYPE_CHECKING:
    import pandas as pd

    from bench.records.results import CollectedRuns
    from bench.statistics.correction import MethodComparison, Scores


def point_intervals(
    frame: pd.DataFrame,
    contrasts: Sequence[MethodComparison],
    scores: Mapping[str, Scores],
    metric: str,
    results: CollectedRuns | None,
) -> dict[tuple[str, str], tuple[float, float]]:
    """Return the 95 % percentile interval of each contrast over resamples of the points.

    A resample draws the points of the data set with replacement, the same for all runs. The difference of a resample is
    the mean over the matched seeds. What varies is the points that are judged: networks and clusters stay as they are.

    Parameters
    ----------
    frame : DataFrame
        The runs of one data set.
    contrasts : sequence of MethodComparison
    scores : mapping of str to Scores
        Of each variant; a single number stands for all seeds.
    metric : str
    results : CollectedRuns or None
        Where the labels are.

    Returns
    -------
    dict of (str, str) to (float, float)
        By the two variants of a contrast. A contrast is left out if the raw outputs of some run are gone. Empty for
        a metric other than ACC, NMI and ARI, and for data without classes.
    """
    if results is None or metric not in DRAWN or frame.empty:
        return {}
    frame = finished_runs(frame)
    frame = frame.loc[frame["key"].isin(results.with_outputs["key"])]
    classes = classes_of(results, frame) if len(frame) else None
    if classes is None or not (classes >= 0).any():
        return {}
    runs = {(run["variant"], run["seed"]): run for run in frame[["variant", "seed", "run", "key"]].to_dict("records")}
    alone = {run["variant"]: run for run in runs.values()}
    counts = point_counts(str(frame["fingerprint"].iloc[0]), len(classes))
    resampled: dict[str, np.ndarray] = {}

    def mean_scores(variant: str, seeds: Sequence[Hashable]) -> np.ndarray | None:
        """Return the mean over seeds on each resample, None if a run is not at hand."""
        one_for_all = not isinstance(scores[variant], Mapping)
        chosen = [alone.get(variant)] if one_for_all else [runs.get((variant, seed)) for seed in seeds]
        of_runs = []
        for run in chosen:
            if run is None:
                return None
            if run["key"] not in resampled:
                resampled[run["key"]] = resampled_scores(labels_of(results, run), classes, counts, metric)
            of_runs.append(resampled[run["key"]])
        return np.mean(of_runs, axis=0)

    intervals = {}
    for contrast in contrasts:
        if contrast.result is None:
            continue
        own, other = mean_scores(contrast.a, contrast.matched), mean_scores(contrast.b, contrast.matched)
        if own is not None and other is not None:
            low, high = np.quantile(own - other, [0.025, 0.975])
            intervals[contrast.a, contrast.b] = float(low), float(high)
    return intervals
