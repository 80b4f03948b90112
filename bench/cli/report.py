"""``report``: the report of stored runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.app import Output, app, out, say_written
from bench.cli.options import OUTPUT, DataRoot, Verbose
from bench.errors import InputError


class Reference(StrEnum):
    """Values with which a report compares its own."""

    PUBLISHED = "published"


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.", metavar="RUN...")],
    data_root: DataRoot = None,
    out_folder: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Folder of the report. Default: that of the runs; required with several folders.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    png: Annotated[bool, typer.Option("--png", help="Also write the figures as PNG.", rich_help_panel=OUTPUT)] = False,
    against: Annotated[
        Reference | None, typer.Option(help="Show these values beside the measured ones.", rich_help_panel=OUTPUT)
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Report stored runs, scored anew where metrics changed. Several folders give one report."""
    from contextlib import ExitStack

    from bench.execution.progress import drawing
    from bench.plan.plan import load_datasets
    from bench.records.results import collect, suite_of
    from bench.records.store import Run
    from bench.report.formats.terminal import print_report
    from bench.report.write import write_report

    if len(runs) > 1 and out_folder is None:
        raise InputError("several folders give one report: name its folder with --out FOLDER")
    sources = [Run(folder) for folder in {folder.resolve(): folder for folder in runs}.values()]
    for source in sources:
        suite_of(source)  # before anything is locked: a folder that is no run stays as it is
    target = Run(out_folder) if out_folder else sources[0]
    with ExitStack() as locks:
        for source in sources:
            locks.enter_context(source.lock())
        results = collect(sources, lambda suite: load_datasets(suite, data_root).values())
        with drawing(Output(stderr=True)) as drawn:
            report = write_report(results, target, png=png, against=against and against.value, drawn=drawn)
    if report is None:
        raise InputError(f"{', '.join(map(str, runs))}: no runs to report; run the suite first")
    print_report(report, out, verbose=verbose)
    say_written(target.folder)
