"""From a suite to the cells that are left to run. The command line calls these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.data.cards import load_dataset, parameter_for
from bench.errors import InputError, MethodError
from bench.plan.candidates import contests_of, reporting_cells, selection_cells
from bench.plan.cells import Cell
from bench.plan.configurations import configurations_of
from bench.plan.method_spec import split_entry
from bench.plan.outliers import ANY_CLUSTERS, specs_of
from bench.plan.registry import code_of, find_method, finder
from bench.plan.suite import Suite, plan_cells
from bench.records.store import Record, Run
from bench.selection.choices import boards_of, chosen_in
from bench.text import one_line

if TYPE_CHECKING:
    from bench.data.dataset import Dataset


@dataclass(frozen=True)
class Plan:
    """The cells of a suite, and what a run's folder already holds of them.

    Attributes
    ----------
    cells : list of Cell
        All of them.
    done : dict of str to Record
        The records there are, by key.
    left : list of Cell
        What remains to be run.
    boards : mapping of (str, str) to list of str
        The boards that a configuration is to stand on, by fingerprint of the data and id; empty where nothing is
        chosen: then all that was asked for is on the fixed one.
    """

    cells: list[Cell]
    done: dict[str, Record]
    left: list[Cell]
    boards: Mapping[tuple[str, str], list[str]] = field(default_factory=dict)

    def outdated(self) -> dict[str, int]:
        """Return how many of the cells that are done came from a plugin's file that has changed since, by method."""
        found: dict[str, int] = {}
        left = {cell.key for cell in self.left}
        for cell in self.cells:
            record = self.done.get(cell.key)
            if record is None or record.code is None or cell.key in left:
                continue
            if record.code != code_of(find_method(cell.configuration.source)):
                found[record.method] = found.get(record.method, 0) + 1
        return found

    def seconds(self) -> dict[tuple[str, str], float]:
        """Return the mean seconds of a cell, fit and score, by data set and configuration."""
        seen: dict[tuple[str, str], list[float]] = {}
        for record in self.done.values():
            if "fit" in record.timings:
                took = record.timings["fit"] + record.timings.get("score", 0.0)
                seen.setdefault((record.dataset, record.config), []).append(took)
        return {place: sum(times) / len(times) for place, times in seen.items()}

    def seconds_left(self, jobs: int) -> float | None:
        """Estimate the time left from the cells that are done; None where a configuration has none."""
        known = self.seconds()
        places = [(cell.dataset, cell.configuration.id) for cell in self.left]
        if any(place not in known for place in places):
            return None
        return sum(known[place] for place in places) / jobs


def load_datasets(suite: Suite, data_root: str | Path | None) -> dict[str, Dataset]:
    """Load every data set of a suite, by the suite's name for it, and those that its outliers come from.

    Raises
    ------
    InputError
        If one is missing, damaged or has fewer points than clusters, or two have one name; before anything runs.
    """
    asked = dict.fromkeys(suite.datasets, suite.clusters)
    clusters = {**dict.fromkeys(specs_of(suite), ANY_CLUSTERS), **asked}
    read_as: dict[str, dict[str, Any]] = {spec: {} for spec in clusters}
    for option in ("label", "header", "separator"):
        value = getattr(suite, option)
        taking = [spec for spec in clusters if value is not None and parameter_for(option, spec)]
        if value is not None and not taking:
            raise InputError(
                f"--{option} {value}: it says how a file is read that is named by its path, and none of these is "
                f"such a file: {', '.join(clusters)}"
            )
        for spec in taking:
            read_as[spec][option] = value
    loaded = {
        spec: load_dataset(spec, data_root=data_root, limit=suite.limit, n_clusters=k, **read_as[spec])
        for spec, k in clusters.items()
    }
    _refuse_equal_names({spec: loaded[spec] for spec in suite.datasets})
    return loaded


def _refuse_equal_names(loaded: Mapping[str, Dataset]) -> None:
    first: dict[str, str] = {}
    for spec, dataset in loaded.items():
        other = first.setdefault(dataset.name, spec)
        if loaded[other].fingerprint != dataset.fingerprint:
            raise InputError(
                f"--datasets {spec}: other data than {other}, and tables would call both {dataset.name!r}; give one a "
                "card with a name of its own"
            )


def usable(suite: Suite, datasets: Mapping[str, Dataset]) -> tuple[Suite, list[str]]:
    """Leave out the methods of a suite that cannot be used.

    Parameters
    ----------
    suite : Suite
    datasets : mapping of str to Dataset
        As `load_datasets` gives them.

    Returns
    -------
    suite : Suite
        With the methods that are left, and what it says of them.
    faults : list of str
        What is wrong with each of the others.

    Raises
    ------
    InputError
        If there is no such method, preset or parameter, or no method is left.
    """
    entries, names, faults = list(suite.methods), set[str](), list[str]()
    while True:  # a method may be the twin of another, which is left out with it
        find, kept = finder(entries), []
        for entry in entries:
            try:
                for spec in suite.datasets:
                    configurations_of(suite, entry, datasets[spec], find)
            except MethodError as error:
                faults.append(str(error))
            except InputError:
                raise
            except Exception as error:  # what a plugin declares may go wrong in any way
                faults.append(f"method {entry}: {type(error).__name__}: {one_line(error)}")
            else:
                kept.append(entry)
        if kept == entries:
            break
        entries = kept
    for entry in entries:
        names |= {entry, split_entry(entry)[0], find(split_entry(entry)[0]).name}
    if not entries:
        raise InputError(f"no method can be used: {'; '.join(faults)}")
    tables: dict[str, Any] = {}
    for table in ("set", "grid"):
        asked: dict[str, Any] = getattr(suite, table)
        tables[table] = {name: values for name, values in asked.items() if name in names}
        unknown = sorted(asked.keys() - names)
        if unknown and not faults:
            known = ", ".join(sorted(names))
            raise InputError(f"{suite.said(unknown)}: the suite has no such method; its methods are {known}")
    return suite.model_copy(update={"methods": entries, **tables}), faults


def make_plan(
    suite: Suite,
    run: Run,
    datasets: Mapping[str, Dataset],
    *,
    force: bool = False,
    retry_failed: bool = False,
) -> Plan:
    """Return what a suite asks for and what is left of it.

    Of a suite that chooses hyper-parameters these are the cells it reports: the fixed configurations, and the
    choices as far as the run has made them. :func:`make_selection_plan` has those that it chooses by.

    Parameters
    ----------
    force : bool
        Run every cell again.
    retry_failed : bool
        Run again the cells that failed, diverged or ran out of time.

    Raises
    ------
    InputError
        If a method, preset or parameter does not exist, or there is nothing to choose between.
    """
    find = finder(suite.methods)
    if suite.selection_seeds is None:
        return _left_of(plan_cells(suite, datasets, find), run, force, retry_failed)
    contests = contests_of(suite, datasets, find)
    chosen = chosen_in(run, contests, suite.selection_seeds)
    ids = {c.place: {choices[c.place] for choices in chosen.values() if c.place in choices} for c in contests}
    made = _left_of(reporting_cells(suite, datasets, contests, ids), run, force, retry_failed)
    return replace(made, boards=boards_of(contests, chosen))


def make_selection_plan(
    suite: Suite,
    run: Run,
    datasets: Mapping[str, Dataset],
    *,
    force: bool = False,
    retry_failed: bool = False,
) -> Plan:
    """Return the cells that a suite chooses hyper-parameters by, none if it chooses nothing; as `make_plan`."""
    cells = selection_cells(suite, datasets, contests_of(suite, datasets, finder(suite.methods)))
    return _left_of(cells, run, force, retry_failed)


def choose(suite: Suite, run: Run, datasets: Mapping[str, Dataset]) -> list[str]:
    """Choose among the configurations of a suite whose selection cells have been run, and write the choices down.

    Returns
    -------
    list of str
        Each choice in a line.
    """
    from bench.selection.choices import sentence
    from bench.selection.decide import decide

    contests = contests_of(suite, datasets, finder(suite.methods))
    choices = decide(run, contests, datasets, suite.selection_seeds or [], suite.primary_metric)
    return [sentence(choice) for choice in choices]


def _left_of(cells: list[Cell], run: Run, force: bool, retry_failed: bool) -> Plan:
    keys = {cell.key for cell in cells}
    done = {record.key: record for record in run.records() if record.key in keys}
    left = [cell for cell in cells if force or cell.key not in done or (retry_failed and done[cell.key].status != "ok")]
    return Plan(cells, done, left)
