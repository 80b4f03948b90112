"""``run`` and ``plan``: the cells of a suite."""

from __future__ import annotations

import shlex
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.app import Output, app, out, print_table, say, say_written
from bench.cli.options import (
    Append,
    Clusters,
    DataRoot,
    Datasets,
    Device,
    Executor,
    Force,
    Header,
    Jobs,
    Label,
    Limit,
    Methods,
    Out,
    Preset,
    Retry,
    Search,
    Seeds,
    SelectionSeeds,
    Separator,
    Settings,
    SuiteName,
    Threads,
    default_jobs,
    finite,
    folder_of,
    refuse,
    refuse_missing_gpu,
    suite_of_options,
)

if TYPE_CHECKING:
    from bench.data.dataset import Dataset
    from bench.plan.suite import Suite


@app.command()
def run(
    suite: SuiteName = "quick",
    methods: Methods = None,
    datasets: Datasets = None,
    seeds: Seeds = None,
    set_: Settings = None,
    preset: Preset = None,
    search: Search = None,
    selection_seeds: SelectionSeeds = None,
    limit: Limit = None,
    clusters: Clusters = None,
    label: Label = None,
    header: Header = None,
    separator: Separator = None,
    data_root: DataRoot = None,
    out_folder: Out = None,
    force: Force = False,
    retry_failed: Retry = False,
    append: Append = False,
    executor: Annotated[Executor, typer.Option(help="What runs the cells.")] = Executor.LOCAL,
    jobs: Jobs = None,
    threads: Threads = None,
    device: Annotated[Device, typer.Option(help="Where networks are trained.")] = Device.AUTO,
    timeout: Annotated[
        float | None, typer.Option(min=0.001, max=1e8, callback=finite, help="Seconds a cell may take.")
    ] = None,
    max_retries: Annotated[int, typer.Option(min=0, max=1000, help="Tries more for a cell whose worker died.")] = 2,
    address: Annotated[
        str | None, typer.Option(help="Ray cluster to join, HOST:PORT or auto. Default: a private Ray.")
    ] = None,
    gpus_per_trial: Annotated[
        float | None,
        typer.Option(min=0, callback=finite, help="GPUs of a cell (Ray); 0.25 puts four on one. Default: 1 if any."),
    ] = None,
    cpus_per_trial: Annotated[
        float | None, typer.Option(min=0.01, callback=finite, help="CPUs of a cell (Ray). Default: 1.")
    ] = None,
    max_concurrent: Annotated[int | None, typer.Option(min=1, help="Cells at one time (Ray).")] = None,
) -> None:
    """Run a suite: what has a record is not run again. Exit code 3 if cells failed."""
    from bench.plan.plan import load_datasets
    from bench.records.store import Run
    from bench.report.formats.text import render_terminal
    from bench.run.execute import OnRay, OnThisMachine
    from bench.run.networks import default_memory
    from bench.run.resources import Settings as RunSettings
    from bench.run.resources import Shares
    from bench.run.session import carry_out

    plan_of = suite_of_options(
        suite,
        methods,
        datasets,
        seeds,
        set_,
        preset,
        search,
        selection_seeds,
        limit,
        clusters,
        label,
        header,
        separator,
    )
    target = Run(folder_of(out_folder, suite, plan_of))
    refuse_missing_gpu(device, address)
    how: OnRay | OnThisMachine
    if executor is Executor.RAY:
        refuse({"--jobs": jobs}, "--executor local; with Ray write --max-concurrent")
        shares = Shares(cpus=cpus_per_trial or 1.0, gpus=gpus_per_trial, max_concurrent=max_concurrent)
        how = OnRay(log=target.folder / "ray.log", address=address, shares=shares)
    else:
        for_ray = {"--address": address, "--gpus-per-trial": gpus_per_trial, "--cpus-per-trial": cpus_per_trial}
        refuse({**for_ray, "--max-concurrent": max_concurrent}, "--executor ray")
        from bench.run.processes import warm_up

        warm_up()
        jobs = jobs or default_jobs(device)
        how = OnThisMachine(jobs=jobs)
    settings = RunSettings(
        threads=threads,
        cpus=cpus_per_trial or 1.0,
        device=device.value,
        memory=str(default_memory()),
        timeout=timeout,
        max_retries=max_retries,
    )
    data = load_datasets(plan_of, data_root)
    plan_of, faults = _usable(plan_of, data)
    outcome = carry_out(
        plan_of,
        target,
        data,
        how,
        settings,
        command=shlex.join(["deepclustbench", *sys.argv[1:]]),
        console=Output(file=sys.stdout),  # this very stream: an executor may point sys.stdout elsewhere
        force=force,
        retry_failed=retry_failed,
        append=append,
    )
    if not outcome.complete:
        say("stopped; the finished cells are kept, the same command goes on from here")
        raise typer.Exit(130)
    if outcome.boards:
        render_terminal(outcome.boards, notes=outcome.results.notes, console=out)
        say_written(target.folder, "records/", "outputs/")
    _exit_with_failures(outcome.failures)
    if faults:
        raise typer.Exit(3)


@app.command()
def plan(
    suite: SuiteName = "quick",
    methods: Methods = None,
    datasets: Datasets = None,
    seeds: Seeds = None,
    set_: Settings = None,
    preset: Preset = None,
    search: Search = None,
    selection_seeds: SelectionSeeds = None,
    limit: Limit = None,
    clusters: Clusters = None,
    label: Label = None,
    header: Header = None,
    separator: Separator = None,
    data_root: DataRoot = None,
    out_folder: Out = None,
    force: Force = False,
    retry_failed: Retry = False,
    append: Append = False,
    jobs: Jobs = None,
) -> None:
    """Show the cells of a suite, what is done, what is left and an estimate. Runs nothing."""
    from bench.plan.plan import load_datasets, make_plan, make_selection_plan
    from bench.records.experiment import enter, experiment_of
    from bench.records.store import Run

    plan_of = suite_of_options(
        suite,
        methods,
        datasets,
        seeds,
        set_,
        preset,
        search,
        selection_seeds,
        limit,
        clusters,
        label,
        header,
        separator,
    )
    target = Run(folder_of(out_folder, suite, plan_of))
    data = load_datasets(plan_of, data_root)
    plan_of, _ = _usable(plan_of, data)
    enter(target, experiment_of(plan_of, data), append=append)
    again = {"force": force, "retry_failed": retry_failed}
    workers = jobs or default_jobs(Device.AUTO)
    first = make_selection_plan(plan_of, target, data, **again)
    if first.cells:
        say("To choose by, on part of the points:")
        _show_plan(first, len(plan_of.selection_seeds or []), target.folder, workers)
        say("\nTo report, with what has been chosen so far:")
    _show_plan(make_plan(plan_of, target, data, **again), len(plan_of.seeds), target.folder, workers)


def _show_plan(made: Any, n_seeds: int, folder: Path, jobs: int) -> None:
    from bench.run.session import changed

    left = {cell.key for cell in made.left}
    rows: dict[tuple[str, str], list[int]] = {}
    for cell in made.cells:
        counts = rows.setdefault((cell.dataset, cell.configuration.variant), [0, 0])
        counts[cell.key in left] += 1
    print_table(("data set", "configuration", "done", "left"), [(*names, *counts) for names, counts in rows.items()])
    for line in changed(made):
        say(line)
    sizes = f"{len(rows)} configurations on data sets, {n_seeds} seeds"
    say(f"{sizes}: {len(made.cells)} cells, {len(made.left)} left, in {folder}")
    seconds = made.seconds_left(jobs)
    unknown = "unknown until each configuration has a finished cell"
    say(f"estimated time left: {unknown if seconds is None else f'{seconds / 60:.1f} min'}")


def _usable(suite: Suite, data: Mapping[str, Dataset]) -> tuple[Suite, list[str]]:
    """Return the suite without what cannot be used, having said so."""
    from bench.plan.plan import usable

    left, faults = usable(suite, data)
    for fault in faults:
        warnings.warn(f"left out: {fault}", RuntimeWarning, stacklevel=2)
    return left, faults


def _exit_with_failures(failures: Sequence[Any]) -> None:
    from bench.text import last_line

    if not failures:
        return
    say(f"\n{len(failures)} cells gave no labels (--retry-failed runs them again):")
    rows = [(r.dataset, r.variant, r.seed, r.status, last_line(r.error), f"records/{r.key}.json") for r in failures]
    print_table(("data set", "configuration", "seed", "status", "reason", "record"), rows)
    raise typer.Exit(3)
