"""A deep clusterer of another library is a method as it stands, by the name of its class."""

import json
import os
import subprocess
import sys

import pytest

from bench.testing import method_checks

pytest.importorskip("clustpy", reason="ClustPy is in the group `peer`: tox -e peer")

DEC = "clustpy.deep:DEC"
FEW = {"pretrain_epochs": 2, "clustering_epochs": 2}


def test_clustpys_dec_stands_beside_kmeans_on_the_leaderboard(tmp_path):
    command = [sys.executable, "-c", "from bench.cli import main; main()", "run", "quick", "--methods", f"kmeans,{DEC}"]
    command += ["--limit", "200", "--seeds", "2", "--device", "cpu", "--jobs", "1", "--out", str(tmp_path / "run")]
    command += [word for name, value in FEW.items() for word in ("--set", f"{DEC}.{name}={value}")]
    environment = {**os.environ, "DEEPCLUSTBENCH_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=500)
    assert done.returncode == 0, done.stderr
    records = [json.loads(path.read_text()) for path in (tmp_path / "run" / "records").glob("*.json")]
    theirs = [record for record in records if record["method"] == DEC]
    assert {record["seed"] for record in theirs} == {0, 1}
    assert {record["status"] for record in theirs} == {"ok"}
    assert all(record["params"]["n_clusters"] == 10 and record["metrics"]["acc"] > 0.1 for record in theirs)
    assert DEC in (tmp_path / "run" / "leaderboard.csv").read_text()


def test_clustpys_dec_keeps_the_contract_but_for_the_global_generators():
    """It seeds numpy, torch and random for the whole process: what runs beside it in one is no longer independent."""
    results = [check.result() for check in method_checks(DEC, params=FEW)]
    assert [r.name for r in results if r.verdict == "failed"] == ["generators_are_left_alone"]
