"""The command ``deepclustbench``: reads arguments, calls, prints."""

from __future__ import annotations

import shlex
import sys
import tomllib
import warnings
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.errors import InputError

app = typer.Typer(
    name="deepclustbench",
    help="Does making a deep clustering method stochastic help? Run methods, compare them with paired tests.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
out = Console()
_WRITTEN = "leaderboard.md .csv .tex, findings.csv, scores.parquet, figures/"


class Executor(StrEnum):
    """What runs the cells."""

    LOCAL = "local"
    RAY = "ray"


class Device(StrEnum):
    """Where the networks are trained."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


SuiteName = Annotated[str, typer.Argument(help="A built-in suite or a .toml file.")]
Methods = Annotated[str | None, typer.Option(help="Methods instead of the suite's: dec,sdec@stable,pkg.mod:Class")]
Datasets = Annotated[str | None, typer.Option(help="Data sets instead of the suite's: names, cards, files, folders.")]
Seeds = Annotated[str | None, typer.Option(help="10 (the seeds 0 to 9), 0-9 or 0,3,7")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="METHOD.PARAMETER=VALUE[,VALUE...]; repeatable.")]
Preset = Annotated[str | None, typer.Option(help="Preset instead of the suite's.")]
Limit = Annotated[int | None, typer.Option(help="Keep this many points of every data set.")]
Clusters = Annotated[int | None, typer.Option(help="Clusters to ask for, instead of the number of classes.")]
DataRoot = Annotated[
    Path | None,
    typer.Option(help="Folder of data sets. Default: $DEEPCLUSTBENCH_DATA, else the user's cache."),
]
Out = Annotated[Path | None, typer.Option("--out", help="Folder of the run. Default: results/runs/SUITE")]
Force = Annotated[bool, typer.Option("--force", help="Run every cell again.")]
Retry = Annotated[bool, typer.Option("--retry-failed", help="Run the failed cells again.")]
Search = Annotated[
    int | None, typer.Option(min=1, help="Draw this many configurations of every method that has a search space.")
]
SelectionSeeds = Annotated[
    str | None, typer.Option(help="Seeds to choose hyper-parameters on, apart from --seeds: 100-104.")
]
Jobs = Annotated[int | None, typer.Option(min=1, help="Processes (local). Default: one a core, on a GPU one.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads of a cell; results depend on it. Default: 1, with Ray its CPUs.")
]


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
    data_root: DataRoot = None,
    out_folder: Out = None,
    force: Force = False,
    retry_failed: Retry = False,
    executor: Annotated[Executor, typer.Option(help="What runs the cells.")] = Executor.LOCAL,
    jobs: Jobs = None,
    threads: Threads = None,
    device: Annotated[Device, typer.Option(help="Where networks are trained.")] = Device.AUTO,
    timeout: Annotated[float | None, typer.Option(min=0.001, help="Seconds a cell may take.")] = None,
    max_retries: Annotated[int, typer.Option(min=0, help="Tries more for a cell whose worker died.")] = 2,
    address: Annotated[
        str | None, typer.Option(help="Ray cluster to join, HOST:PORT or auto. Default: a private Ray.")
    ] = None,
    gpus_per_trial: Annotated[
        float | None, typer.Option(min=0, help="GPUs of a cell (Ray); 0.25 puts four on one. Default: 1 if any.")
    ] = None,
    cpus_per_trial: Annotated[float | None, typer.Option(min=0.01, help="CPUs of a cell (Ray). Default: 1.")] = None,
    max_concurrent: Annotated[int | None, typer.Option(min=1, help="Cells at one time (Ray).")] = None,
) -> None:
    """Run a suite: what has a record is not run again. Exit code 3 if cells failed."""
    from bench.benchmark import Plan, choose, load_datasets, make_plan, make_selection_plan
    from bench.leaderboard.render import render_terminal
    from bench.progress import Display
    from bench.report import write_report
    from bench.results import collect
    from bench.runner.execute import OnRay, OnThisMachine, execute
    from bench.runner.networks import default_memory
    from bench.runner.settings import Settings as RunSettings
    from bench.runner.shares import Shares
    from bench.store import Run

    plan_of = _suite(suite, methods, datasets, seeds, set_, preset, search, selection_seeds, limit, clusters)
    target = Run(out_folder or Path("results/runs") / plan_of.name)
    how: OnRay | OnThisMachine
    if executor is Executor.RAY:
        _refuse({"--jobs": jobs}, "--executor local; with Ray write --max-concurrent")
        shares = Shares(cpus=cpus_per_trial or 1.0, gpus=gpus_per_trial, max_concurrent=max_concurrent)
        how = OnRay(log=target.folder / "ray.log", address=address, shares=shares)
        where = f"with Ray, {shares.cpus:g} CPUs a cell" if address is None else f"on the Ray cluster {address}"
    else:
        for_ray = {"--address": address, "--gpus-per-trial": gpus_per_trial, "--cpus-per-trial": cpus_per_trial}
        _refuse({**for_ray, "--max-concurrent": max_concurrent}, "--executor ray")
        from bench.runner.local import warm_up

        warm_up()
        jobs = jobs or _default_jobs(device)
        how = OnThisMachine(jobs=jobs, data_root=data_root, limit=plan_of.limit, clusters=plan_of.clusters)
        where = f"with {jobs} jobs of {threads or 1} threads"
    settings = RunSettings(
        threads=threads,
        cpus=cpus_per_trial or 1.0,
        device=device.value,
        memory=str(default_memory()),
        timeout=timeout,
        max_retries=max_retries,
    )
    data = load_datasets(plan_of, data_root)

    def carry_out(made: Plan, what: str, metric: str) -> bool:
        """Run what is left of a plan; return whether all of it was."""
        done = len(made.cells) - len(made.left)
        _say(f"{what}: {len(made.cells)} cells, {done} done, {len(made.left)} to run {where}, into {target.folder}")
        if not made.left:
            return True
        screen = Console(file=sys.stdout)  # this very stream: an executor may point sys.stdout elsewhere
        with Display(screen, len(made.left), metric) as display:

            def finished(_cell: Any, record: Any, outputs: Any) -> None:
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

    again = {"force": force, "retry_failed": retry_failed}
    everything = True
    with target.lock():
        first, plan = make_selection_plan(plan_of, target, data, **again), make_plan(plan_of, target, data, **again)
        target.write_suite(plan_of)
        target.note_command(shlex.join(["deepclustbench", *sys.argv[1:]]))
        target.write_plan(plan.cells, plan.boards)
        try:
            if first.cells:
                everything = carry_out(first, f"{plan_of.name}, to choose by", "silhouette_pixels")
                if everything:
                    for line in choose(plan_of, target, data):
                        _say(line)
                    plan = make_plan(plan_of, target, data, **again)
                    target.write_plan(plan.cells, plan.boards)
            if everything:
                everything = carry_out(plan, plan_of.name, plan_of.primary_metric)
        except KeyboardInterrupt:
            everything = False
        for dataset in data.values():
            target.write_dataset(dataset)
        results = collect([target], lambda _: data.values())
        boards = write_report(results, target)
    if not everything:
        _say("stopped; the finished cells are kept, the same command goes on from here")
        raise typer.Exit(130)
    if boards:
        render_terminal(boards, notes=results.notes, console=out)
        _say(f"\nwritten: {target.folder}/report.html, {_WRITTEN}, records/, outputs/")
    keys = {cell.key for cell in (*first.cells, *plan.cells)}
    _exit_with_failures([r for r in target.records() if r.key in keys and r.status != "ok"])


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
    data_root: DataRoot = None,
    out_folder: Out = None,
    force: Force = False,
    retry_failed: Retry = False,
    jobs: Jobs = None,
) -> None:
    """Show the cells of a suite, what is done, what is left and an estimate. Runs nothing."""
    from bench.benchmark import load_datasets, make_plan, make_selection_plan
    from bench.store import Run

    plan_of = _suite(suite, methods, datasets, seeds, set_, preset, search, selection_seeds, limit, clusters)
    target = Run(out_folder or Path("results/runs") / plan_of.name)
    data = load_datasets(plan_of, data_root)
    again = {"force": force, "retry_failed": retry_failed}
    workers = jobs or _default_jobs(Device.AUTO)
    first = make_selection_plan(plan_of, target, data, **again)
    if first.cells:
        _say("To choose by, on part of the points:")
        _show_plan(first, len(plan_of.selection_seeds or []), target.folder, workers)
        _say("\nTo report, with what has been chosen so far:")
    _show_plan(make_plan(plan_of, target, data, **again), len(plan_of.seeds), target.folder, workers)


def _show_plan(made: Any, n_seeds: int, folder: Path, jobs: int) -> None:
    left = {cell.key for cell in made.left}
    rows: dict[tuple[str, str], list[int]] = {}
    for cell in made.cells:
        counts = rows.setdefault((cell.dataset, cell.configuration.variant), [0, 0])
        counts[cell.key in left] += 1
    _print_table(("data set", "configuration", "done", "left"), [(*names, *counts) for names, counts in rows.items()])
    sizes = f"{len(rows)} configurations on data sets, {n_seeds} seeds"
    _say(f"{sizes}: {len(made.cells)} cells, {len(made.left)} left, in {folder}")
    seconds = made.seconds_left(jobs)
    unknown = "unknown until each configuration has a finished cell"
    _say(f"estimated time left: {unknown if seconds is None else f'{seconds / 60:.1f} min'}")


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.", metavar="RUN...")],
    data_root: DataRoot = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Folder of the report. Default: the run's own; several runs need one.")
    ] = None,
) -> None:
    """Score runs again where metrics changed, and rebuild their leaderboards; several runs become one report."""
    from contextlib import ExitStack

    from bench.benchmark import load_datasets
    from bench.leaderboard.render import render_terminal
    from bench.report import write_report
    from bench.results import collect, suite_of
    from bench.store import Run

    if len(runs) > 1 and out_folder is None:
        raise InputError("several runs make one report: say with --out DIR where it is to be written")
    sources = [Run(folder) for folder in {folder.resolve(): folder for folder in runs}.values()]
    for source in sources:
        suite_of(source)  # before anything is locked: a folder that is no run stays as it is
    target = Run(out_folder) if out_folder else sources[0]
    with ExitStack() as locks:
        for source in sources:
            locks.enter_context(source.lock())
        results = collect(sources, lambda suite: load_datasets(suite, data_root).values())
        boards = write_report(results, target)
    if not boards:
        raise InputError(f"{', '.join(map(str, runs))}: no cells to report; run the suite first")
    render_terminal(boards, notes=results.notes, console=out)
    _say(f"\nwritten: {target.folder}/report.html, {_WRITTEN}")


@app.command(name="methods")
def list_methods() -> None:
    """List the methods."""
    from bench.registry import methods

    _print_table(
        ("name", "title", "kind", "presets", "reference"),
        [
            (m.name, m.title, m.kind, ", ".join(p for p in m.presets if "@" not in p), m.reference)
            for m in methods().values()
        ],
    )


@app.command(name="datasets")
def list_datasets(
    download: Annotated[str | None, typer.Option(help="Fetch this data set first.", metavar="NAME")] = None,
    data_root: DataRoot = None,
) -> None:
    """List the data sets, or fetch one."""
    from bench.cards import card_rows, default_data_root, download_dataset

    if download:
        _say(f"{download}: now in {download_dataset(download, data_root)}")
    columns = ("name", "title", "n", "shape", "classes", "licence", "present")
    rows = [
        (*(row[c] for c in columns[:3]), "x".join(map(str, row["shape"] or ())), row["classes"], row["licence"],
         "yes" if row["present"] else "no")
        for row in card_rows(data_root)
    ]  # fmt: skip
    _print_table(columns, rows)
    _say(f"data root: {data_root or default_data_root()}; --download NAME fetches one into it")


@app.command(name="suites")
def list_suites() -> None:
    """List the built-in suites."""
    from bench.suite import load_suite, suite_names

    suites = [load_suite(name) for name in suite_names()]
    rows = [
        (s.name, s.title, ", ".join(s.datasets), ", ".join(s.methods), len(s.seeds), s.primary_metric) for s in suites
    ]
    _print_table(("name", "title", "data sets", "methods", "seeds", "decides by"), rows)


@app.command()
def info() -> None:
    """Show versions, hardware and folders."""
    import torch

    from bench.cards import default_data_root
    from bench.runner.networks import default_memory
    from bench.runner.provenance import commit, hardware, versions

    rows = [*versions().items(), ("commit", commit()), *hardware("auto").items()]
    rows += [("CUDA devices", torch.cuda.device_count())]
    rows += [("data sets", default_data_root()), ("pretrained networks", default_memory())]
    for name, value in rows:
        _say(f"{name}: {value}")


def _suite(
    name: str,
    methods: str | None,
    datasets: str | None,
    seeds: str | None,
    settings: Sequence[str] | None,
    preset: str | None,
    search: int | None,
    selection_seeds: str | None,
    limit: int | None,
    clusters: int | None,
) -> Any:
    """Return the suite with what the command line changes of it."""
    from bench.suite import load_suite

    changes: dict[str, Any] = {"preset": preset, "search": search, "seeds": seeds}
    changes |= {"selection_seeds": selection_seeds, "limit": limit, "clusters": clusters}
    changes |= {"methods": methods and methods.split(","), "datasets": datasets and datasets.split(",")}
    changes = {key: value for key, value in changes.items() if value is not None}
    return load_suite(name, dict(_setting(text) for text in settings or ()), **changes)


def _setting(text: str) -> tuple[tuple[str, str], list[Any]]:
    """Return ((method, parameter), values) of METHOD.PARAMETER=VALUE[,VALUE...]; values are TOML or words."""
    name, equals, values = text.partition("=")
    method, dot, parameter = name.rpartition(".")
    if not (equals and dot and method and parameter and values):
        raise InputError(f"--set {text}: write METHOD.PARAMETER=VALUE, such as sdec.beta=0.001,0.01")
    try:
        return (method, parameter), tomllib.loads(f"v = [{values}]")["v"]
    except tomllib.TOMLDecodeError:
        return (method, parameter), values.split(",")


def _refuse(options: dict[str, Any], where: str) -> None:
    """Refuse options that the other executor has, instead of leaving them unheard."""
    for name, value in options.items():
        if value is not None:
            raise InputError(f"{name} belongs to {where}")


def _default_jobs(device: Device) -> int:
    """One process a core: a core a cell is the best use of a CPU. A GPU is given to one cell at a time."""
    if device is not Device.CPU:
        import torch

        if torch.cuda.is_available():
            return 1
    from bench.runner.execute import cores

    return cores()


def _exit_with_failures(failures: Sequence[Any]) -> None:
    from bench.progress import last_line

    if not failures:
        return
    _say(f"\n{len(failures)} cells gave no labels (--retry-failed runs them again):")
    rows = [(r.dataset, r.variant, r.seed, r.status, last_line(r.error), f"records/{r.key}.json") for r in failures]
    _print_table(("data set", "configuration", "seed", "status", "reason", "record"), rows)
    raise typer.Exit(3)


def _print_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    table = Table(*header, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    out.print(table)


def _say(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command line; bad input is one line on standard error and exit code 2."""
    warnings.showwarning = lambda message, *_, **__: print(f"warning: {message}", file=sys.stderr)
    try:
        app()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
