"""The pytest plugin: a fixture that fails a test if a run is worse than a baseline.

pytest loads this module wherever the package is installed, so heavy modules are imported when they are used.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bench.gate import Baseline, Comparison
    from bench.records.store import Run

#: For each baseline that was written: the test that wrote it, and the text of its changes.
_WRITTEN = pytest.StashKey[dict[Path, tuple[str, str]]]()

#: The folder of the packages ``bench`` and ``methods``.
_HOME = Path(__file__).parents[1]
#: Our modules ``methods`` between two calls of the fixture: the project may have modules of that name.
_METHODS: dict[str, ModuleType] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the command-line options and the setting."""
    group = parser.getgroup("deepclustbench")
    scores = "The scores that assert_no_regression compares with."
    group.addoption("--deepclustbench-baseline", metavar="FILE", help=scores)
    group.addoption("--deepclustbench-update", action="store_true", help="Write that file instead of comparing.")
    parser.addini("deepclustbench_baseline", help=f"{scores} Relative to the folder of this file.")


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the list of the baselines that are written."""
    config.stash[_WRITTEN] = {}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Report which baselines were written, and the changes of those that were replaced."""
    for path, (_, changed) in config.stash[_WRITTEN].items():
        terminalreporter.write_line(f"deepclustbench: baseline written: {path}")
        if changed:
            terminalreporter.write_line(changed)


@pytest.fixture
def assert_no_regression(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """Compare a run with a baseline; see `Gate`."""
    return Gate(request, tmp_path_factory)


class Gate:
    """The value of the fixture ``assert_no_regression``: call it with the folder of a run, or with a suite to run."""

    def __init__(self, request: pytest.FixtureRequest, folders: pytest.TempPathFactory) -> None:
        self._config, self._test, self._folders = request.config, request.node, folders

    def __call__(
        self,
        run: str | Path | None = None,
        *,
        baseline: str | Path | None = None,
        metrics: Sequence[str] | None = None,
        **suite: Any,
    ) -> Comparison | None:
        """Fail the test if a run is worse than the baseline, or cannot be compared with it.

        The test is skipped if no baseline is named; an inconclusive comparison is a warning. With
        ``--deepclustbench-update`` the baseline is written instead.

        Parameters
        ----------
        run : path or None
            Folder of a finished run; None runs a suite.
        baseline : path or None
            A baseline file instead of the one from the command line or the settings of pytest.
        metrics : sequence of str or None
            Compare only these, or with ``--deepclustbench-update`` keep only these.
        **suite
            The suite to run: ``suite="quick"`` (a built-in suite or a file), ``settings={"mine.beta": 0.1}`` as with
            ``--set`` (a list is a grid), ``data_root``, ``jobs`` (processes), and keys of the suite to change, such as
            ``methods=["mine.py"]``, ``datasets``, ``seeds=5``, ``limit``. If methods are named, every variant of them
            in the baseline is compared, and other methods are not.

        Returns
        -------
        Comparison or None
            None if the baseline was written.
        """
        from bench.errors import InputError

        path = self._baseline(baseline)
        try:
            with _installed_first(), _our_methods():
                return self._check(path, run, metrics, suite)
        except InputError as error:
            pytest.fail(f"deepclustbench: {error}", pytrace=False)

    def _check(
        self, path: Path, folder: str | Path | None, metrics: Sequence[str] | None, suite: dict[str, Any]
    ) -> Comparison | None:
        from bench.errors import InputError
        from bench.gate import load_baseline
        from bench.records.results import suite_of
        from bench.records.store import Run

        update = self._config.getoption("--deepclustbench-update")
        if update and hasattr(self._config, "workerinput"):  # workers do not know which baselines other workers write
            raise InputError("--deepclustbench-update: run it without -n")
        expected = None if update else load_baseline(path)  # an invalid baseline is refused before the run
        if folder is None:
            run = _run_suite(self._folders.mktemp("run"), **suite)
        elif suite:
            raise InputError(f"assert_no_regression: an existing run takes no {', '.join(suite)}")
        else:
            run = Run(folder)
            suite_of(run)
        if expected is None:
            self._write(run, path, metrics)
            return None
        return self._compare(run, expected, path, metrics, all_methods=suite.get("methods") is None)

    def _write(self, run: Run, path: Path, metrics: Sequence[str] | None) -> None:
        from bench.errors import InputError
        from bench.gate.from_run import update_baseline
        from bench.gate.text import render_update

        written = self._config.stash[_WRITTEN]
        if path in written:
            raise InputError(f"{path}: {written[path][0]} wrote it already; give each test a baseline=FILE of its own")
        written[path] = self._test.nodeid, render_update(update_baseline(run, path, metrics=metrics))

    def _compare(
        self, run: Run, expected: Baseline, path: Path, metrics: Sequence[str] | None, *, all_methods: bool
    ) -> Comparison:
        """Compare a run; unless it has all methods of the suite, only the methods that the test asked for."""
        from bench.execution.provenance import commit
        from bench.gate import compare, render_text
        from bench.gate.variants import asked_methods
        from bench.records.experiment import reported_records
        from bench.text import clean_name

        records = list(reported_records(run))
        asked = None if all_methods else {clean_name(record.method) for record in records if record.role == "asked"}
        comparison = compare(
            records, expected, metrics=metrics, asked=asked, planned=run.planned_keys(), commit=commit()
        )
        if comparison.exit_code:
            pytest.fail(f"{path}:\n{render_text(comparison)}", pytrace=False)
        for method in sorted((asked or set()) - asked_methods(expected)):
            self._warn(f"{method}: new, the baseline does not have it; --deepclustbench-update writes it")
        for row in comparison.having("warn"):
            self._warn(f"{' / '.join((row.dataset, row.variant, row.metric))}: {row.reason}")
        return comparison

    def _warn(self, message: str) -> None:
        self._test.warn(pytest.PytestWarning(f"deepclustbench: {message}"))

    def _baseline(self, named: str | Path | None) -> Path:
        config = self._config
        if named is not None:
            return config.rootpath / named
        option, setting = config.getoption("--deepclustbench-baseline"), config.getini("deepclustbench_baseline")
        if option:
            return config.invocation_params.dir / option
        if setting:
            return (config.inipath.parent if config.inipath else config.rootpath) / setting
        pytest.skip("no baseline: give --deepclustbench-baseline FILE, or set deepclustbench_baseline")


def _run_suite(
    folder: Path,
    suite: str = "quick",
    *,
    settings: Mapping[str, Any] | None = None,
    data_root: str | Path | None = None,
    jobs: int = 1,
    **changes: Any,
) -> Run:
    """Run a suite on the CPU without output, one thread a run; `Gate.__call__` explains the parameters.

    Networks are pretrained anew: one from the user's cache would hide a change of the pretraining.

    Raises
    ------
    InputError
        If the suite, a method, a data set or a parameter does not exist.
    KeyboardInterrupt
        If it was stopped.
    """
    import io

    from rich.console import Console

    from bench.execution.execute import OnThisMachine
    from bench.execution.local import warm_up
    from bench.execution.resources import Settings
    from bench.execution.session import execute_plan
    from bench.plan.plan import load_datasets, make_plan
    from bench.plan.suite import load_suite
    from bench.records.store import Run

    changes = {key: value for key, value in changes.items() if value is not None}
    changed = load_suite(suite, dict(_setting(key, value) for key, value in (settings or {}).items()), **changes)
    warm_up()
    run = Run(folder)
    outcome = execute_plan(
        make_plan(changed, load_datasets(changed, data_root)),
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
    from bench.errors import InputError
    from bench.plan.suite import split_parameter_key

    place = split_parameter_key(key)
    if place is None:
        raise InputError(f"settings[{key!r}]: write METHOD.PARAMETER, such as sdec.beta")
    return place, list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]


@contextmanager
def _installed_first() -> Iterator[None]:
    """Put installed packages before the entries that pytest adds to the import path, such as the project's folder."""
    import sysconfig

    before = sys.path[:]
    paths = sysconfig.get_paths()
    own = (str(_HOME), *(paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")))
    sys.path.sort(key=lambda entry: not (entry == own[0] or entry.startswith(own[1:])))
    try:
        yield
    finally:
        sys.path[:] = before


@contextmanager
def _our_methods() -> Iterator[None]:
    """Make ``methods`` our package, and restore the project's modules of that name afterwards."""
    module = sys.modules.get("methods")
    if module is not None and str(_HOME / "methods") in list(getattr(module, "__path__", ())):
        yield
        return
    theirs = _pop_modules("methods")
    sys.modules.update(_METHODS)
    try:
        yield
    finally:
        _METHODS.update(_pop_modules("methods"))
        sys.modules.update(theirs)


def _pop_modules(package: str) -> dict[str, ModuleType]:
    """Remove a package and its modules from `sys.modules` and return them."""
    names = [name for name in sys.modules if name == package or name.startswith(f"{package}.")]
    return {name: sys.modules.pop(name) for name in names}
