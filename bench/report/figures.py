"""The figures of results: what they show is taken from the frame of runs and from stored raw outputs."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bench.canonical import canonical
from bench.errors import InputError
from bench.metrics import Metric
from bench.records.results import Results
from bench.report import plots
from bench.report.boards import BoardFrame
from bench.report.document import Figure, Pictures
from bench.report.median_run import OneRun, figures_of_run
from bench.report.numbers import format_score
from bench.report.plots.export import figure_name
from bench.report.plots.style import Look, look_of
from bench.report.runs_frame import (
    finished,
    first_cells,
    has_flag,
    labels_of,
    median_run,
    metric_values,
    twin_pairs,
    variants_of,
)
from bench.report.tables import DatasetTables
from bench.text import clean_name

MOST_CURVES = 8
# Two points make no curve: a method and its twin, which differ in one parameter, are compared elsewhere.
FEWEST_VALUES = 3
NOT_ASKED = frozenset({"random_state"})
"""Parameters by which the seeds of one variant differ."""


def parameter_figures(
    cells: pd.DataFrame,
    params: Mapping[str, Mapping[str, Any]],
    metric: Metric,
    looks: Mapping[str, Look],
    board: str,
) -> list[Figure]:
    """Return a curve for each parameter over which variants of one method differ in nothing else.

    Parameters
    ----------
    cells : DataFrame
        The cells of one data set, as `bench.report.runs_frame` describes.
    params : mapping of str to mapping
        Parameters of each configuration, by its ``config``.
    metric : Metric
    looks : mapping of str to Look
    board : str
        Name of the board, which names of figures bear.

    Returns
    -------
    list of Figure
        The longest grids first, at most `MOST_CURVES`.
    """
    firsts = first_cells(cells)
    by_method: dict[str, dict[str, Mapping[str, Any]]] = {}
    for method, variant, config in zip(firsts["method"], firsts["variant"], firsts["config"], strict=True):
        if config in params:
            by_method.setdefault(method, {})[variant] = params[config]
    lines = [line for members in by_method.values() for line in grid_lines(members)]
    longest = sorted(lines, key=lambda line: -len(line[1]))[:MOST_CURVES]
    if not longest:
        return []
    runs = _scored(cells, metric)
    means, twins, labels = runs.groupby("variant")["score"].mean(), dict(twin_pairs(cells)[0]), labels_of(cells)
    dataset = str(firsts["dataset"].iloc[0])
    figures = []
    for parameter, values in longest:
        first = next(iter(values))
        method = re.sub(rf" {re.escape(parameter)}=\S+", "", labels[first])
        on_line = runs.loc[runs["variant"].isin(list(values))]
        figures.append(
            plots.parameter_curve(
                on_line.assign(value=on_line["variant"].map(values).astype(np.float64)),
                parameter,
                metric,
                look_of(looks, first),
                twin={value: means[twins[v]] for v, value in values.items() if twins.get(v) in means.index},
                name=figure_name("parameter", board, dataset, parameter, first),
                title=f"{metric.title} of {clean_name(method)} over {clean_name(parameter)} on {clean_name(dataset)}",
            )
        )
    return [figure for figure in figures if figure is not None]


def _scored(cells: pd.DataFrame, metric: Metric) -> pd.DataFrame:
    """Return ``variant``, ``score`` and ``collapsed`` of each finished run that has a score."""
    runs = finished(cells)
    scores = metric_values(runs, metric.name)
    scored = np.isfinite(scores)
    runs = runs.loc[scored]
    return pd.DataFrame({"variant": runs["variant"], "score": scores[scored], "collapsed": has_flag(runs, "collapsed")})


def grid_lines(params: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, dict[str, float]]]:
    """Find the variants of a method that differ in one numeric parameter alone.

    Parameters
    ----------
    params : mapping of str to mapping
        Parameters of each variant.

    Returns
    -------
    list of (str, dict of str to float)
        A parameter, and its value in each variant; at least `FEWEST_VALUES` of them differ.
    """
    lines = []
    for parameter in dict.fromkeys(name for values in params.values() for name in values):
        if parameter in NOT_ASKED or len({canonical({"": p.get(parameter)}) for p in params.values()}) < 2:
            continue
        groups: dict[str, dict[str, float]] = {}
        for variant, values in params.items():
            value = values.get(parameter)
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                rest = canonical({k: v for k, v in values.items() if k != parameter and k not in NOT_ASKED})
                groups.setdefault(rest, {})[variant] = float(value)
        lines += [(parameter, group) for group in groups.values() if len(set(group.values())) >= FEWEST_VALUES]
    return lines


PER_DATASET, IN_ALL = 12, 40
#: More variants than this are a cloud to the eye; grids have curves of their own.
MOST_DRAWN = 16


def section_figures(
    tables: DatasetTables, board: str, params: Mapping[str, Mapping[str, Any]], looks: Mapping[str, Look]
) -> list[Figure | None]:
    """Return the figures of one data set: every seed's score, quality against time, and curves over grids.

    Parameters
    ----------
    tables : DatasetTables
    board : str
        Name of the board, which names of figures bear.
    params : mapping of str to mapping
        Parameters of each configuration, by its ``config``.
    looks : mapping of str to Look
        Of every variant on all data sets, so that colours agree.
    """
    metric, dataset = tables.metric, tables.dataset
    what = f"{metric.title} on {dataset}"
    one_machine = len(tables.hardware) == 1
    best = list(tables.quality["variant"][:MOST_DRAWN])
    which = "every variant" if len(best) == len(tables.quality) else f"the best {len(best)} of {len(tables.quality)}"
    return [
        plots.scores_by_seed(
            tables.cells.loc[tables.cells["variant"].isin(best)],
            metric,
            looks,
            name=figure_name("scores", board, dataset),
            title=f"{what}: every seed of {which}",
        ),
        # Speed on unlike machines is no speed of methods.
        plots.quality_against_time(
            tables.quality[:MOST_DRAWN],
            metric,
            looks,
            name=figure_name("time", board, dataset),
            title=f"{what} against the time of a run, {which}",
        )
        if one_machine
        else None,
        *parameter_figures(tables.cells, params, metric, looks, board),
    ]


def pictures_of(
    results: Results, board: BoardFrame, *, per_dataset: int = PER_DATASET, in_all: int = IN_ALL
) -> tuple[Pictures, ...]:
    """Return the pictures of each variant on each data set, of its median run by the board's metric.

    Parameters
    ----------
    results : Results
        Where the raw outputs are.
    board : BoardFrame
    per_dataset, in_all : int
        Variants shown of each data set, the first ones by mean score, and of all data sets in equal shares.

    Returns
    -------
    tuple of Pictures
        By data set, then in order of appearance, called by the variant's label. A method without an embedding, say,
        has no figure of one. Where outputs cannot be read, or variants are left out, a note says so.
    """
    looks = plots.looks_of(board.frame)
    pictures: list[Pictures] = []
    for tables in board.datasets:
        dataset, labels = tables.dataset, tables.labels
        variants, twins = variants_of(finished(tables.cells)), dict(twin_pairs(tables.cells)[0])
        most = min(per_dataset, max(1, in_all // len(board.datasets)), in_all - len(pictures))
        for i, variant in enumerate(_best(variants, board.metric, most)):
            notes = []
            if i == 0 and most < len(variants):
                notes.append(f"Pictures of {dataset} show the best {most} of {len(variants)} variants by mean.")
            twin = twins.get(variant)
            figures = _figures(
                results,
                variants[variant],
                variants.get(twin, tables.cells.iloc[:0]) if twin else tables.cells.iloc[:0],
                board.metric,
                (looks[variant], looks[twin] if twin else Look()),
                (labels[variant], labels[twin] if twin else ""),
                (dataset, variant),
                notes,
            )
            there = tuple(figure for figure in figures if figure is not None)
            pictures.append(Pictures(dataset, labels[variant], " ".join(notes), there))
    return tuple(pictures)


def _best(variants: Mapping[str, pd.DataFrame], metric: Metric, most: int) -> list[str]:
    """Return at most ``most`` variants, those with the best means, in order of appearance."""
    sign = 1 if metric.greater_is_better else -1
    goods = {}
    for name, runs in variants.items():
        values = metric_values(runs, metric.name)
        values = values[np.isfinite(values)]
        goods[name] = sign * values.mean() if len(values) else -np.inf
    best = set(sorted(goods, key=lambda name: -goods[name])[: max(most, 0)])
    return [name for name in goods if name in best]


def _figures(
    results: Results,
    runs: pd.DataFrame,
    twin_runs: pd.DataFrame,
    metric: Metric,
    looks: tuple[Look, Look],
    labels: tuple[str, str],
    names: tuple[str, str],
    notes: list[str],
) -> list[Figure | None]:
    """Draw a variant's median run, and the learning curves of all its runs; its twin's beside them. Add notes.

    Looks and labels are of the variant and its twin.
    """
    median = median_run(runs, metric)
    notes.append(_which(median, runs, metric))
    title = f"{labels[0]} on {names[0]}"
    try:
        run = _one_run(results, median, looks[0], labels[0], names, title)
    except InputError as error:
        notes.append(f"No pictures: {error}.")
        return []
    twin = None
    for _, cell in twin_runs.loc[twin_runs["seed"] == median["seed"]].iterrows():
        with contextlib.suppress(InputError):  # it is missed in the learning curves, where a note says so
            twin = _one_run(results, cell, looks[1], labels[1], names, title)
    columns = [name for name in run.outputs if name.startswith("history/")]
    histories, twin_histories = (_histories(results, rows, columns, notes) for rows in (runs, twin_runs))
    curves = plots.learning_curves(
        histories,
        labels[0],
        looks[0],
        twin_runs=twin_histories,
        twin=labels[1],
        name=figure_name("curves", *names),
        title=f"Learning curves: {title}, mean and range of {len(histories)} runs",
    )
    return [*figures_of_run(run, twin, notes), curves]


def _which(middle: pd.Series, runs: pd.DataFrame, metric: Metric) -> str:
    score = float(metric_values(middle.to_frame().T, metric.name)[0])
    if not np.isfinite(score):
        return f"Seed {middle['seed']}, the first of {len(runs)} finished runs; none has a {metric.title}."
    collapsed = ", collapsed" if "collapsed" in list(middle["flags"]) else ""
    return (
        f"Seed {middle['seed']}, the median run of {len(runs)} by {metric.title} "
        f"({format_score(score, metric)}{collapsed}); learning curves are of all."
    )


def _one_run(results: Results, cell: pd.Series, look: Look, label: str, names: tuple[str, str], title: str) -> OneRun:
    """Read the outputs of a cell.

    Raises
    ------
    InputError
        If they cannot be read.
    """
    run, fingerprint = results.runs[cell["run"]], str(cell["fingerprint"])
    return OneRun(
        run.outputs(str(cell["key"])),
        run.dataset(fingerprint),
        fingerprint,
        int(cell["seed"]),
        label,
        look,
        cell["kind"] == "stochastic",
        names,
        title,
    )


def _histories(
    results: Results, runs: pd.DataFrame, columns: Collection[str], notes: list[str]
) -> list[dict[str, np.ndarray]]:
    """Read the named columns of the histories; runs that cannot be read are counted in a note."""
    histories, unreadable = [], 0
    for number, key in zip(runs["run"], runs["key"], strict=True) if columns else ():
        try:
            outputs = results.runs[number].outputs(str(key), columns)
        except InputError:
            unreadable += 1
            continue
        history = {name.removeprefix("history/"): values for name, values in outputs.items()}
        if len({values.shape for values in history.values()}) == 1 and next(iter(history.values())).ndim == 1:
            histories.append(history)
    if unreadable:
        notes.append(f"The outputs of {unreadable} runs cannot be read; the learning curves lack them.")
    return histories
