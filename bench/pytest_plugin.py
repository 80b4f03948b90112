"""For pytest: a fixture that fails a test where a run is worse than a baseline.

Every pytest of whoever has this package installed loads this module, so what is heavy is imported when it is used.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bench.gate import Baseline, Comparison
    from bench.records.store import Run

#: The test that wrote a baseline, and what changed in it.
_WRITTEN = pytest.StashKey[dict[Path, tuple[str, str]]]()


#: Where this package and ``methods`` are.
_HOME = Path(__file__).parents[1]
#: The modules of ``methods`` between two calls of the fixture: a project may have files of that name.
_METHODS: dict[str, ModuleType] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the setting."""
    group = parser.getgroup("deepclustbench")
    told = "The scores that assert_no_regression compares with."
    group.addoption("--deepclustbench-baseline", metavar="FILE", help=told)
    group.addoption("--deepclustbench-update", action="store_true", help="Write that file instead of comparing.")
    parser.addini("deepclustbench_baseline", help=f"{told} Relative to the folder of this file.")


def pytest_configure(config: pytest.Config) -> None:
    """Keep which baselines were written."""
    config.stash[_WRITTEN] = {}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which baselines were written, and what changed where one was there before."""
    for path, (_, changed) in config.stash[_WRITTEN].items():
        terminalreporter.write_line(f"deepclustbench: baseline written: {path}")
        if changed:
            terminalreporter.write_line(changed)


@pytest.fixture
def assert_no_regression(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """Compare a run with a baseline; see `Gate`."""
    return Gate(request, tmp_path_factory)


class Gate:
    """What the fixture ``assert_no_regression`` gives: call it with a run, or with what to run."""

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
        """Fail the test where a run is worse than the baseline, or cannot be compared with it.

        It is skipped where no baseline is named, and what is inconclusive is a warning. With
        ``--deepclustbench-update`` the baseline is written instead.

        Parameters
        ----------
        run : path or None
            Folder of a finished run; None makes one.
        baseline : path or None
            Instead of the one that the command line or the settings of pytest name.
        metrics : sequence of str or None
            Compare these alone, or with ``--deepclustbench-update`` keep these.
        **suite
            What to run: ``suite="quick"``, ``methods=["mine.py"]``, ``datasets``, ``seeds=5``, ``limit``,
            ``settings={"mine.beta": 0.1}``, ``data_root``, ``jobs``. Where methods are named, others that the
            baseline holds are left out, but every variant of these is compared.

        Returns
        -------
        Comparison or None
            None where the baseline was written.
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
        if update and hasattr(self._config, "workerinput"):  # no worker knows what another writes
            raise InputError("--deepclustbench-update: run it without -n")
        expected = None if update else load_baseline(path)  # before anything is run
        if folder is None:
            from bench.gate.small_run import make_run

            run = make_run(self._folders.mktemp("run"), **suite)
        elif suite:
            raise InputError(f"assert_no_regression: a run that is there takes no {', '.join(suite)}")
        else:
            run = Run(folder)
            suite_of(run)
        if expected is None:
            self._write(run, path, metrics)
            return None
        return self._compare(run, expected, path, metrics, some=suite.get("methods") is not None)

    def _write(self, run: Run, path: Path, metrics: Sequence[str] | None) -> None:
        from bench.errors import InputError
        from bench.gate.from_run import update_baseline
        from bench.gate.text import render_update

        written = self._config.stash[_WRITTEN]
        if path in written:
            raise InputError(f"{path}: {written[path][0]} wrote it already; give each test a baseline=FILE of its own")
        written[path] = self._test.nodeid, render_update(update_baseline(run, path, metrics=metrics))

    def _compare(
        self, run: Run, expected: Baseline, path: Path, metrics: Sequence[str] | None, *, some: bool
    ) -> Comparison:
        """Compare a run of all methods of its suite, or of some that the test names."""
        from bench.gate import compare, render_text
        from bench.gate.variants import methods_of, planned_keys
        from bench.records.experiment import reported_records
        from bench.run.provenance import commit
        from bench.text import clean_name

        records = list(reported_records(run))
        asked = {clean_name(record.method) for record in records if record.role == "asked"} if some else None
        comparison = compare(
            records, expected, metrics=metrics, asked=asked, planned=planned_keys(run), commit=commit()
        )
        if comparison.exit_code:
            pytest.fail(f"{path}:\n{render_text(comparison)}", pytrace=False)
        for method in sorted((asked or set()) - methods_of(expected)):
            self._warn(f"{method}: new, the baseline does not have it; --deepclustbench-update writes it")
        for row in comparison.having("warn"):
            self._warn(f"{' / '.join((row.dataset, row.variant, row.metric))}: {row.reason}")
        return comparison

    def _warn(self, what: str) -> None:
        self._test.warn(pytest.PytestWarning(f"deepclustbench: {what}"))

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


@contextmanager
def _installed_first() -> Iterator[None]:
    """Import what is installed before what pytest has put on the import path, such as the folder that it stands in."""
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
    """Let ``methods`` be ours, and give the name back to the project afterwards."""
    found = sys.modules.get("methods")
    if found is not None and str(_HOME / "methods") in list(getattr(found, "__path__", ())):
        yield
        return
    theirs = _taken("methods")
    sys.modules.update(_METHODS)
    try:
        yield
    finally:
        _METHODS.update(_taken("methods"))
        sys.modules.update(theirs)


def _taken(package: str) -> dict[str, ModuleType]:
    """Take a package and its modules out of those that are imported."""
    names = [name for name in sys.modules if name == package or name.startswith(f"{package}.")]
    return {name: sys.modules.pop(name) for name in names}
