"""A benchmark that is killed loses no finished run."""

import json
import os
import random
import subprocess
import sys
import time

import numpy as np
import pytest

from bench.records.store import Run
from tests.undrawn import CODE

#: Fields of a record that may differ between two executions of one run.
CIRCUMSTANCES = {"timings", "peak_memory", "pack"}


def command(suite, folder):
    return [sys.executable, "-c", CODE, "run", str(suite), "--out", str(folder)]


def contents(folder):
    """Records without what may differ, and raw outputs, by key."""
    run = Run(folder)
    found = {}
    for record in run.records():
        assert record.key not in found
        outputs = run.outputs(record.key)
        found[record.key] = record.model_dump(exclude=CIRCUMSTANCES), outputs
    return found


def count(folder):
    return len(list(folder.glob("records/*.json")))


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "kills", [1, pytest.param(3, marks=pytest.mark.nightly), pytest.param(10, marks=pytest.mark.slow)]
)
def test_after_kills_at_random_moments_the_records_equal_the_undisturbed_runs(tiny, tmp_path, kills):
    suite = tmp_path / "many.toml"
    suite.write_text(tiny.read_text().replace('seeds = "0-1"', 'seeds = "0-3"').replace("epochs = 2", "epochs = 12"))
    environment = {**os.environ, "DEEPCLUSTBENCH_CACHE": str(tmp_path / "cache")}
    subprocess.run(command(suite, tmp_path / "calm"), env=environment, check=True, capture_output=True)

    environment["DEEPCLUSTBENCH_CACHE"] = str(tmp_path / "another cache")
    chance = random.Random(0)
    midway = 0
    for _ in range(kills):
        process = subprocess.Popen(command(suite, tmp_path / "killed"), env=environment, stdout=subprocess.DEVNULL)
        before = count(tmp_path / "killed")
        while process.poll() is None and count(tmp_path / "killed") == before:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 1))
        process.kill()
        process.wait()
        midway += 0 < count(tmp_path / "killed") < 20
        for path in (tmp_path / "killed").glob("records/*.json"):
            json.loads(path.read_text())  # whole at every moment
    assert midway, "no kill fell into the run: the test proves nothing"

    subprocess.run(command(suite, tmp_path / "killed"), env=environment, check=True, capture_output=True)
    calm, killed = contents(tmp_path / "calm"), contents(tmp_path / "killed")
    assert len(calm) == 20
    assert calm.keys() == killed.keys()
    for key, (record, outputs) in calm.items():
        assert record == killed[key][0]
        for name, values in outputs.items():
            np.testing.assert_array_equal(values, killed[key][1][name], err_msg=name)
