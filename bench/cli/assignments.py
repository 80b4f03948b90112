"""``assignments``: which item is in which cluster."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.app import app, say
from bench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_FORMATS = (".csv", ".parquet")


@app.command()
def assignments(
    run: Annotated[Path, typer.Argument(help="Folder of the runs.", metavar="RUN")],
    method: Annotated[
        str | None,
        typer.Option("--method", "-m", help="A method, variant or title, or its beginning. Default: all.", metavar="M"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", "-s", help="A seed. Default: the median run by the primary metric.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", "-d", help="A data set of the runs. Default: all.", metavar="D")
    ] = None,
    out_file: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="File of the table, .csv or .parquet. Default: standard output.", metavar="FILE"
        ),
    ] = None,
    copy_to: Annotated[
        Path | None,
        typer.Option(help="New folder that images are copied into, METHOD/cluster_K/.", metavar="FOLDER"),
    ] = None,
) -> None:
    """Write which item (file or row) is in which cluster, how confidently, and its class; or sort images by cluster."""
    from bench.metrics import find_metric
    from bench.records.results import frame_of, suite_of
    from bench.records.store import Run
    from bench.report.assignments import as_csv, assignment_tables, choose_runs
    from bench.report.sorted_images import copy_images

    if out_file is not None and out_file.suffix.lower() not in _FORMATS:
        raise InputError(f"--out {out_file}: its name must end with {' or '.join(_FORMATS)}")
    source = Run(run)
    metric = find_metric(suite_of(source).primary_metric)
    chosen, left_out = choose_runs(
        frame_of(source.records()), [source], metric, method=method, seed=seed, dataset=dataset
    )
    tables, unreadable = assignment_tables(chosen)
    if not tables:
        raise InputError("; ".join(unreadable))
    frames = [table for _, table in tables]
    if copy_to is not None:
        n = copy_images([one for one, _ in tables], copy_to)
        say(f"copied: {n} images into {copy_to}")
    if out_file is not None:
        _write(frames, out_file)
        say(f"written: {out_file}")
    for line in (*(str(one) for one, _ in tables), *(f"left out: {reason}" for reason in (*left_out, *unreadable))):
        typer.echo(line, err=True)
    if copy_to is None and out_file is None:
        _print(as_csv(frames))


def _write(frames: list[pd.DataFrame], path: Path) -> None:
    """Write tables into one file, whole or not at all."""
    from bench.report.assignments import as_csv, as_parquet

    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".parquet":
            as_parquet(frames, partial)
        else:
            with partial.open("w", encoding="utf-8", newline="") as file:
                file.writelines(as_csv(frames))
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise InputError(f"--out {path}: cannot be written ({error.strerror}); give another file") from error


def _print(chunks: Iterable[str]) -> None:
    """Print text as it is into a file or pipe; on a terminal, which obeys control characters, without them."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        for text in chunks:
            if sys.stdout.isatty():
                text = "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)
            sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
