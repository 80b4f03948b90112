"""``run`` and ``plan``: the runs of a suite."""

from __future__ import annotations

import shlex
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.app import Output, app, out, print_table, say, say_written
from bench.cli.options import (
    EXECUTION,
    Device,
    Executor,
    Jobs,
    SuiteOptions,
    Threads,
    Verbose,
    default_jobs,
    finite_number,
    refuse,
    refuse_missing_gpu,
    with_suite_options,
)
from bench.text import counted

if TYPE_CHECKING:
    from bench.execution.session import Stage
    from bench.plan.plan import Plan
    from bench.plan.suite import Suite
    from bench.records.record import Record


#: Failed runs that are named without --verbose.
_MOST_FAILURES = 3


@app.command()
@with_suite_options
def run(
    options: SuiteOptions,
    executor: Annotated[
        Executor, typer.Option(help="What executes the runs.", rich_help_panel=EXECUTION)
    ] = Executor.LOCAL,
    jobs: Jobs = None,
    threads: Threads = None,
    device: Annotated[
        Device, typer.Option(help="Where networks are trained.", rich_help_panel=EXECUTION)
    ] = Device.AUTO,
    timeout: Annotated[
        float | None,
        typer.Option(
            min=0.001, max=1e8, callback=finite_number, help="Seconds a run may take.", rich_help_panel=EXECUTION
        ),
    ] = None,
    max_retries: Annotated[
        int,
        typer.Option(
            min=0, max=1000, help="How often a run is tried again after its worker died.", rich_help_panel=EXECUTION
        ),
    ] = 2,
    address: Annotated[
        str | None,
        typer.Option(help="Ray cluster to join, HOST:PORT or auto. Default: a private Ray.", rich_help_panel=EXECUTION),
    ] = None,
    gpus_per_trial: Annotated[
        float | None,
        typer.Option(
            min=0,
            callback=finite_number,
            help="GPUs of a run (Ray); 0.25 puts four runs on one GPU. Default: 1 if there is a GPU.",
            rich_help_panel=EXECUTION,
        ),
    ] = None,
    cpus_per_trial: Annotated[
        float | None,
        typer.Option(
            min=0.01, callback=finite_number, help="CPUs of a run (Ray). Default: 1.", rich_help_panel=EXECUTION
        ),
    ] = None,
    max_concurrent: Annotated[
        int | None, typer.Option(min=1, help="Most runs at one time (Ray).", rich_help_panel=EXECUTION)
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Execute the runs of a suite, except those already recorded, and report. Exit code 3 if runs failed."""
    from bench.execution.execute import OnRay, OnThisMachine
    from bench.execution.networks import default_memory
    from bench.execution.resources import Settings, Shares
    from bench.execution.session import execute_plan
    from bench.records.store import Run
    from bench.report.formats.terminal import print_report

    suite = options.changed_suite()
    target = Run(options.folder(suite))
    refuse_missing_gpu(device, address)
    how: OnRay | OnThisMachine
    if executor is Executor.RAY:
        refuse({"--jobs": jobs}, "--executor local; with Ray write --max-concurrent")
        shares = Shares(cpus=cpus_per_trial or 1.0, gpus=gpus_per_trial, max_concurrent=max_concurrent)
        how = OnRay(log=target.folder / "ray.log", address=address, shares=shares)
    else:
        for_ray = {"--address": address, "--gpus-per-trial": gpus_per_trial, "--cpus-per-trial": cpus_per_trial}
        refuse({**for_ray, "--max-concurrent": max_concurrent}, "--executor ray")
        from bench.execution.processes import warm_up

        warm_up()
        jobs = jobs or default_jobs(device)
        how = OnThisMachine(jobs=jobs)
    settings = Settings(
        threads=threads,
        cpus=cpus_per_trial or 1.0,
        device=device.value,
        memory=str(default_memory()),
        timeout=timeout,
        max_retries=max_retries,
    )
    plan = _plan(suite, options)
    outcome = execute_plan(
        plan,
        target,
        how,
        settings,
        command=shlex.join(["deepclustbench", *sys.argv[1:]]),
        console=Output(file=sys.stdout),  # these very streams: an executor may point sys.stdout elsewhere
        progress=Output(file=sys.stderr),
        verbose=verbose,
        force=options.force,
        retry_failed=options.retry_failed,
        append=options.append,
    )
    if not outcome.complete:
        say("stopped; finished runs are kept, and the same command continues from here")
        raise typer.Exit(130)
    _say_failures(outcome.failures, verbose=verbose)
    if outcome.report is not None:
        print_report(outcome.report, out, verbose=verbose)
        say_written(target.folder)
    if outcome.failures or plan.left_out:
        raise typer.Exit(3)


@app.command()
@with_suite_options
def plan(options: SuiteOptions, jobs: Jobs = None) -> None:
    """Show the runs of a suite, which are done, the time left, and what differences can be shown. Executes nothing."""
    from bench.execution.session import Stage, stage_to_report
    from bench.metrics import find_metric
    from bench.records.experiment import check_same_experiment, experiment_of
    from bench.records.store import Run
    from bench.report.sensitivity import earlier_scores, smallest_differences

    suite = options.changed_suite()
    target = Run(options.folder(suite))
    planned = _plan(suite, options)
    check_same_experiment(target, experiment_of(planned.suite, planned.datasets), append=options.append)
    again = {"force": options.force, "retry_failed": options.retry_failed}
    workers = jobs or default_jobs(Device.AUTO)
    selection = Stage.of(planned.selection_cells(), target, **again)
    if selection.cells:
        say("Selection of hyper-parameters, on a part of the points:")
        _show_stage(selection, len(planned.suite.selection_seeds or []), target.folder, workers)
        say("\nRuns to report, with the choices made so far:")
    reporting, _ = stage_to_report(planned, target, **again)
    _show_stage(reporting, len(planned.suite.seeds), target.folder, workers)
    if line := _largest_pack(reporting, planned, workers):
        say(line)
    metric = find_metric(planned.suite.primary_metric)
    earlier = earlier_scores(target, metric.name)
    for sentence in smallest_differences(planned.cells(), len(planned.suite.seeds), metric, earlier):
        say(sentence)


def _largest_pack(stage: Stage, planned: Plan, jobs: int) -> str | None:
    """Return a sentence about the packs left and the one that takes most memory; None where no method tells it."""
    from bench.execution.resources import available_memory
    from bench.plan.cells import shown_variant
    from bench.plan.packs import divide, memory_of_pack, seeds_that_fit

    packs = divide(stage.cells, stage.remaining, jobs, seeds_that_fit(planned.datasets, available_memory() / jobs))
    sizes = [(memory_of_pack(pack[0], planned.datasets[pack[0].spec], len(pack)) or 0.0, pack) for pack in packs]
    most, pack = max(sizes, key=lambda found: found[0], default=(0.0, ()))
    if not most:
        return None
    name = f"{counted(len(pack), 'seed')} of {shown_variant(pack[0].configuration.variant)} on {pack[0].dataset}"
    return (
        f"seeds train together in {counted(len(packs), 'pack')}; the largest, {name}, takes about {most / 1e9:.2g} GB"
    )


def _show_stage(stage: Stage, n_seeds: int, folder: Path, jobs: int) -> None:
    from bench.plan.cells import shown_variant

    remaining = {cell.key for cell in stage.remaining}
    rows: dict[tuple[str, str], list[int]] = {}
    for cell in stage.cells:
        counts = rows.setdefault((cell.dataset, cell.configuration.variant), [0, 0])
        counts[cell.key in remaining] += 1
    print_table(
        ("data set", "configuration", "done", "left"),
        [(dataset, shown_variant(variant), *counts) for (dataset, variant), counts in rows.items()],
    )
    for line in stage.changed_plugins():
        say(line)
    sizes = f"{counted(len(rows), 'configuration')}, {counted(n_seeds, 'seed')}"
    say(f"{sizes}: {counted(len(stage.cells), 'run')}, {len(stage.remaining)} left, in {folder}")
    seconds = stage.seconds_left(jobs)
    unknown = "unknown until each configuration has a finished run"
    say(f"estimated time left: {unknown if seconds is None else f'{seconds / 60:.1f} min'}")


def _plan(suite: Suite, options: SuiteOptions) -> Plan:
    """Load the data and return the plan; warn of methods that cannot be used."""
    from bench.plan.plan import load_datasets, make_plan

    plan = make_plan(suite, load_datasets(suite, options.data_root))
    for fault in plan.left_out:
        warnings.warn(f"left out: {fault}", RuntimeWarning, stacklevel=2)
    return plan


def _say_failures(failures: Sequence[Record], *, verbose: bool) -> None:
    """Print which runs failed and why: all, or the first few."""
    from bench.plan.cells import shown_variant
    from bench.text import clean_name, last_line

    if not failures:
        return
    say(f"\n{counted(len(failures), 'run')} failed; retry with --retry-failed:")
    shown = failures if verbose else failures[:_MOST_FAILURES]
    for r in shown:
        where = clean_name(f"{r.dataset} {shown_variant(r.variant)}")
        say(f"  {where} seed {r.seed}: {r.status}: {last_line(r.error)} (records/{r.key}.json)")
    if len(shown) < len(failures):
        say(f"... and {len(failures) - len(shown)} more: --verbose prints all")
