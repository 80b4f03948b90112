"""A suite carried out in a folder: what is left of it is run, and its report is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bench.errors import Stopped
from bench.plan.plan import Plan, choose, make_plan, make_selection_plan
from bench.plan.suite import Suite
from bench.records.experiment import enter, experiment_of
from bench.records.experiment import write as write_experiment
from bench.records.results import Results, collect
from bench.records.store import Record, Run
from bench.report.write import write_report
from bench.run.execute import OnRay, OnThisMachine, execute
from bench.run.progress import Display
from bench.run.resources import Settings

if TYPE_CHECKING:
    from bench.data.dataset import Dataset
    from bench.report.boards import BoardFrame


@dataclass(frozen=True)
class Outcome:
    """What came of a suite.

    Attributes
    ----------
    complete : bool
        Whether all of it was run; not after a Ctrl-C.
    results : Results
        All that the folder now holds.
    boards : sequence of BoardFrame
        Its leaderboards, as they were written.
    failures : list of Record
        The suite's cells that gave no labels.
    """

    complete: bool
    results: Results
    boards: Sequence[BoardFrame]
    failures: list[Record]


def carry_out(
    suite: Suite,
    target: Run,
    data: Mapping[str, Dataset],
    how: OnThisMachine | OnRay,
    settings: Settings,
    *,
    command: str,
    console: Console,
    force: bool = False,
    retry_failed: bool = False,
    append: bool = False,
) -> Outcome:
    """Run what is left of a suite, and write the report of the experiment that its folder holds.

    Parameters
    ----------
    suite : Suite
    target : Run
        Where it is kept.
    data : mapping of str to Dataset
        As `bench.plan.plan.load_datasets` gives them.
    how : OnThisMachine or OnRay
    settings : Settings
    command : str
        What the user typed; kept with the run.
    console : Console
        Where progress is shown.
    force, retry_failed : bool
        As for `bench.plan.plan.make_plan`.
    append : bool
        Take a folder that holds another experiment; the report is then of this suite alone.

    Raises
    ------
    InputError
        If a method, preset or parameter does not exist, the folder holds another experiment or cannot be written,
        another process writes to it, or the machines cannot do what is asked.
    Stopped
        If a signal asks to end: nothing more is begun, and no report is written.
    """

    def run(made: Plan, what: str, metric: str) -> bool:
        done = len(made.cells) - len(made.left)
        counts = f"{len(made.cells)} cells, {done} done, {len(made.left)} to run"
        _say(console, f"{what}: {counts} {_where(how, settings)}, into {target.folder}")
        for line in changed(made):
            _say(console, line)
        return not made.left or _run(made, target, data, how, settings, console, metric)

    again = {"force": force, "retry_failed": retry_failed}
    complete = True
    with target.lock():
        first, plan = make_selection_plan(suite, target, data, **again), make_plan(suite, target, data, **again)
        experiment = enter(target, experiment_of(suite, data), append=append)
        target.write_suite(suite)
        write_experiment(target, experiment)
        target.note_command(command)
        target.write_plan(plan.cells, plan.boards)
        try:
            if first.cells:
                complete = run(first, f"{suite.name}, to choose by", "silhouette_pixels")
                if complete:
                    for line in choose(suite, target, data):
                        _say(console, line)
                    plan = make_plan(suite, target, data, **again)
                    target.write_plan(plan.cells, plan.boards)
            if complete:
                complete = run(plan, suite.name, suite.primary_metric)
        except KeyboardInterrupt:
            if Stopped.received is not None:
                raise
            complete = False
        for dataset in data.values():
            target.write_dataset(dataset)
        results = collect([target], lambda _: data.values())
        boards = write_report(results, target)
    keys = {cell.key for cell in (*first.cells, *plan.cells)}
    failures = [record for record in target.records() if record.key in keys and record.status != "ok"]
    return Outcome(complete, results, boards, failures)


def changed(made: Plan) -> list[str]:
    """Return what a user must know who has changed a plugin's file, one line a method."""
    return [
        f"note: {method} has changed since {n} of its cells were run; raise the version in its MethodInfo, "
        "or take --force, to run them again"
        for method, n in made.outdated().items()
    ]


def _run(
    made: Plan,
    target: Run,
    data: Mapping[str, Dataset],
    how: OnThisMachine | OnRay,
    settings: Settings,
    console: Console,
    metric: str,
) -> bool:
    """Run what is left of a plan; return whether all of it was."""
    with Display(console, len(made.left), metric) as display:

        def finished(_cell: Any, record: Record, outputs: Any) -> None:
            target.write(record, outputs)
            display.finished(record)

        return execute(
            made.left,
            how,
            settings,
            data,
            finished=finished,
            running=display.running,
            stopping=display.stopping,
            seconds=made.seconds(),
        )


def _where(how: OnThisMachine | OnRay, settings: Settings) -> str:
    if isinstance(how, OnThisMachine):
        return f"with {how.jobs} jobs of {settings.threads or 1} threads"
    if how.address is None:
        return f"with Ray, {how.shares.cpus:g} CPUs a cell"
    return f"on the Ray cluster {how.address}"


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
