"""Suites become cells: each once, named by content, twins included."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.cards import load_dataset
from bench.errors import InputError
from bench.plan.cells import cell_key
from bench.plan.outliers import outlier_dataset_specs
from bench.plan.plan import make_plan
from bench.plan.registry import methods
from bench.plan.suite import load_suite, make_suite, parse_seeds, suite_names

BASE = {"name": "s", "preset": "quick", "datasets": ["digits"], "methods": ["dec"], "seeds": 2, "ablations": []}


@pytest.fixture(scope="module")
def data():
    return {"digits": load_dataset("digits")}


def cells_of(data, **changes):
    return make_plan(make_suite({**BASE, **changes}, "test"), data).cells()


def variants(cells):
    return list(dict.fromkeys(cell.configuration.variant for cell in cells))


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("3", [0, 1, 2]), (3, [0, 1, 2]), ("0-2", [0, 1, 2]), ("0,3,7", [0, 3, 7]), ("1-2,5", [1, 2, 5])],
)
def test_seeds_are_a_number_a_range_or_a_list(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("name", suite_names())
def test_every_built_in_suite_plans(name, data):
    suite = load_suite(name)
    stand_in = next(iter(data.values()))
    specs = [*suite.datasets, *outlier_dataset_specs(suite)]
    cells = make_plan(suite, {spec: replace(stand_in, name=spec, fingerprint=spec) for spec in specs}).cells()
    assert {cell.seed for cell in cells} == set(suite.seeds)
    assert {m.partition("@")[0] for m in suite.methods} <= {cell.configuration.method for cell in cells}
    assert len({cell.key for cell in cells}) == len(cells)


def test_a_stochastic_method_brings_its_twin(data):
    cells = cells_of(data, methods=["sdec"])
    assert variants(cells) == ["sdec", "dec (twin of sdec)"]
    by_id = {cell.configuration.config for cell in cells}
    assert all(c.configuration.twin in by_id for c in cells if c.configuration.kind == "stochastic")


def test_a_twin_that_was_asked_for_runs_once_under_its_own_name(data):
    cells = cells_of(data, methods=["vae_kmeans", "ae_kmeans"])
    assert variants(cells) == ["vae_kmeans", "ae_kmeans"]


def test_a_grid_over_what_the_twin_lacks_shares_one_twin(data):
    cells = cells_of(data, methods=["sdec"], grid={"sdec": {"beta": [0.1, 0.01]}})
    assert variants(cells) == ["sdec beta=0.1", "sdec beta=0.01", "dec (twin of sdec)"]


def test_a_grid_over_what_the_twin_has_gives_each_its_own(data):
    cells = cells_of(data, methods=["sdec"], grid={"sdec": {"learning_rate": [0.1, 0.01]}})
    assert len(variants(cells)) == 4


def test_one_method_can_come_with_two_presets(data):
    cells = cells_of(data, methods=["dec", "dec@idec"])
    assert variants(cells) == ["dec", "dec@idec"]


def test_paper_preset_differs_on_usps():
    dec = methods()["dec"]
    assert dec.preset("paper", "mnist")["target_update"] == 140
    assert dec.preset("paper", "mnist")["pretrain_epochs"] == 300
    for name in ("usps", "usps@test", "usps[500]"):
        usps = dec.preset("paper", name)
        assert (usps["target_update"], usps["pretrain_epochs"], usps["initializer"]) == (30, 50, "glorot")
        assert (usps["optimizer"], usps["learning_rate"], usps["momentum"]) == ("sgd", 0.01, 0.9)


def test_key_is_frozen():
    """A key that changes makes every stored result unknown."""
    key = cell_key("f" * 64, "dec", 1, {"beta": 0.1, "hidden_dims": (5, 5)}, 3)
    assert key == "c859d4a81ed54afa1b9b17876446d408"


def test_key_ignores_order_and_the_kind_of_sequence():
    a = cell_key("f", "dec", 1, {"x": 1, "y": (2, 3)}, 0)
    assert a == cell_key("f", "dec", 1, {"y": [2, 3], "x": 1}, 0)


@given(st.sampled_from(["fingerprint", "method", "version", "params", "seed"]))
def test_key_holds_everything_that_matters(part):
    content = {"fingerprint": "f", "method": "dec", "version": 1, "params": {"x": 1}, "seed": 0}
    changed = {**content, part: {"fingerprint": "g", "method": "d", "version": 2, "params": {"x": 2}, "seed": 1}[part]}
    assert cell_key(**content) != cell_key(**changed)


def test_methods_of_one_seed_are_paired_and_seeds_are_not(data):
    cells = cells_of(data, methods=["dec", "kmeans"])
    states = {}
    for cell in cells:
        states.setdefault(cell.seed, set()).add(cell.random_state)
    assert all(len(s) == 1 for s in states.values())
    assert states[0] != states[1]


def test_configuration_does_not_depend_on_where_it_runs(data):
    (cell, _) = cells_of(data)
    assert not {"random_state", "device", "memory"} & set(cell.configuration.params)
    assert cell.configuration.params["n_clusters"] == len(np.unique(data["digits"].y))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"methods": ["dek"]}, "did you mean dec"),
        ({"methods": ["dec@papr"]}, "it has: quick"),
        ({"set": {"dec": {"epoch": 1}}}, "did you mean epochs"),
        ({"methods": ["sklearn.cluster:KMean"]}, "did you mean KMeans"),
        ({"set": {"vade": {"epochs": 1}}}, "no such method"),
        ({"seeds": "x"}, "not a number of seeds"),
        ({"seeds": [1, 1]}, "twice"),
        ({"primary_metric": "accuracy"}, "acc"),
        ({"colour": "red"}, "colour"),
        ({"name": "../x"}, "name"),
    ],
)
def test_a_wrong_suite_is_refused_with_what_would_be_right(data, change, message):
    with pytest.raises(InputError, match=message):
        cells_of(data, **change)


def test_a_bare_class_is_a_method(data):
    cells = cells_of(data, methods=["sklearn.cluster:MiniBatchKMeans"], set={})
    assert cells[0].configuration.params["n_clusters"] == 10
    assert cells[0].configuration.preset is None


def test_a_method_that_takes_no_seed_runs_once(data):
    cells = cells_of(data, methods=["sklearn.cluster:Birch", "kmeans"], seeds=5)
    assert [c.configuration.seeded for c in cells] == [False] + [True] * 5


def test_unknown_suite_names_the_near_one():
    with pytest.raises(InputError, match="did you mean quick"):
        load_suite("quik")
