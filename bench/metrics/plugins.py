"""Finds the metrics that installed packages bring by the entry-point group ``deepclustbench.metrics``."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from bench.errors import InputError, plugin_faults
from bench.isolation import process_state_restored
from bench.metrics.metric import Metric
from bench.text import clean_name, import_fault

METRIC_ENTRY_POINTS = "deepclustbench.metrics"


@cache
def installed_metrics(built_in: Collection[str]) -> tuple[tuple[Metric, ...], tuple[str, ...]]:
    """Import what the entry points name, once a process.

    A value ``pkg.mod:member`` names a `Metric`, or a list of them. Processes that compute metrics find them alike.

    Parameters
    ----------
    built_in : collection of str
        Names that no package can give to a metric; hashable.

    Returns
    -------
    metrics : tuple of Metric
        In the order of the entry points' names.
    faults : tuple of str
        One line for each entry point, or metric of a list, that cannot be used.
    """
    metrics: dict[str, Metric] = {}
    sources: dict[str, str] = dict.fromkeys(built_in, "a built-in metric")
    faults = []
    for entry in sorted(entry_points(group=METRIC_ENTRY_POINTS), key=lambda e: (e.name, e.value)):
        source = clean_name(f"{entry.name} = {entry.value}")
        try:
            with process_state_restored():
                declared = _declared(entry)
        except InputError as error:
            faults.append(f"{source}: {error}")
            continue
        for metric in declared:
            if metric.name in sources:
                faults.append(f"{source}: it is named {metric.name!r}, as {sources[metric.name]} is; "
                              "give it another name")  # fmt: skip
            else:
                metrics[metric.name], sources[metric.name] = metric, f"that of {source}"
    return tuple(metrics.values()), tuple(faults)


def _declared(entry: EntryPoint) -> list[Metric]:
    """Return the metrics that an entry point names, their functions imported."""
    with plugin_faults(lambda _: "it names no member of a module; write pkg.mod:metric", InputError):
        module, member = entry.module, entry.attr
    with plugin_faults(import_fault, InputError):
        value: Any = getattr(importlib.import_module(module), member, None) if member else None
    if not member:
        raise InputError("it names no member of a module; write pkg.mod:metric")
    if value is None:
        raise InputError(f"it has no {member}; write metric = Metric(...)")
    declared = list(value) if isinstance(value, (list, tuple)) else [value]
    for metric in declared:
        if not isinstance(metric, Metric):
            raise InputError(f"its {member} is of type {type(metric).__name__}; write metric = Metric(...)")
        metric.load()
    return declared
