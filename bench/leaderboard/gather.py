"""The figures of a run: what they show is gathered from its frame of cells and its stored raw outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import InputError
from bench.leaderboard import plots
from bench.leaderboard.content import Figure, Pictures
from bench.leaderboard.frame import cells_of, finished, labels_of, metric_values, twin_pairs, variants_of
from bench.leaderboard.grids import parameter_figures
from bench.leaderboard.numbers import clean_name, format_score
from bench.leaderboard.plots.export import figure_name
from bench.leaderboard.plots.style import Look
from bench.leaderboard.tables import quality_table
from bench.metrics import Metric
from bench.store import Run

PER_DATASET, IN_ALL = 12, 40
_OF_ONE_RUN = ("labels", "embedding", "embedding_variance", "reconstruction")


def section_figures(frame: pd.DataFrame, dataset: str, metric: Metric, run: Run | None = None) -> tuple[Figure, ...]:
    """Return the figures of one data set: every seed's score, quality against time, and curves over grids.

    Parameters
    ----------
    frame : DataFrame
        One row a cell, as `bench.leaderboard.frame` describes; of all data sets, so that colours agree.
    dataset : str
    metric : Metric
        One that methods can be ranked by.
    run : Run, optional
        Where the parameters of the cells are; without it there are no curves over grids.
    """
    cells, looks, named = cells_of(frame, dataset), plots.looks_of(frame), clean_name(dataset)
    what = f"{metric.title} on {named}"
    figures = [
        plots.scores_by_seed(
            cells, metric, looks, name=figure_name("scores", dataset), title=f"{what}: every seed of every variant"
        ),
        plots.quality_against_time(
            quality_table(frame, dataset, metric.name),
            metric,
            looks,
            name=figure_name("time", dataset),
            title=f"{what} against the time of a run",
        ),
    ]
    if run is not None:
        figures += parameter_figures(run, cells, metric, looks)
    return tuple(figure for figure in figures if figure is not None)


def pictures_of(
    run: Run, frame: pd.DataFrame, metric: Metric, *, per_dataset: int = PER_DATASET, in_all: int = IN_ALL
) -> tuple[Pictures, ...]:
    """Return the pictures of each variant on each data set, of its median run by ``metric``.

    Parameters
    ----------
    run : Run
        Where the raw outputs are.
    frame : DataFrame
        One row a cell, as `bench.leaderboard.frame` describes.
    metric : Metric
    per_dataset, in_all : int
        Variants shown of each data set, the first ones by mean score, and of all together.

    Returns
    -------
    tuple of Pictures
        By data set, then in order of appearance. A method without an embedding, say, has no figure of one. Where
        outputs cannot be read, the note says so.
    """
    looks = plots.looks_of(frame)
    pictures: list[Pictures] = []
    for dataset in map(str, frame["dataset"].unique()):
        cells = cells_of(frame, dataset)
        labels, twins = labels_of(cells), dict(twin_pairs(cells)[0])
        kept: dict[str, dict[str, np.ndarray]] = {}
        for variant in _shown(cells, metric, min(per_dataset, in_all - len(pictures))):
            runs = finished(variants_of(cells)[variant])
            middle = median_run(runs, metric)
            fingerprint = str(middle["fingerprint"])
            data = kept.setdefault(fingerprint, run.dataset(fingerprint))
            twin = twins.get(variant)
            other = (labels[twin], finished(variants_of(cells)[twin])) if twin is not None else None
            title = f"{clean_name(labels[variant])} on {clean_name(dataset)}"
            names = (dataset, variant)
            notes = [_which(middle, runs, metric)]
            figures: list[Figure | None] = []
            try:
                figures += _of_one_run(run.outputs(str(middle["key"]), _OF_ONE_RUN), data, looks[variant], names, title)
            except InputError as error:
                notes.append(f"No pictures of it: {error}.")
            figures.append(_curves(run, runs, other, looks[variant], labels[variant], names, title, notes))
            there = tuple(figure for figure in figures if figure is not None)
            pictures.append(Pictures(dataset, variant, " ".join(notes), there))
    return tuple(pictures)


def median_run(runs: pd.DataFrame, metric: Metric) -> pd.Series:
    """Return the run with the median score, of an even number the lower one; the first where none has a score.

    Parameters
    ----------
    runs : DataFrame
        The finished cells of one variant, at least one.
    metric : Metric
    """
    values = metric_values(runs, metric.name)
    order = np.lexsort((runs["seed"], values))[: np.isfinite(values).sum()]  # NaN goes last
    return runs.iloc[int(order[(len(order) - 1) // 2]) if len(order) else 0]


def _shown(cells: pd.DataFrame, metric: Metric, most: int) -> list[str]:
    """Return the variants with a finished run, in order of appearance; of too many those with the best means."""
    means = {}
    for name, rows in variants_of(finished(cells)).items():
        values = metric_values(rows, metric.name)
        values = values[np.isfinite(values)]
        means[name] = (values.mean() if len(values) else np.nan) * (1 if metric.greater_is_better else -1)
    best = sorted(means, key=lambda name: -np.nan_to_num(means[name], nan=-np.inf))[: max(most, 0)]
    return [name for name in means if name in best]


def _which(middle: pd.Series, runs: pd.DataFrame, metric: Metric) -> str:
    score = float(metric_values(middle.to_frame().T, metric.name)[0])
    if not np.isfinite(score):
        return f"Seed {middle['seed']}, the first of {len(runs)} finished runs; none has a {metric.title}."
    collapsed = ", collapsed" if "collapsed" in list(middle["flags"]) else ""
    return (
        f"Seed {middle['seed']}, the median run of {len(runs)} by {metric.title} "
        f"({format_score(score, metric)}{collapsed}); learning curves are of all runs."
    )


def _of_one_run(
    outputs: Mapping[str, np.ndarray],
    data: Mapping[str, np.ndarray],
    look: Look,
    names: tuple[str, str],
    title: str,
) -> list[Figure | None]:
    """Draw one run: confusion, reconstructions, latent dimensions, map."""
    labels, embedding, classes = outputs["labels"], outputs.get("embedding"), data.get("classes")
    figures: list[Figure | None] = []
    if classes is not None and len(classes) == len(labels):
        class_names = _names_of(classes, data.get("class_names"))
        matrix = f"Classes and clusters: {title}"
        figures.append(
            plots.confusion(classes, labels, class_names, name=figure_name("confusion", *names), title=matrix)
        )
        groups, group_names, what = classes, class_names, "classes"
    else:
        used, groups = np.unique(labels, return_inverse=True)
        group_names, what = [str(cluster) for cluster in used], "clusters"
    if "samples" in data and "reconstruction" in outputs:
        figures.append(
            plots.samples(
                data["samples"],
                outputs["reconstruction"],
                name=figure_name("samples", *names),
                title=f"Data and reconstructions: {title}",
            )
        )
    if embedding is not None:
        variance = outputs.get("embedding_variance")
        figures += [
            plots.latent_variance(
                embedding,
                variance,
                look,
                name=figure_name("variance", *names),
                title=f"Variance by latent dimension: {title}",
            ),
            plots.embedding_map(
                embedding, groups, group_names, name=figure_name("map", *names), title=f"Embedding by {what}: {title}"
            ),
        ]
    return figures


def _names_of(classes: np.ndarray, names: np.ndarray | None) -> list[str]:
    """Return a name for every class, its number where the run kept none."""
    known = [] if names is None else [str(name) for name in names]
    return known + [str(i) for i in range(len(known), int(classes.max(initial=-1)) + 1)]


def _curves(
    run: Run,
    runs: pd.DataFrame,
    twin: tuple[str, pd.DataFrame] | None,
    look: Look,
    label: str,
    names: tuple[str, str],
    title: str,
    notes: list[str],
) -> Figure | None:
    histories = _histories(run, runs, notes)
    twin_label, twin_runs = twin if twin is not None else ("", runs.iloc[:0])
    return plots.learning_curves(
        histories,
        label,
        look,
        twin_runs=_histories(run, twin_runs, notes),
        twin=twin_label,
        name=figure_name("curves", *names),
        title=f"Learning curves: {title}, mean and range of {len(histories)} seeds",
    )


def _histories(run: Run, runs: pd.DataFrame, notes: list[str]) -> Sequence[dict[str, Any]]:
    """Read the histories there are; what cannot be read is noted."""
    histories = []
    for row in runs.to_dict("records"):
        try:
            outputs = run.outputs(row["key"])
        except InputError as error:
            notes.append(f"No learning curve of seed {row['seed']}: {error}.")
            continue
        history = {n.removeprefix("history/"): v for n, v in outputs.items() if n.startswith("history/")}
        if history:
            histories.append(history)
    return histories
