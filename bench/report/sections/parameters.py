"""The hyper-parameters of each configuration, and scores along the grids over them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.canonical import canonical
from bench.report.board import DatasetRuns
from bench.report.document import Column, Sentence, Table
from bench.report.runs_frame import (
    finished_runs,
    has_flag,
    metric_values,
    one_run_per_variant,
    shared_title,
    twin_pairs,
)
from bench.report.section import Section
from bench.report.values import Absent, Name, Value
from bench.text import and_list, clean_name

if TYPE_CHECKING:
    from bench.report.plots.figure import Figure

#: More variants than this do not stand side by side.
_MOST_COLUMNS = 8
_MOST_CURVES = 8
_MOST_NAMED = 3
# Two points make no curve: a method and its counterpart, which differ in one parameter, are compared elsewhere.
_FEWEST_VALUES = 3
#: Parameters by which the seeds of one variant differ.
_OF_SEEDS = frozenset({"random_state"})


class ParametersSection(Section):
    """What each method was run with."""

    name = "parameters"
    title = "Hyper-parameters"
    place = 37
    plots = ("parameter",)
    every_board = True

    def rows(self, runs: DatasetRuns) -> pd.DataFrame:
        """Return one row a variant and parameter; ``value`` is a number where the parameter is one."""
        firsts = one_run_per_variant(runs.frame).set_index("variant")
        rows = []
        for variant in runs.by_score:
            method, config = firsts.loc[variant, ["method", "config"]]
            for name, value in sorted(runs.results.params.get(str(config), {}).items()):
                if name not in _OF_SEEDS:
                    row = {"variant": variant, "title": runs.titles[variant], "method": method}
                    rows.append(row | {"parameter": clean_name(name), "value": "None" if value is None else value})
        return pd.DataFrame(rows)

    def table(self, rows: pd.DataFrame) -> Table:
        if rows["variant"].nunique() <= _MOST_COLUMNS:
            return _side_by_side(rows)
        written = [
            (Name(title), Name(", ".join(f"{name}={_text(value)}" for name, value in values.items()) or "no others"))
            for title, values in _grouped(rows)
        ]
        columns = (Column("configuration", words=True), Column("hyper-parameters", words=True))
        return Table("Hyper-parameters of each configuration", columns, tuple(written))

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        by_method = rows.groupby("method", sort=False)
        several = [
            Sentence(f"{_configurations(own)} differ in {and_list(names)}.")
            for _, own in by_method
            if (names := _differing(own))
        ]
        n = len(by_method)
        return several or [Sentence(f"One configuration of {f'each of {n} methods' if n > 1 else 'one method'}.")]

    def figures(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[Figure | None]:
        """Return a curve for each parameter over which variants of one method differ in nothing else."""
        lines = [line for _, own in rows.groupby("method", sort=False) for line in grid_lines(_by_variant(own))]
        if not lines:
            return []
        from bench.report import plots
        from bench.report.plots.export import figure_name
        from bench.report.plots.style import look_of

        scores, twins = _scores(runs), dict(twin_pairs(runs.frame)[0])
        means = scores.groupby("variant")["score"].mean()
        figures = []
        for parameter, values in sorted(lines, key=lambda line: -len(line[1]))[:_MOST_CURVES]:
            first = next(iter(values))
            method = re.sub(rf" {re.escape(parameter)}=\S+", "", runs.titles[first])
            on_line = scores.loc[scores["variant"].isin(list(values))]
            figures.append(
                plots.parameter_curve(
                    on_line.assign(value=on_line["variant"].map(values).astype(np.float64)),
                    parameter,
                    runs.metric,
                    look_of(runs.looks, first),
                    twin={value: means[twins[v]] for v, value in values.items() if twins.get(v) in means.index},
                    name=figure_name("parameter", runs.board.name, runs.dataset, parameter, first),
                    title=f"{runs.metric.title} of {method} over {parameter} on {runs.dataset}",
                )
            )
        return figures


def grid_lines(params: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, dict[str, float]]]:
    """Find the variants of a method that differ in one numeric parameter alone.

    Parameters
    ----------
    params : mapping of str to mapping
        Parameters of each variant.

    Returns
    -------
    list of (str, dict of str to float)
        A parameter, and its value in each variant; at least `_FEWEST_VALUES` of them differ.
    """
    lines = []
    for parameter in dict.fromkeys(name for values in params.values() for name in values):
        if len({canonical({"": p.get(parameter)}) for p in params.values()}) < 2:
            continue
        groups: dict[str, dict[str, float]] = {}
        for variant, values in params.items():
            value = values.get(parameter)
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                rest = canonical({name: of for name, of in values.items() if name != parameter})
                groups.setdefault(rest, {})[variant] = float(value)
        lines += [(parameter, group) for group in groups.values() if len(set(group.values())) >= _FEWEST_VALUES]
    return lines


def _by_variant(rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the parameters of each variant."""
    by_variant: dict[str, dict[str, Any]] = {}
    for variant, name, value in zip(rows["variant"], rows["parameter"], rows["value"], strict=True):
        by_variant.setdefault(variant, {})[name] = value
    return by_variant


def _differing(rows: pd.DataFrame) -> list[str]:
    """Return the parameters that not all variants have with the same value."""
    by_variant = _by_variant(rows).values()
    names = dict.fromkeys(rows["parameter"])
    return [
        name for name in names if len({_text(values[name]) if name in values else None for values in by_variant}) > 1
    ]


def _configurations(rows: pd.DataFrame) -> str:
    """Name the configurations of a method; of many their number."""
    titles = list(rows["title"].unique())
    if len(titles) <= _MOST_NAMED:
        return and_list(titles)
    return f"{len(titles)} configurations of {shared_title(titles, rows['method'].iloc[0])}"


def _side_by_side(rows: pd.DataFrame) -> Table:
    titles = dict(zip(rows["variant"], rows["title"], strict=True))
    by_variant = _by_variant(rows)
    columns = (Column("hyper-parameter", words=True), *(Column(title, words=True) for title in titles.values()))
    written: list[tuple[Value, ...]] = [
        (
            Name(name),
            *(Name(_text(by_variant[v][name])) if name in by_variant[v] else Absent() for v in titles),
        )
        for name in sorted(rows["parameter"].unique())
    ]
    return Table("Hyper-parameters of each method", columns, tuple(written))


def _grouped(rows: pd.DataFrame) -> list[tuple[str, dict[str, Any]]]:
    """Return the parameters that the configurations of a method share once, and of each those that differ."""
    grouped = []
    for method, own in rows.groupby("method", sort=False):
        titles, by_variant = dict(zip(own["variant"], own["title"], strict=True)), _by_variant(own)
        shared = set() if len(titles) == 1 else set(own["parameter"]) - set(_differing(own))
        if shared:
            first = next(iter(by_variant.values()))
            of_all = shared_title(list(titles.values()), str(method))
            grouped.append((f"{of_all}, all configurations", {name: first[name] for name in first if name in shared}))
        for variant, title in titles.items():
            grouped.append((title, {name: of for name, of in by_variant[variant].items() if name not in shared}))
    return grouped


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    return clean_name(str(value))


def _scores(runs: DatasetRuns) -> pd.DataFrame:
    """Return ``variant``, ``score`` and ``collapsed`` of each finished run that has a score."""
    ended = finished_runs(runs.frame)
    scores = metric_values(ended, runs.metric.name)
    table = pd.DataFrame(
        {"variant": ended["variant"], "score": scores, "collapsed": has_flag(ended, "collapsed")}, index=ended.index
    )
    return table.loc[np.isfinite(scores)]


section = ParametersSection()
