"""A small finished run."""

import os
import subprocess
import sys

from tests.guides.reading import ROOT
from tests.undrawn import CODE

SUITE = """
name = "small"
preset = "quick"
datasets = ["digits"]
methods = ["kmeans", "vade"]
seeds = "0-1"
limit = 150

[set.vade]
pretrain_epochs = 2
epochs = 2

[outliers]
digits = ["noise"]
"""


def small_run(folder):
    """Run a suite of two methods, two seeds and outliers, and return its folder."""
    suite = folder.with_suffix(".toml")
    suite.write_text(SUITE)
    command = [sys.executable, "-c", CODE, "run", suite, "--out", folder, "--jobs", "1", "--device", "cpu"]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder
