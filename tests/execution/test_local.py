"""Runs in real processes: an error of a method fails its own run only."""

import importlib
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from bench.data.cards import load_dataset
from bench.execution.execute import OnThisMachine, execute
from bench.execution.fit import fit_cell
from bench.execution.resources import Settings
from bench.plan.plan import make_plan
from bench.plan.registry import find_method
from bench.plan.suite import make_suite
from bench.records.results import frame_of


@pytest.fixture(scope="module")
def dataset():
    return load_dataset("digits", limit=200)


def plan(dataset, *methods, seeds=1, **changes):
    content = {"name": "s", "preset": "quick", "datasets": ["digits"], "methods": methods, "seeds": seeds}
    return make_plan(make_suite({**content, **changes}, "test"), {"digits": dataset}).cells()


def run(cells, jobs=2, **settings):
    results = {}

    def finished(cell, record, outputs):
        assert cell.key not in results
        results[cell.key] = record, outputs

    how, data = OnThisMachine(jobs=jobs), {"digits": load_dataset("digits", limit=200)}
    assert execute(cells, how, Settings(**{"device": "cpu", **settings}), data, finished=finished)
    return [results[cell.key] for cell in cells]


@pytest.mark.parametrize(
    ("plugin", "status", "error"),
    [
        ("Raises", "failed", "this method always fails"),
        ("Quits", "failed", "SystemExit: this method quits"),
        ("Diverges", "diverged", "epoch 7"),
        ("Dies", "failed", "worker process died (exit code 9), 3 times"),
        ("Hangs", "timeout", "not done after 5 s"),
        ("TooFewLabels", "failed", "one integer for each of the 200 points"),
        ("BelowNoise", "failed", "labels_ has labels from -3 to 0; labels must be -1 or more: -1 is noise"),
        ("WarnsAndWrites", "failed", "read-only"),
    ],
)
def test_what_goes_wrong_is_recorded_and_the_others_finish(dataset, plugins, plugin, status, error):
    cells = plan(dataset, f"{plugins}:{plugin}", f"{plugins}:Parity", "kmeans")
    broken, fine, real = run(cells, timeout=5 if plugin == "Hangs" else 60)
    assert broken[0].status == status
    assert error in broken[0].error
    assert broken[1] == {}
    assert (fine[0].status, real[0].status) == ("ok", "ok")


def test_a_worker_that_dies_before_it_takes_a_cell_loses_none(dataset, plugins, monkeypatch):
    module = importlib.import_module(plugins)
    monkeypatch.setattr("bench.execution.local.start_worker", module.die_once)
    outcomes = run(plan(dataset, f"{plugins}:Parity", "kmeans"), jobs=1)
    assert [record.status for record, _ in outcomes] == ["ok", "ok"]
    assert Path(module.__file__).with_name("died at the start").exists()


def test_a_method_that_finds_its_own_clusters_and_calls_points_noise_runs_as_it_stands(dataset):
    ((record, outputs),) = run(plan(dataset, "sklearn.cluster:HDBSCAN"))
    labels = outputs["labels"]
    assert record.metrics["noise_share"] == np.mean(labels == -1) > 0.05
    assert record.metrics["n_clusters_used"] == labels.max() + 1
    assert record.metrics["acc"] <= 1 - record.metrics["noise_share"], "noise is never right"
    assert (record.health, record.health_reason) == ("healthy", f"{labels.max() + 1} clusters")


def test_a_collapsed_run_is_kept_and_flagged(dataset, plugins):
    ((record, outputs), (healthy, _)) = run(plan(dataset, f"{plugins}:OneCluster", f"{plugins}:Parity"))
    assert (record.status, record.flags) == ("ok", ["collapsed"])
    assert record.metrics["acc"] == pytest.approx(np.bincount(dataset.y).max() / 200)
    assert record.metrics["silhouette_pixels"] is None
    assert "cluster" in record.reasons["silhouette_pixels"]
    assert len(outputs["labels"]) == 200
    assert healthy.flags == []


def test_records_are_the_same_in_any_order_and_with_any_number_of_jobs(dataset):
    cells = plan(dataset, "sdec", seeds=2, set={"sdec": {"pretrain_epochs": 2, "epochs": 2}})
    forward = run(cells, jobs=1)
    backward = run(cells[::-1], jobs=2)[::-1]
    for (a, x), (b, y) in zip(forward, backward, strict=True):
        assert a.metrics == b.metrics
        for name in x:
            np.testing.assert_array_equal(x[name], y[name], err_msg=name)


def test_a_record_holds_what_is_needed_to_do_it_again(dataset):
    (cell, *_) = plan(dataset, "sdec", set={"sdec": {"pretrain_epochs": 2, "epochs": 2}})
    record, outputs = fit_cell(cell, find_method("sdec"), dataset, device="cpu", memory=None)
    again = find_method("sdec").load()(**record.params).fit(dataset.x)
    np.testing.assert_array_equal(again.labels_, outputs["labels"])
    assert record.wall_time == pytest.approx(record.timings["pretrain"] + record.timings["cluster"])
    assert record.peak_memory > 50
    assert record.versions["torch"]
    assert record.hardware["threads"] >= 1
    assert set(outputs) >= {"labels", "soft_assignment", "embedding", "embedding_variance", "history/loss"}
    assert list(outputs["history/phase"]) == ["pretrain"] * 2 + ["cluster"] * 2


def test_a_method_that_asks_for_no_gpu_is_not_given_one(dataset):
    (cell,) = plan(dataset, "kmeans")
    record, _ = fit_cell(cell, find_method("kmeans"), dataset, device="cuda", memory=None)
    assert (record.status, record.hardware["device"]) == ("ok", "cpu")


def test_data_that_changed_since_the_plan_are_not_fitted(dataset):
    (cell,) = plan(dataset, "kmeans")
    record, _ = fit_cell(cell, find_method("kmeans"), load_dataset("blobs"), device="cpu", memory=None)
    assert record.status == "failed"
    assert "changed since the plan" in record.error


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_lets_running_cells_end_and_a_second_one_stops_at_once(dataset, plugins, presses):
    cells = plan(
        dataset, f"{plugins}:Parity", f"{plugins}:Naps", f"{plugins}:Hangs" if presses == 2 else "kmeans", seeds=2
    )
    done, pressed, before = [], [], signal.getsignal(signal.SIGINT)

    def press():
        os.kill(os.getpid(), signal.SIGINT)

    def finished(cell, record, outputs):
        done.append(cell.configuration.variant.rpartition(":")[2])
        if len(done) == 2:
            threading.Timer(0.5, press).start()

    def stopping():
        pressed.append(time.monotonic())
        if presses == 2:
            threading.Timer(0.5, press).start()

    how, data = OnThisMachine(jobs=2), {"digits": dataset}
    arguments = {"finished": finished, "stopping": stopping}
    if presses == 2:
        with pytest.raises(KeyboardInterrupt):
            execute(cells, how, Settings(device="cpu"), data, **arguments)
        assert time.monotonic() - pressed[0] < 60  # Hangs and Naps did not keep it
    else:
        assert not execute(cells, how, Settings(device="cpu"), data, **arguments)
        assert done == ["Parity", "Parity", "Naps", "Naps"]  # what ran has ended, KMeans never began
    assert signal.getsignal(signal.SIGINT) is before


def test_an_older_configuration_of_the_same_name_keeps_a_row_of_its_own(dataset):
    old, new = (
        fit_cell(plan(dataset, "kmeans", set={"kmeans": {"n_init": n}})[0], find_method("kmeans"), dataset,
                 device="cpu", memory=None)[0].model_copy(update={"variant": "kmeans"})
        for n in (1, 2)
    )  # fmt: skip
    assert frame_of([old, new])["variant"].nunique() == 2
    assert frame_of([old])["variant"].tolist() == ["kmeans"]
