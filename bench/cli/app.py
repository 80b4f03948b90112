"""The Typer application, and helpers that print to standard output."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.text import clean_name

#: Name of the command.
PROGRAM = "deepclustbench"

app = typer.Typer(
    name=PROGRAM,
    help="Does making a deep clustering method stochastic help? Run methods, compare them with paired tests.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        say(f"deepclustbench {version('deepclustbench')}")
    except PackageNotFoundError:
        say("deepclustbench, not installed")
    raise typer.Exit


@app.callback()
def _options_of_all(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


class Output(Console):
    """A console that raises BrokenPipeError when its reader closes the pipe; rich would exit the process."""

    def on_broken_pipe(self) -> None:
        """Raise the error that rich caught."""
        raise BrokenPipeError(errno.EPIPE, "the reader of the output has gone")


out = Output()


def say_written(folder: Path) -> None:
    """Print where a report is."""
    say(f"\n{folder}/report.html and, beside it, .md .csv .tex")


def print_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table."""
    table = Table(*header, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text("" if value is None else clean_name(str(value))) for value in row))
    out.print(table)


def say(text: str) -> None:
    """Print text without wrapping, markup or highlighting."""
    out.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)
