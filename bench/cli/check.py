"""The command ``check``, which compares a run with a baseline or writes one."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.app import app, say
from bench.errors import InputError
from bench.text import counted

if TYPE_CHECKING:
    from bench.gate import Comparison
    from bench.records.store import Run


@app.command()
def check(
    run: Annotated[Path, typer.Argument(help="Folder of the runs.", metavar="RUN")],
    baseline: Annotated[Path, typer.Option(help="The scores to compare with.", metavar="FILE")],
    update: Annotated[bool, typer.Option("--update", help="Write FILE from this run instead.")] = False,
    metrics: Annotated[
        str | None, typer.Option(help="Metrics to compare, or with --update to store: acc,nmi,wall_time")
    ] = None,
    methods: Annotated[str | None, typer.Option(help="Methods to compare, named as in FILE: dec,sdec")] = None,
    tolerance: Annotated[
        list[str] | None, typer.Option(help="Tolerated drop, METRIC=DROP; a share for time and memory; repeatable.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML to FILE.", metavar="FILE")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the comparison as JSON to FILE.", metavar="FILE")
    ] = None,
) -> None:
    """Compare a run with a baseline. Exit code 1 if it is worse, 2 if something cannot be compared."""
    from bench.execution.provenance import commit
    from bench.gate import compare, load_baseline
    from bench.plan.cells import stored_variant
    from bench.records.experiment import reported_records
    from bench.records.results import suite_of
    from bench.records.store import Run

    source = Run(run)
    suite_of(source)  # refuses a folder that is no run
    chosen, variants = _names("--metrics", metrics, "acc,nmi"), _names("--methods", methods, "dec,sdec")
    tolerances = dict(_tolerance(text) for text in tolerance or ())
    if update:
        for name, value in {"--methods": variants, "--junit": junit, "--json": json_file}.items():
            if value is not None:
                raise InputError(f"{name} does not go with --update: a baseline always holds all methods")
        _update(source, baseline, chosen, tolerances)
        return
    comparison = compare(
        reported_records(source),
        load_baseline(baseline),
        metrics=chosen,
        methods=None if variants is None else [stored_variant(name) for name in variants],
        tolerances=tolerances,
        planned=source.planned_keys(),
        commit=commit(),
    )
    _print(comparison)
    written = [_write(path, content, mode) for path, content, mode in _files(comparison, junit, json_file)]
    raise typer.Exit(comparison.exit_code or (0 if all(written) else 2))


def _update(source: Run, path: Path, metrics: Sequence[str] | None, tolerances: dict[str, float]) -> None:
    from bench.gate.from_run import update_baseline
    from bench.gate.text import render_update

    update = update_baseline(source, path, metrics=metrics, tolerances=tolerances)
    if update.old is not None:
        _say_names(render_update(update))
    variants = sum(1 for _ in update.new.scores())
    say(f"written: {path} of {counted(variants, 'configuration')}, comparing {', '.join(update.new.metric_names())}")


def _print(comparison: Comparison) -> None:
    """Print the table; on GitHub also the annotations."""
    from bench.gate.ci import workflow_commands
    from bench.gate.text import render_text

    _say_names(render_text(comparison))
    for line in workflow_commands(comparison) if _on_github() else ():
        say(line)


def _say_names(text: str) -> None:
    """Print text with names from plugins; on GitHub so that no line is executed as a workflow command."""
    from bench.gate.ci import without_commands

    say(without_commands(text, token=secrets.token_hex(16)) if _on_github() else text)


def _on_github() -> bool:
    return os.environ.get("GITHUB_ACTIONS") == "true"


def _files(comparison: Comparison, junit: Path | None, json_file: Path | None) -> Iterator[tuple[Path, str, str]]:
    """Yield path, content and mode of the files to write."""
    from bench.gate.ci import junit_xml, step_summary

    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if junit:
        yield junit, junit_xml(comparison), "w"
    if json_file:
        yield json_file, json.dumps(comparison.as_json(), indent=1, allow_nan=False) + "\n", "w"
    if summary and _on_github():
        yield Path(summary), step_summary(comparison), "a"


def _names(option: str, text: str | None, example: str) -> list[str] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise InputError(f"{option} {text!r}: a name is empty; write names such as {example}, or leave {option} out")
    return names


def _tolerance(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise InputError(f"--tolerance {text}: write METRIC=DROP with a drop of 0 or more, such as acc=0.02")
    return name, number


def _write(path: Path, content: str, mode: str) -> bool:
    """Write a file and return whether that succeeded; an error must not hide the outcome of the comparison."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        print(f"error: {path}: cannot be written ({error.strerror})", file=sys.stderr)
        return False
    return True
