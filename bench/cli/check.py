"""``check``: a run against a baseline."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.app import app, say
from bench.errors import InputError

if TYPE_CHECKING:
    from bench.regression import Comparison
    from bench.store import Run


@app.command()
def check(
    run: Annotated[Path, typer.Argument(help="Folder of a run.", metavar="RUN")],
    baseline: Annotated[Path, typer.Option(help="The scores to compare with.", metavar="FILE")],
    update: Annotated[bool, typer.Option("--update", help="Write FILE from this run instead.")] = False,
    metrics: Annotated[str | None, typer.Option(help="Metrics instead of all, or the usual: acc,nmi,wall_time")] = None,
    methods: Annotated[str | None, typer.Option(help="Compare these alone, named as in FILE: dec,sdec")] = None,
    tolerance: Annotated[
        list[str] | None, typer.Option(help="METRIC=DROP tolerated, of time and memory a share; repeatable.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML.", metavar="FILE")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write everything as JSON.", metavar="FILE")] = None,
) -> None:
    """Compare a run with a baseline. Exit code 1 if it is worse, 2 if something cannot be compared."""
    from bench.regression import compare, load_baseline
    from bench.regression.junit import junit_xml
    from bench.results import suite_of
    from bench.store import Run

    source = Run(run)
    suite_of(source)  # what is no run is refused as such
    chosen, only = metrics and metrics.split(","), methods and methods.split(",")
    tolerated = dict(_tolerance(text) for text in tolerance or ())
    if update:
        for name, value in {"--methods": only, "--junit": junit, "--json": json_file}.items():
            if value is not None:
                raise InputError(f"{name} does not go with --update: a baseline is written whole, from all methods")
        _update(source, baseline, chosen, tolerated)
        return
    comparison = compare(source.records(), load_baseline(baseline), metrics=chosen, methods=only, tolerances=tolerated)
    if junit:
        _write(junit, junit_xml(comparison))
    if json_file:
        _write(json_file, json.dumps(comparison.as_json(), indent=1, allow_nan=False) + "\n")
    _print(comparison)
    raise typer.Exit(comparison.exit_code)


def _update(source: Run, path: Path, metrics: Sequence[str] | None, tolerances: dict[str, float]) -> None:
    from bench.regression.render import columns
    from bench.regression.update import changes, update_baseline

    new, old, kept = update_baseline(source, path, metrics=metrics, tolerances=tolerances)
    if old is not None:
        changed = list(changes(old, new))
        say(
            columns([("data set", "method", "metric", "old", "new", "tolerance"), *changed]) if changed else "no change"
        )
        say(f"tolerances set by hand, which stay: {kept}")
    variants = sum(map(len, new.methods.values()))
    say(f"written: {path} with {variants} variants, to compare {', '.join(new.metric_names())}")


def _print(comparison: Comparison) -> None:
    """Print the table; on GitHub so that nothing in it is taken for a command, and what it finds beside the code."""
    from bench.regression.github import step_summary, without_commands, workflow_commands
    from bench.regression.render import render_text

    text = render_text(comparison)
    if os.environ.get("GITHUB_ACTIONS") != "true":
        say(text)
        return
    say(without_commands(text, token=secrets.token_hex(16)))
    for line in workflow_commands(comparison):
        say(line)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        _write(Path(summary), step_summary(comparison), mode="a")


def _tolerance(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise InputError(f"--tolerance {text}: write METRIC=DROP with a drop of 0 or more, such as acc=0.02")
    return name, number


def _write(path: Path, content: str, mode: str = "w") -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
