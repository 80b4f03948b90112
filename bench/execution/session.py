"""Executes the plan of a suite in a folder: first the runs to choose by, then the runs to report, then the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bench.errors import Stopped
from bench.execution.execute import OnRay, OnThisMachine, execute
from bench.execution.progress import Display, drawing
from bench.execution.resources import Settings
from bench.plan.cells import Cell
from bench.plan.plan import Plan
from bench.plan.registry import code_of, find_method
from bench.records.experiment import check_same_experiment, experiment_of, write_experiment
from bench.records.record import Record
from bench.records.results import CollectedRuns, collect
from bench.records.store import Run
from bench.report.write import write_report
from bench.selection.choices import boards_by_configuration, chosen_in, describe_choice
from bench.selection.decide import decide
from bench.text import counted

if TYPE_CHECKING:
    from bench.data.dataset import Dataset
    from bench.report.document import Report


@dataclass(frozen=True)
class Stage:
    """Planned runs, and which of them remain.

    Attributes
    ----------
    cells : list of Cell
        All of them.
    done : mapping of str to Record
        The stored records, by key.
    remaining : list of Cell
        What is to be run.
    """

    cells: list[Cell]
    done: Mapping[str, Record]
    remaining: list[Cell]

    @classmethod
    def of(cls, cells: list[Cell], run: Run, *, force: bool = False, retry_failed: bool = False) -> Stage:
        """Compare planned runs with the records of a folder.

        Parameters
        ----------
        cells : list of Cell
        run : Run
        force : bool
            Run all of them again.
        retry_failed : bool
            Run again those that failed, diverged or ran out of time.
        """
        keys = {cell.key for cell in cells}
        done = {record.key: record for record in run.records() if record.key in keys}
        remaining = [
            cell for cell in cells if force or cell.key not in done or (retry_failed and done[cell.key].status != "ok")
        ]
        return cls(cells, done, remaining)

    def changed_plugins(self) -> list[str]:
        """Return a note for each plugin whose file has changed since some of the finished runs."""
        remaining, counts = {cell.key for cell in self.remaining}, Counter[str]()
        for cell in self.cells:
            record = self.done.get(cell.key)
            if record is None or record.code is None or cell.key in remaining:
                continue
            if record.code != code_of(find_method(cell.configuration.source)):
                counts[record.method] += 1
        return [
            f"note: {method} has changed since {counted(n, 'run')} of it; raise the version in its MethodInfo, "
            "or use --force, to repeat them"
            for method, n in counts.items()
        ]

    def mean_seconds(self) -> dict[tuple[str, str], float]:
        """Return the mean seconds of a run, fit and score, by data set and ``config``."""
        times: dict[tuple[str, str], list[float]] = {}
        for record in self.done.values():
            if "fit" in record.timings:
                seconds = record.timings["fit"] + record.timings.get("score", 0.0)
                times.setdefault((record.dataset, record.config), []).append(seconds)
        return {place: sum(values) / len(values) for place, values in times.items()}

    def seconds_left(self, jobs: int) -> float | None:
        """Estimate the seconds left from finished runs; None where a configuration has none."""
        means = self.mean_seconds()
        places = [(cell.dataset, cell.configuration.config) for cell in self.remaining]
        if any(place not in means for place in places):
            return None
        return sum(means[place] for place in places) / jobs


@dataclass(frozen=True)
class SessionResult:
    """The outcome of a session.

    Attributes
    ----------
    complete : bool
        Whether every run was executed; not after a Ctrl-C.
    results : CollectedRuns
        Everything that the folder now holds.
    report : Report or None
        As it was written; None where there are no runs.
    failures : list of Record
        The planned runs that failed, diverged or ran out of time.
    """

    complete: bool
    results: CollectedRuns
    report: Report | None
    failures: list[Record]


def execute_plan(
    plan: Plan,
    target: Run,
    how: OnThisMachine | OnRay,
    settings: Settings,
    *,
    command: str,
    console: Console,
    progress: Console | None = None,
    verbose: bool = False,
    force: bool = False,
    retry_failed: bool = False,
    append: bool = False,
) -> SessionResult:
    """Execute the remaining runs of a plan, and write the report of the experiment that its folder holds.

    Parameters
    ----------
    plan : Plan
    target : Run
        The folder.
    how : OnThisMachine or OnRay
    settings : Settings
    command : str
        The user's command line; stored with the runs.
    console : Console
        Where it is printed what is run.
    progress : Console, optional
        Where the progress of the runs is shown. Default: ``console``.
    verbose : bool
        Print a line for each run on a terminal too.
    force, retry_failed : bool
        As for `Stage.of`.
    append : bool
        Accept a folder that holds another experiment; the report is then of this suite alone.

    Raises
    ------
    InputError
        If outliers do not fit the data, the folder holds another experiment or cannot be written, another process
        writes to it, or the machines cannot do what is asked.
    Stopped
        If a signal asks to end: no further run is started, and no report is written.
    """
    suite = plan.suite
    progress = progress or console

    def finish(stage: Stage, title: str, metric: str) -> bool:
        done = len(stage.cells) - len(stage.remaining)
        counts = f"{counted(len(stage.cells), 'run')}, {done} done, {len(stage.remaining)} to run"
        _say(console, f"{title}: {counts} {_where(how, settings)}, into {target.folder}")
        for line in stage.changed_plugins():
            _say(console, line)
        if not stage.remaining:
            return True
        with Display(progress, len(stage.remaining), metric, verbose=verbose) as display:
            return _execute(stage, target, plan.datasets, how, settings, display)

    again = {"force": force, "retry_failed": retry_failed}
    complete = True
    with target.lock():
        selection = Stage.of(plan.selection_cells(), target, **again)
        reporting, boards = stage_to_report(plan, target, **again)
        experiment = check_same_experiment(target, experiment_of(suite, plan.datasets), append=append)
        target.write_suite(suite)
        write_experiment(target, experiment)
        target.note_command(command)
        target.write_plan(reporting.cells, boards)
        try:
            if selection.cells:
                complete = finish(selection, f"{suite.name}, selection", "silhouette_pixels")
                if complete:
                    for choice in decide(target, plan):
                        _say(console, describe_choice(choice))
                    reporting, boards = stage_to_report(plan, target, **again)
                    target.write_plan(reporting.cells, boards)
            if complete:
                complete = finish(reporting, suite.name, suite.primary_metric)
        except KeyboardInterrupt:
            if Stopped.received is not None:
                raise
            complete = False
        for dataset in plan.datasets.values():
            target.write_dataset(dataset)
        results = collect([target], lambda _: plan.datasets.values())
        with drawing(progress) as drawn:
            report = write_report(results, target, drawn=drawn)
    keys = {cell.key for cell in (*selection.cells, *reporting.cells)}
    failures = [record for record in target.records() if record.key in keys and record.status != "ok"]
    return SessionResult(complete, results, report, failures)


def stage_to_report(
    plan: Plan, run: Run, *, force: bool = False, retry_failed: bool = False
) -> tuple[Stage, dict[tuple[str, str], list[str]]]:
    """Return the runs to report, with the choices that a folder holds, and the boards of each configuration.

    Raises
    ------
    InputError
        If outliers do not fit the data, or the stored choices cannot be read.
    """
    chosen = chosen_in(run, plan)
    configs = {e.place: {choices[e.place] for choices in chosen.values() if e.place in choices} for e in plan.entries}
    stage = Stage.of(plan.cells(configs), run, force=force, retry_failed=retry_failed)
    return stage, boards_by_configuration(plan, chosen)


def _execute(
    stage: Stage,
    target: Run,
    datasets: Mapping[str, Dataset],
    how: OnThisMachine | OnRay,
    settings: Settings,
    display: Display,
) -> bool:
    """Execute the remaining runs of a stage; return whether all were executed."""

    def finished(_cell: Any, record: Record, outputs: Any) -> None:
        target.write(record, outputs)
        display.finished(record)

    return execute(
        stage.remaining,
        how,
        settings,
        datasets,
        finished=finished,
        running=display.running,
        stopping=display.stopping,
        seconds=stage.mean_seconds(),
        planned=stage.cells,
    )


def _where(how: OnThisMachine | OnRay, settings: Settings) -> str:
    if isinstance(how, OnThisMachine):
        return f"with {counted(how.jobs, 'job')} of {counted(settings.threads or 1, 'thread')}"
    if how.address is None:
        return f"with Ray, {how.shares.cpus:g} CPUs per run"
    return f"on the Ray cluster {how.address}"


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
