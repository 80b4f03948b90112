"""The commands ``new-method`` and ``check-method`` for authors of methods."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli import completion
from bench.cli.app import app, out, print_table, say
from bench.cli.options import values_of
from bench.errors import InputError
from bench.text import clean_name


@app.command(name="new-method")
def new_method(
    name: Annotated[str, typer.Argument(help="Name of the method: lower-case words joined by _.")],
    package: Annotated[
        bool, typer.Option("--package", help="Write an installable package with a test instead of a file.")
    ] = False,
    out_folder: Annotated[Path, typer.Option("--out", "-o", help="Folder to write into.")] = Path(),
) -> None:
    """Write a small working method as a starting point for your own."""
    from bench.plan.registry import methods
    from bench.scaffold import names_of, write_method_file, write_method_package

    write = write_method_package if package else write_method_file
    method = write(names_of(name, methods()), out_folder)
    for path in method.written:
        say(f"written: {path}")
    say("\nnext:")
    if out_folder != Path():
        say(f"  cd {shlex.quote(str(out_folder))}")
    for command in method.commands:
        say(f"  {command}")


_VERDICTS = {"passed": "passed", "failed": "FAILED", "not applicable": "not applicable"}


@app.command(name="check-method")
def check_method_command(
    method: Annotated[
        str,
        typer.Argument(help="A method's name, a file lab/mine.py, or pkg.mod:Class.", autocompletion=completion.method),
    ],
    preset: Annotated[str, typer.Option(help="Preset to check it with.", autocompletion=completion.presets)] = "quick",
    settings: Annotated[list[str] | None, typer.Option("--set", help="PARAMETER=VALUE; repeatable.")] = None,
) -> None:
    """Check that a method follows the contract. Each failure names the change that mends it."""
    from bench.testing import method_checks

    checks = method_checks(method, preset=preset, params=dict(_parameter_value(text) for text in settings or ()))
    results = []
    with out.status("") as status:
        for i, check in enumerate(checks, 1):
            status.update(f"{i} of {len(checks)}: {check.name}")
            results.append(check.result())
    rows = [(r.name, _VERDICTS[r.verdict], r.proves if r.verdict == "passed" else r.seen) for r in results]
    print_table(("check", "verdict", "what it proves, or what was seen"), rows)
    failures = [r for r in results if r.verdict == "failed"]
    for failure in failures:
        say(f"\n{failure.name}: {failure.proves}\n  seen:   {failure.seen}\n  change: {failure.change}")
    counts = Counter[str](r.verdict for r in results)
    say(f"\n{clean_name(method)}: " + ", ".join(f"{counts[v]} {v}" for v in _VERDICTS if counts[v]))
    raise typer.Exit(1 if failures else 0)


def _parameter_value(text: str) -> tuple[str, Any]:
    """Return the parameter and the value of ``PARAMETER=VALUE``."""
    parameter, equals, value = text.partition("=")
    if not (equals and parameter.isidentifier() and value):
        raise InputError(f"--set {text}: write PARAMETER=VALUE, such as epochs=5")
    values = values_of(value)
    if len(values) != 1:
        raise InputError(f"--set {text}: one value at a time")
    return parameter, values[0]
