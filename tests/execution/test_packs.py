"""Packs of seeds in real processes: what a seed gets does not depend on its pack, nor its end on the others'."""

import numpy as np
import pytest

from bench.data.cards import load_dataset
from bench.execution.execute import OnThisMachine, execute
from bench.execution.resources import Settings
from bench.plan.packs import divide, memory_of_pack, seeds_that_fit
from bench.plan.plan import load_datasets, make_plan
from bench.plan.suite import make_suite

PLUGIN = '''
import os
import pathlib
import signal
import time

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin, clone


class Together(ClusterMixin, BaseEstimator):
    """Labels from the seed; notes who was fitted with whom."""

    def __init__(self, n_clusters=2, notes="", random_state=None):
        self.n_clusters, self.notes, self.random_state = n_clusters, notes, random_state

    def note(self, seeds):
        with (pathlib.Path(self.notes) / type(self).__name__).open("a") as file:
            file.write(f"{len(seeds)}\\n")

    def fit(self, X, y=None):
        self.note([self.random_state])
        return self.fit_one(X)

    def fit_one(self, X):
        self.labels_ = (np.arange(len(X)) + self.random_state) % self.n_clusters
        return self

    def fit_seeds(self, X, random_states):
        self.note(random_states)
        return [clone(self).set_params(random_state=seed).fit_one(X) for seed in random_states]

    def is_second(self):
        """Whether this is the second seed that asks; it stays so."""
        path = pathlib.Path(self.notes) / "seeds"
        known = path.read_text().split() if path.exists() else []
        if str(self.random_state) not in known:
            known.append(str(self.random_state))
            path.write_text(" ".join(known))
        return known.index(str(self.random_state)) == 1


class Fails(Together):
    def fit_seeds(self, X, random_states):
        fitted = super().fit_seeds(X, random_states)
        return [RuntimeError("not this one") if i == 1 else one for i, one in enumerate(fitted)]


class Kills(Together):
    def fit_one(self, X):
        if self.is_second():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fit_one(X)


class Hangs(Together):
    def fit_one(self, X):
        if self.is_second():
            time.sleep(600)
        return super().fit_one(X)


class Forgets(Together):
    def fit_seeds(self, X, random_states):
        return super().fit_seeds(X, random_states)[1:]
'''


def run(tmp_path, method, seeds, jobs=1, **settings):
    """Return the records and outputs of a method's seeds, in order."""
    content = {"name": "s", "preset": "quick", "datasets": ["digits"], "methods": [method], "seeds": seeds}
    if ":" in method:
        content["set"] = {method: {"notes": str(tmp_path)}}
    dataset = {"digits": load_dataset("digits", limit=150)}
    cells = make_plan(make_suite({**content, **settings.pop("suite", {})}, "test"), dataset).cells()
    results = {}

    def finished(cell, record, outputs):
        assert cell.key not in results
        results[cell.key] = record, outputs

    how = OnThisMachine(jobs=jobs)
    assert execute(cells, how, Settings(device="cpu", **settings), dataset, finished=finished)
    return [results[cell.key] for cell in cells]


@pytest.fixture
def plugin(tmp_path):
    file = tmp_path / "together.py"
    file.write_text(PLUGIN)
    return file


def fits(tmp_path, name):
    return [int(line) for line in (tmp_path / name).read_text().split()]


def statuses(results):
    return [record.status for record, _ in results]


def test_seeds_of_a_plugin_are_fitted_together_and_each_record_names_them(tmp_path, plugin):
    results = run(tmp_path, f"{plugin}:Together", 6, jobs=2)
    assert fits(tmp_path, "Together") == [3, 3]
    assert [record.pack for record, _ in results] == [[0, 1, 2]] * 3 + [[3, 4, 5]] * 3
    for record, outputs in results:
        expected = (np.arange(150) + record.params["random_state"]) % 10
        np.testing.assert_array_equal(outputs["labels"], expected)


def test_a_seed_that_fails_in_a_pack_fails_alone(tmp_path, plugin):
    results = run(tmp_path, f"{plugin}:Fails", 3)
    assert statuses(results) == ["ok", "failed", "ok"]
    assert "RuntimeError: not this one" in results[1][0].error


def test_a_seed_that_kills_its_pack_is_found_and_fails_alone(tmp_path, plugin):
    results = run(tmp_path, f"{plugin}:Kills", 3, max_retries=1)
    assert statuses(results) == ["ok", "failed", "ok"]
    assert "worker process died (exit code -9), 2 times" in results[1][0].error
    assert fits(tmp_path, "Kills") == [3, 3, 1, 1, 1, 1]


def test_a_pack_has_the_time_of_its_seeds_and_the_slow_one_is_found(tmp_path, plugin):
    results = run(tmp_path, f"{plugin}:Hangs", 3, timeout=3)
    assert statuses(results) == ["ok", "timeout", "ok"]
    assert results[1][0].error == "not done after 3 s"
    assert fits(tmp_path, "Hangs") == [3, 1, 1, 1]


def test_a_method_that_returns_too_few_seeds_fails_with_the_numbers(tmp_path, plugin):
    results = run(tmp_path, f"{plugin}:Forgets", 3)
    assert statuses(results) == ["failed"] * 3
    assert "fit_seeds returned 2 results for 3 seeds" in results[0][0].error


@pytest.mark.parametrize("method", ["sdec", "vade"])
def test_records_do_not_depend_on_the_number_of_workers(tmp_path, method):
    few = {"pretrain_epochs": 2, "epochs": 2, "hidden_dims": [16]}
    suite = {"set": {method: few}}
    one, three = (
        run(tmp_path, method, 4, jobs, suite=suite, memory=str(tmp_path / str(jobs)), threads=1) for jobs in (1, 3)
    )
    assert [record.pack for record, _ in one] != [record.pack for record, _ in three]
    for (record, outputs), (other, others) in zip(one, three, strict=True):
        assert record.metrics == other.metrics
        assert outputs.keys() == others.keys()
        for name, values in outputs.items():
            np.testing.assert_array_equal(values, others[name], err_msg=name)


@pytest.mark.parametrize(("method", "seeds"), [("sdec", 3), pytest.param("vade", 1, marks=pytest.mark.nightly)])
def test_the_plan_states_the_peak_memory_of_a_pack_within_a_fifth(tmp_path, method, seeds):
    points = np.random.default_rng(0).random((2000, 784), dtype=np.float32)
    np.savez(tmp_path / "points.npz", x=points)
    spec = str(tmp_path / "points.npz")
    few = {"hidden_dims": [500, 500, 2000], "batch_size": 256, "pretrain_epochs": 1, "epochs": 1, "n_init": 1}
    content = {"name": "s", "preset": "quick", "datasets": [spec], "clusters": 10, "methods": [method], "seeds": seeds}
    suite = make_suite({**content, "set": {method: few}, "ablations": []}, "test")
    datasets = load_datasets(suite, None)
    cells = [cell for cell in make_plan(suite, datasets).cells() if cell.configuration.method == method]
    records = []
    settings = Settings(device="cpu", threads=1)
    assert execute(cells, OnThisMachine(jobs=1), settings, datasets, finished=lambda _, r, __: records.append(r))
    stated = memory_of_pack(cells[0], datasets[spec], seeds) / 1e6
    assert [record.status for record in records] == ["ok"] * seeds
    assert stated == pytest.approx(records[0].peak_memory, rel=0.2)


def test_packs_are_smaller_where_memory_is_short():
    dataset = load_dataset("digits", limit=150)
    suite = make_suite({"name": "s", "preset": "quick", "datasets": ["digits"], "methods": ["dec"], "seeds": 8}, "test")
    cells = make_plan(suite, {"digits": dataset}).cells()
    for n in (1, 3, 8):
        available = memory_of_pack(cells[0], dataset, n)
        packs = divide(cells, cells, 1, seeds_that_fit({"digits": dataset}, available))
        assert max(map(len, packs)) == n
