"""``archive``: a run in a few small files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.app import app, say


@app.command()
def archive(
    run: Annotated[Path, typer.Argument(help="Folder of the runs.", metavar="RUN")],
    out_folder: Annotated[
        Path, typer.Option("--out", "-o", help="Folder to publish; a new one, or an older archive of these runs.")
    ],
) -> None:
    """Write the records and labels of runs into one zip file a data set, to publish them or to go on elsewhere.

    What is written is a folder of runs like any other: report it, or continue it with run --out.
    """
    from contextlib import ExitStack

    from bench.records.results import suite_of
    from bench.records.store import Run

    source, target = Run(run), Run(out_folder)
    suite_of(source)  # before anything is locked: a folder that is no run stays as it is
    with ExitStack() as locks:
        for folder in {source.folder.resolve(): source, target.folder.resolve(): target}.values():
            locks.enter_context(folder.lock())
        written = source.archive(target)
    for path in written:
        say(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
