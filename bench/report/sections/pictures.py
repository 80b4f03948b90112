"""Pictures of each method: its median run, drawn from raw outputs, and the learning curves of all its runs."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.errors import InputError
from bench.metrics import Metric
from bench.metrics.health import is_collapsed
from bench.metrics.uncertainty import COLLAPSED
from bench.records.results import CollectedRuns
from bench.report.board import DatasetRuns
from bench.report.document import Sentence
from bench.report.numbers import format_score
from bench.report.runs_frame import (
    finished_runs,
    median_run,
    metric_values,
    runs_by_variant,
    twin_pairs,
    without_ablations,
)
from bench.report.section import Section

if TYPE_CHECKING:
    from bench.report.plots.figure import Figure
    from bench.report.plots.one_run import OneRun


class Pictures(Section):
    """What the median run of each method looks like.

    Parameters
    ----------
    per_dataset, in_all : int
        Variants drawn of each data set, the first ones by mean score, and of all data sets in equal shares.
    """

    name = "pictures"
    title = "Pictures"
    place = 110
    plots = ("confusion", "reliability", "risk", "certain", "draws", "samples", "latent", "map", "curves")

    def __init__(self, per_dataset: int = 12, in_all: int = 40) -> None:
        self.per_dataset = per_dataset
        self.in_all = in_all

    def rows(self, runs: DatasetRuns) -> pd.DataFrame:
        """Return one row a variant that is drawn, the best mean first.

        ``key`` and ``seed`` are of its median run, ``score`` is that of ``metric``, ``n_runs`` how many finished;
        ``note`` is what to know of the pictures. ``readable`` says whether there are raw outputs to draw.
        """
        by_variant = runs_by_variant(finished_runs(without_ablations(runs.frame)))
        best = [variant for variant in runs.by_score if variant in by_variant]
        rows = []
        for variant in best[: self._most(runs)]:
            median = median_run(by_variant[variant], runs.metric)
            score = float(metric_values(median.to_frame().T, runs.metric.name)[0])
            readable, notes = True, [_which(median, by_variant[variant], runs.metric, score)]
            try:
                outputs = runs.results.runs[median["run"]].outputs(str(median["key"]), ["labels", "soft_assignment"])
            except InputError as error:
                readable, outputs = False, {}
                notes.append(f"No pictures: {error}.")
            labels = outputs.get("labels", np.empty(0, int))
            if len(labels) and is_collapsed(labels, outputs.get("soft_assignment")):
                notes.append(f"No pictures of its confidence: {COLLAPSED}.")
            named = {"variant": variant, "title": runs.titles[variant], "metric": runs.metric.name, "score": score}
            run = {"key": str(median["key"]), "seed": int(median["seed"]), "n_runs": len(by_variant[variant])}
            rows.append(named | run | {"n_variants": len(best), "readable": readable, "note": " ".join(notes)})
        return pd.DataFrame(rows)

    def _most(self, runs: DatasetRuns) -> int:
        names = [one.dataset for one in runs.board.datasets]
        share = max(1, self.in_all // len(names))
        return min(self.per_dataset, share) if names.index(runs.dataset) < self.in_all else 0

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        n, of = len(rows), int(rows["n_variants"].iloc[0])
        which = f"the best {n} of {of} methods by mean" if n < of else "each method" if n > 1 else "the one method"
        return [Sentence(f"The median run of {which}, and the learning curves of all its runs.")]

    def notes(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[str]:
        return [f"{row['title']}: {row['note']}" for row in rows.loc[~rows["readable"]].to_dict("records")]

    def figures(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[Figure | None]:
        by_variant, twins = runs_by_variant(finished_runs(runs.frame)), dict(twin_pairs(runs.frame)[0])
        figures: list[Figure | None] = []
        for row in rows.loc[rows["readable"]].to_dict("records"):
            own, twin = by_variant[row["variant"]], twins.get(row["variant"])
            theirs = by_variant.get(twin, own.iloc[:0]) if twin else own.iloc[:0]
            drawn = _figures(runs, row["variant"], own.loc[own["key"] == row["key"]].iloc[0], own, twin, theirs)
            figures += [f and replace(f, group=row["title"], group_note=row["note"]) for f in drawn]
        return figures


def _which(median: pd.Series, runs: pd.DataFrame, metric: Metric, score: float) -> str:
    if not np.isfinite(score):
        return f"Seed {median['seed']}, the first of {len(runs)} finished runs; none has a {metric.title}."
    collapsed = ", collapsed" if "collapsed" in list(median["flags"]) else ""
    if len(runs) == 1:
        return (
            f"Seed {median['seed']}, the only finished run ({metric.title} {format_score(score, metric)}{collapsed})."
        )
    return (
        f"Seed {median['seed']}, the median run of {len(runs)} by {metric.title} "
        f"({format_score(score, metric)}{collapsed})."
    )


def _figures(
    runs: DatasetRuns, variant: str, median: pd.Series, own: pd.DataFrame, twin: str | None, theirs: pd.DataFrame
) -> list[Figure | None]:
    """Draw a variant's median run, and the learning curves of all its runs; its counterpart's beside them."""
    from bench.report import plots
    from bench.report.plots.export import figure_name
    from bench.report.plots.one_run import figures_of_run

    run = _one_run(runs, median, variant, variant)
    counterpart = None
    for _, same_seed in theirs.loc[theirs["seed"] == median["seed"]].iterrows():
        with contextlib.suppress(InputError):  # the learning curves say that it is missing
            counterpart = _one_run(runs, same_seed, twin or "", variant)
    columns = [name for name in run.outputs if name.startswith("history/")]
    histories, missing = _histories(runs.results, own, columns)
    other_histories, others_missing = _histories(runs.results, theirs, columns)
    lacking = missing + others_missing
    lost = f"; the outputs of {lacking} more cannot be read" if lacking else ""
    title = f"Learning curves: {run.title}, mean and range of {len(histories)} run{'s' * (len(histories) != 1)}{lost}"
    curves = plots.learning_curves(
        histories,
        run.label,
        run.look,
        twin_runs=other_histories,
        twin=runs.titles.get(twin or "", ""),
        name=figure_name("curves", *run.names),
        title=title,
    )
    return [*figures_of_run(run, counterpart), curves]


def _one_run(runs: DatasetRuns, row: pd.Series, variant: str, drawn_for: str) -> OneRun:
    """Read the outputs of a run; its figures are named by the variant that they are drawn for.

    Raises
    ------
    InputError
        If they cannot be read.
    """
    from bench.report.plots.one_run import OneRun
    from bench.report.plots.style import look_of

    run, fingerprint = runs.results.runs[row["run"]], str(row["fingerprint"])
    return OneRun(
        run.outputs(str(row["key"])),
        run.dataset(fingerprint),
        fingerprint,
        int(row["seed"]),
        runs.titles[variant],
        look_of(runs.looks, variant),
        row["kind"] == "stochastic",
        (runs.dataset, drawn_for),
        f"{runs.titles[drawn_for]} on {runs.dataset}",
    )


def _histories(
    results: CollectedRuns, runs: pd.DataFrame, columns: Collection[str]
) -> tuple[list[Mapping[str, np.ndarray]], int]:
    """Read the named columns of the histories; return how many runs cannot be read, too."""
    histories: list[Mapping[str, np.ndarray]] = []
    unreadable = 0
    for number, key in zip(runs["run"], runs["key"], strict=True) if columns else ():
        try:
            outputs = results.runs[number].outputs(str(key), columns)
        except InputError:
            unreadable += 1
            continue
        history = {name.removeprefix("history/"): values for name, values in outputs.items()}
        if len({values.shape for values in history.values()}) == 1 and next(iter(history.values())).ndim == 1:
            histories.append(history)
    return histories, unreadable


section = Pictures()
