"""This project's own gate: the suite `quick` against its baseline, and faults planted in the methods."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.undrawn import CODE

ROOT = Path(__file__).resolve().parents[2]
BASELINE = ROOT / "results" / "baselines" / "quick.json"
MAIN = [sys.executable, "-c", CODE]

#: Planted faults: the file, the text that is replaced, its replacement, and the method to run.
FAULTS = {
    "a wrong sign in the exponent of P": ("losses.py", "weight = q.square()", "weight = q.pow(-2)", "dec"),
    "centroids frozen after a step": ("base.py", "KMeans(n_clusters, ", "KMeans(n_clusters, max_iter=1, ", "kmeans"),
    "a seed ignored": ("seeding.py", "self.root = int(random_state)\n", "self.root = 0\n", "kmeans"),
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder of pretrained networks that the runs of this file share."""
    return tmp_path_factory.mktemp("networks")


def deepclustbench(*arguments, cache, code=ROOT):
    environment = {**os.environ, "PYTHONPATH": str(code), "DEEPCLUSTBENCH_CACHE": str(cache)}
    command = [*MAIN, *map(str, arguments)]
    return subprocess.run(command, env=environment, cwd=code, capture_output=True, text=True, timeout=900)


def run(folder, *arguments, cache, code=ROOT):
    done = deepclustbench("run", "quick", "--device", "cpu", "--out", folder, *arguments, cache=cache, code=code)
    assert done.returncode == 0, done.stdout + done.stderr


def check(folder, *arguments, cache):
    return deepclustbench("check", folder, "--baseline", BASELINE, *arguments, cache=cache)


@pytest.mark.timeout(900)
@pytest.mark.nightly
def test_the_suite_quick_is_as_good_as_its_baseline(tmp_path, cache):
    run(tmp_path / "run", cache=cache)
    done = check(tmp_path / "run", cache=cache)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_method_of_quick_is_as_good_as_its_baseline(tmp_path, cache):
    run(tmp_path / "run", "--methods", "kmeans", cache=cache)
    done = check(tmp_path / "run", "--methods", "kmeans", cache=cache)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.nightly
def test_other_seeds_pass(tmp_path, cache):
    run(tmp_path / "run", "--methods", "kmeans,ae_kmeans", "--seeds", "10-19", cache=cache)
    done = check(tmp_path / "run", "--methods", "kmeans,ae_kmeans", cache=cache)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.nightly
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(tmp_path, cache, fault):
    file, right, wrong, method = FAULTS[fault]
    for name in ("bench", "methods", "datasets"):
        shutil.copytree(ROOT / name, tmp_path / "code" / name, ignore=shutil.ignore_patterns("__pycache__"))
    path = tmp_path / "code" / "methods" / file
    text = path.read_text()
    assert text.count(right) == 1
    path.write_text(text.replace(right, wrong))
    run(tmp_path / "run", "--methods", method, cache=cache, code=tmp_path / "code")
    done = check(tmp_path / "run", "--methods", method, cache=cache)
    assert done.returncode == 1, done.stdout + done.stderr
    said = "the method ignores its seed" if "seed" in fault else "worse by more than the tolerance"
    assert said in done.stdout
