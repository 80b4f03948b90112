"""A run that is made to be compared: small, on the CPU, by itself."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.errors import InputError
from bench.plan.plan import load_datasets, make_plan
from bench.plan.suite import load_suite
from bench.records.store import Run
from bench.run.execute import OnThisMachine
from bench.run.processes import warm_up
from bench.run.resources import Settings
from bench.run.session import execute_plan


def make_run(
    folder: str | Path,
    suite: str = "quick",
    *,
    settings: Mapping[str, Any] | None = None,
    data_root: str | Path | None = None,
    jobs: int = 1,
    **changes: Any,
) -> Run:
    """Carry out a suite on the CPU, one thread a cell, and say nothing.

    Networks are pretrained anew, for one from the user's cache would hide what has changed in the pretraining.

    Parameters
    ----------
    folder : path
        Where the run is kept.
    suite : str
        A built-in suite or a file.
    settings : mapping of str to value or list
        ``{"mine.beta": 0.1}``, as ``--set`` has them; a list is a grid.
    data_root : path or None
    jobs : int
        Processes.
    **changes
        Keys of the suite that are changed: ``methods``, ``datasets``, ``seeds``, ``limit``, ...

    Raises
    ------
    InputError
        If the suite, a method, a data set or a parameter does not exist.
    KeyboardInterrupt
        If it was stopped.
    """
    asked = {key: value for key, value in changes.items() if value is not None}
    changed = load_suite(suite, dict(_setting(key, value) for key, value in (settings or {}).items()), **asked)
    warm_up()
    run, root = Run(folder), None if data_root is None else Path(data_root)
    outcome = execute_plan(
        make_plan(changed, load_datasets(changed, root)),
        run,
        OnThisMachine(jobs=jobs),
        Settings(device="cpu", memory=str(run.folder / "networks")),
        command=f"assert_no_regression({suite!r})",
        console=Console(file=io.StringIO()),
    )
    if not outcome.complete:
        raise KeyboardInterrupt
    return run


def _setting(key: str, value: Any) -> tuple[tuple[str, str], list[Any]]:
    method, dot, parameter = key.rpartition(".")
    if not (dot and method and parameter):
        raise InputError(f"settings[{key!r}]: write METHOD.PARAMETER, such as sdec.beta")
    return (method, parameter), list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
