"""The fixture in a project whose files have the names of our modules."""

import os
import subprocess
import sys
from pathlib import Path

pytest_plugins = ["pytester"]


def test_the_fixture_imports_our_modules_and_the_project_keeps_its_own(pytester, monkeypatch):
    for name in ("PYTHONPATH", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in ("datasets", "torch", "numpy", "pandas", "sklearn"):
        pytester.makepyfile(**{name: "raise RuntimeError('this is the project’s own file')"})
    pytester.makepyfile(methods="OWN = 1")
    pytester.makepyfile(
        test_mine=f"""
        import sys

        def test_mine(assert_no_regression):
            for i in range(2):
                assert_no_regression(methods=["kmeans"], seeds=1, limit=60, baseline=f"{{i}}.json")
                import methods
                assert methods.OWN
                assert sys.path[0] == {os.fspath(pytester.path)!r}
        """
    )
    command = [Path(sys.executable).with_name("pytest"), "-p", "bench.pytest_plugin", "--deepclustbench-update"]
    done = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True)  # pytester's sets PYTHONPATH
    assert done.returncode == 0, done.stdout + done.stderr
    assert (pytester.path / "1.json").exists()
