"""``new-method``: a start for an author."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.app import app, say


@app.command(name="new-method")
def new_method(
    name: Annotated[str, typer.Argument(help="What to call it: lower-case words joined by _.")],
    package: Annotated[
        bool, typer.Option("--package", help="A project to install and publish, with its test, instead of a file.")
    ] = False,
    out_folder: Annotated[Path, typer.Option("--out", help="Folder to write into.")] = Path(),
) -> None:
    """Write a small method that runs at once, to start from."""
    from bench.registry import methods
    from bench.scaffold import names_of, start_file, start_package

    start = (start_package if package else start_file)(names_of(name, methods()), out_folder)
    for path in start.written:
        say(f"written: {path}")
    say("\nnext:")
    if out_folder != Path():
        say(f"  cd {shlex.quote(str(out_folder))}")
    for command in start.commands:
        say(f"  {command}")
