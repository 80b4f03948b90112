"""What the executors cost beside the work: many cells that take no time, and a long plan that is nearly done."""

import os
import subprocess
import sys
import time

import pytest

PLUGIN = """
import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin


class Trivial(ClusterMixin, BaseEstimator):
    def __init__(self, n_clusters=2, flavour=0, random_state=None):
        self.n_clusters, self.flavour, self.random_state = n_clusters, flavour, random_state

    def fit(self, X, y=None):
        self.labels_ = np.arange(len(X)) % self.n_clusters
        return self
"""
MAIN = [sys.executable, "-c", "from bench.cli import main; main()", "run", "quick", "--limit", "100"]


@pytest.fixture
def command(tmp_path):
    """Run so many cells into a folder; return the time at which each plain line came."""
    (tmp_path / "trivial_plugin.py").write_text(PLUGIN)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "DEEPCLUSTBENCH_CACHE": str(tmp_path / "cache")}

    def run(folder, seeds, *options, until=None):
        arguments = ["--methods", "trivial_plugin:Trivial", "--seeds", str(seeds), "--out", str(tmp_path / folder)]
        started, times = time.monotonic(), []
        with subprocess.Popen(
            [*MAIN, *arguments, *options], env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            for line in process.stdout:
                if line.startswith("[") or "to run" in line:
                    times.append((time.monotonic() - started, line))
                if until and line.startswith(until):
                    process.kill()
                    break
        return times

    return run


@pytest.mark.parametrize("executor", ["local", "ray"])
def test_200_cells_of_a_trivial_method(benchmark, command, executor, tmp_path):
    """The whole command; ``extra_info`` tells its start, up to the first cell, from the 199 others."""
    folders = iter(range(100))

    def run():
        how = ["--jobs", "2"] if executor == "local" else ["--executor", "ray", "--max-concurrent", "2"]
        return command(f"run{next(folders)}", 200, *how)

    times = benchmark.pedantic(run, rounds=3, iterations=1)
    assert len(times) == 201
    benchmark.extra_info["seconds to the first cell"] = times[1][0]
    benchmark.extra_info["seconds from the first cell to the last"] = times[-1][0] - times[1][0]


def test_a_plan_of_2000_cells_with_1900_done(benchmark, command):
    """Up to the line that says what is left, after which cells start; the executor's own start apart."""
    command("run", 1900, "--jobs", "2")
    times = benchmark.pedantic(lambda: command("run", 2000, "--jobs", "2", until="quick:"), rounds=3, iterations=1)
    assert "2000 cells, 1900 done, 100 to run" in times[0][1]
