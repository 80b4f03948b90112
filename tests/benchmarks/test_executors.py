"""What the executors cost beside the work: many cells that take no time, and a long plan that is nearly done."""

import os
import subprocess
import sys
import time
from statistics import median

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


HOW = {"local": ["--jobs", "2"], "ray": ["--executor", "ray", "--max-concurrent", "2"]}


def test_200_cells_of_a_trivial_method(benchmark, command):
    """The whole command, in turn with both executors; Ray may take 1.3 times as long, and its start."""
    first, total = {"local": [], "ray": []}, {"local": [], "ray": []}

    def both():
        for executor, how in HOW.items():
            times = command(f"{executor}{len(total[executor])}", 200, *how)
            assert len(times) == 201
            first[executor].append(times[1][0])
            total[executor].append(times[-1][0])

    benchmark.pedantic(both, rounds=3, iterations=1)
    first, total = ({name: median(seconds) for name, seconds in found.items()} for found in (first, total))
    start = first["ray"] - first["local"]
    ratio = (total["ray"] - start) / total["local"]
    benchmark.extra_info |= {"seconds to the first cell": first, "seconds in all": total, "ratio less the start": ratio}
    assert ratio < 1.3


@pytest.mark.parametrize("executor", HOW)
def test_a_plan_of_2000_cells_with_1900_done(benchmark, command, executor):
    """Up to the first cell; ``extra_info`` tells how long the plan takes, which is all that grows with it."""
    command("run", 1900, "--jobs", "2")
    plans = []

    def run():
        times = command("run", 2000, *HOW[executor], until="[1/")
        assert "2,000 runs, " in times[0][1]
        plans.append(times[0][0])

    benchmark.pedantic(run, rounds=3, iterations=1)
    benchmark.extra_info["seconds to the plan"] = median(plans)
