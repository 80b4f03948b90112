"""Isolation: a run depends neither on other runs nor on the working directory of the command."""

import os
import random
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from bench.execution.execute import OnThisMachine, execute
from bench.execution.resources import Settings
from bench.plan.plan import load_datasets, make_plan
from bench.plan.registry import find_method
from bench.plan.suite import make_suite
from bench.records.store import Run
from tests.execution.leaks import ACTS, RAISES, SETTINGS, write_leaks

#: Names of files in the working directory that are also names of modules which are imported.
SHADOWS = ("methods", "bench", "datasets", "random", "torch", "numpy")
SUITE = {
    "name": "isolation",
    "preset": "quick",
    "datasets": ["digits"],
    "seeds": 1,
    "limit": 100,
    "set": {"vae_kmeans": {"pretrain_epochs": 1}},
}
BUILT_IN = ("kmeans", "vae_kmeans")
#: Fields of a record that may differ between two executions of one run.
CIRCUMSTANCES = {"timings", "peak_memory", "pack", "placement", "hardware", "commit"}


def comparable(record, outputs):
    """A record without what may differ, and its outputs, for comparison."""
    return record.model_dump(exclude=CIRCUMSTANCES), {name: array.tolist() for name, array in outputs.items()}


def built_in(found):
    return {record["variant"]: (record, outputs) for record, outputs in found if "leak_" not in record["method"]}


def run_here(tmp_path, methods, jobs):
    """Plan and run a suite in this process and its workers."""
    suite = make_suite({**SUITE, "methods": methods}, "test")
    data = load_datasets(suite, None)
    plan = make_plan(suite, data)
    assert not plan.left_out
    results = []
    settings = Settings(device="cpu", memory=str(tmp_path / f"networks {len(methods)} {jobs}"))
    assert execute(
        plan.cells(),
        OnThisMachine(jobs=jobs),
        settings,
        data,
        finished=lambda _, *result: results.append(comparable(*result)),
    )
    return results


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Records of built-in methods without any plugin."""
    return built_in(run_here(tmp_path_factory.mktemp("alone"), list(BUILT_IN), jobs=1))


@pytest.mark.parametrize(("jobs", "order"), [(1, "plugins first"), (3, "shuffled")])
def test_our_methods_have_the_same_records_beside_plugins_that_leave_their_process_in_disorder(
    tmp_path, alone, jobs, order
):
    methods = [*write_leaks(tmp_path / "lab"), *BUILT_IN]
    if order == "shuffled":
        random.Random(jobs).shuffle(methods)
    found = run_here(tmp_path, methods, jobs)
    assert built_in(found) == alone
    assert endings(record for record, _ in found) == ENDINGS


def endings(records):
    """Status and last line of the error of each plugin's run."""
    return {
        r["method"].partition("leak_")[2].partition(":")[0]: (r["status"], (r["error"] or "").strip().splitlines()[-1:])
        for r in records
        if "leak_" in r["method"]
    }


ENDINGS: dict[str, tuple[str, list[str]]] = {name: ("ok", []) for name in (*SETTINGS, *ACTS)} | {
    name: ("failed", [line]) for name, (_, line) in RAISES.items()
}


@pytest.mark.parametrize("executor", ["local", pytest.param("ray", marks=pytest.mark.nightly)])
def test_a_command_takes_no_module_from_the_folder_it_stands_in_and_no_plugin_reaches_ours(tmp_path, alone, executor):
    here = tmp_path / "here"
    here.mkdir()
    for name in SHADOWS:
        (here / f"{name}.py").write_text("raise RuntimeError('this is the user’s own file')\n")
    (here / "mine.py").write_text("raise KeyboardInterrupt\n")
    plugins = write_leaks(tmp_path / "lab")
    suite = tmp_path / "suite.toml"
    suite.write_text(
        'name = "isolation"\npreset = "quick"\ndatasets = ["digits"]\nseeds = 1\nlimit = 100\n'
        f"methods = {['mine.py', *plugins[::3], 'kmeans', *plugins[1::3], 'vae_kmeans', *plugins[2::3]]!r}\n"
        "[set.vae_kmeans]\npretrain_epochs = 1\n"
    )
    command = Path(sys.executable).with_name("deepclustbench")
    environment = {**os.environ, "DEEPCLUSTBENCH_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [command, "run", str(suite), "--out", "run", "--executor", executor, "--device", "cpu"],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert [line for line in done.stderr.splitlines()[1:] if not line.startswith("[")] == []
    assert "left out: method mine.py: line 1: it cannot be imported (KeyboardInterrupt: )" in done.stderr
    run = Run(here / "run")
    found = [comparable(r, run.outputs(r.key) if r.status == "ok" else {}) for r in run.records()]
    assert built_in(found) == alone
    assert endings(record for record, _ in found) == ENDINGS


def state():
    """What a plugin may change of this process."""
    import torch

    return {
        "folder": Path.cwd(),
        "environment": dict(os.environ),
        "path": sys.path[:],
        "output": (sys.stdout, sys.stdout.closed, sys.stderr, sys.stderr.closed, os.fstat(1).st_ino),
        "signals": [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)],
        "warnings": warnings.filters[:],
        "floats": np.geterr(),
        "torch": (torch.get_default_dtype(), torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled()),
        "generators": (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()),  # noqa: NPY002
    }


@pytest.mark.parametrize("name", SETTINGS)
def test_what_a_plugin_sets_when_it_is_imported_does_not_stay_in_the_process_that_plans(tmp_path, name):
    write_leaks(tmp_path)
    before = state()
    find_method(f"{tmp_path}/leak_{name}.py:Leak")
    assert state() == before
