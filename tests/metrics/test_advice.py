"""What a run that is not healthy is told to try, by what its history shows."""

import io

import numpy as np
import pytest
from rich.console import Console

from bench.execution.progress import Display
from bench.metrics.health import advice_on, health_of
from bench.records.record import Record

N, K = 100, 5
ONE = np.zeros(N, int)
ALL = np.arange(N) % K


def advice(labels=ONE, *, params=None, shape=(N, 20), mean=None, variance=None, **history):
    """Return the advice to a run of two epochs of pretraining and then of clustering with these columns."""
    outputs = {"labels": labels}
    if variance is not None:
        outputs |= {"embedding": np.float32(mean), "embedding_variance": np.float32(variance)}
    length = max((len(column) for column in history.values()), default=0)
    if length:
        outputs["history/phase"] = np.array(["pretrain"] * 2 + ["cluster"] * (length - 2))
        outputs |= {f"history/{name}": np.array(column, float) for name, column in history.items()}
    asked = {"n_clusters": K, "learning_rate": 1e-3, "pretrain_epochs": 60, **(params or {})}
    return advice_on(health_of(outputs, K), outputs, asked, *shape)


NO = np.nan
FELL = {"clusters_in_use": [NO, NO, 5, 1], "mutual_information": [NO, NO, 0.4, 0.0], "active_units": [8, 8, 8, 8]}


def test_a_fall_in_the_first_epochs_advises_a_tenth_of_the_rate_with_its_evidence():
    assert advice(**FELL) == (
        "The first steps were too large: clusters in use fell from 5 in epoch 1 to 1 in epoch 2 of clustering. "
        "Try learning_rate=0.0001."
    )


def test_a_late_fall_is_not_put_down_to_the_first_steps():
    assert advice(clusters_in_use=[NO, NO, *[5] * 9, 1], mutual_information=[NO, NO, *[0.4] * 9, 0]) is None


def test_codes_that_told_nothing_apart_at_the_start_advise_longer_pretraining():
    told = advice(clusters_in_use=[NO, NO, 5, 1], mutual_information=[NO, NO, 0.003, 0.0], active_units=[8] * 4)
    assert told == "Pretraining left codes that hardly tell clusters apart (0.2% of log k). Try pretrain_epochs=180."


def test_points_in_units_of_the_data_are_advised_to_be_standardized():
    history = {"clusters_in_use": [NO, NO, 5, 1], "mutual_information": [NO, NO, 0.003, 0.0], "active_units": [8] * 4}
    told = advice(params={"likelihood": "gaussian"}, **history)
    assert told.endswith("Try likelihood=standardized or pretrain_epochs=180.")


def test_vague_assignments_are_advised_standardized_points_where_a_kernel_has_a_width():
    history = {"mutual_information": [NO, NO, 0.1, 0.1]}
    assert advice(ALL, params={"alpha": 1.0, "likelihood": "bernoulli"}, **history) == (
        "The codes lie closer together than the width of the assignment's kernel. Try likelihood=standardized."
    )
    assert advice(ALL, params={"likelihood": "bernoulli"}, **history) is None
    assert advice(ALL, params={"alpha": 1.0, "likelihood": "standardized"}, **history) is None


def test_constant_codes_after_pretraining_are_named():
    assert advice(**{**FELL, "active_units": [3, 0, 8, 8]}).startswith("After pretraining all codes are alike")


def test_clustering_from_an_untrained_network_is_named():
    assert "pretrain_epochs=0" in advice(params={"pretrain_epochs": 0}, **FELL)


def test_noise_that_drowns_the_codes_advises_a_smaller_beta():
    codes = {"mean": np.full((N, 2), 0.01) * np.array([[1], [-1]] * (N // 2)), "variance": np.ones((N, 2))}
    told = advice(params={"beta": 1.0}, **codes, **FELL)
    assert told == "The prior has taken over: noise makes up 100% of the variance of the codes. Try beta=0.1."
    assert "Try learning_rate" in advice(**codes, **FELL), "a method without beta has none to lower"


@pytest.mark.parametrize(
    ("params", "standardize"),
    [
        ({"likelihood": "bernoulli"}, True),
        ({"likelihood": "standardized"}, False),
        ({"likelihood": "gaussian", "reconstruction_weight": 0.0}, False),  # S-DEC: the decoder does not oppose it
    ],
)
def test_noise_that_drowns_the_codes_of_an_elbo_advises_standardized_points(params, standardize):
    told = advice(params={"beta": 1.0, **params}, mean=np.full((N, 2), 0.01), variance=np.ones((N, 2)))
    assert ("Try likelihood=standardized, " in told) == standardize
    assert "beta=0.1" in told


def test_noise_that_has_vanished_advises_a_larger_beta():
    codes = {"mean": np.resize([1.0, -1.0], (N, 2)), "variance": np.full((N, 2), 1e-6)}
    codes["mean"][::2] *= -1
    assert advice(ALL, params={"beta": 1e-4}, **codes).endswith("try beta=0.001.")
    assert advice(ALL, params={"beta": 0}, **codes).endswith("try beta=0.01.")
    assert advice(ALL, **codes) is None


def test_more_features_than_points_advise_preprocessing_beside_the_cause():
    told = advice(shape=(N, 20_531), **FELL)
    assert told.startswith("The first steps")
    assert told.endswith("100 points have 20,531 features: try preprocessing, such as pca = 50 in a card.")


@pytest.mark.parametrize("params", [{"learning_rate": None}, {"learning_rate": "auto"}, {"learning_rate": 0}])
def test_a_parameter_that_is_no_positive_number_is_not_advised(params):
    assert advice(params=params, **FELL) is None


def test_nothing_is_advised_to_healthy_runs_nor_without_evidence():
    assert advice(ALL, shape=(N, 20_531)) is None
    assert advice() is None
    assert advice(np.full(N, -1), params={"n_clusters": None}) is None


def record(health, advice, **more):
    made = {"key": "k", "dataset": "d", "fingerprint": "f", "method": "dec", "version": 1, "preset": None}
    made |= {"variant": "dec", "title": "DEC", "kind": "deterministic", "config": "c", "seeded": True, "twin": None}
    made |= {"params": {}, "seed": 0, "status": "ok", "metrics_version": 3, "versions": {}, "hardware": {}}
    return Record(**made, commit=None, health=health, health_advice=advice, **more)


def test_only_records_with_advice_hold_the_field_and_older_ones_are_read():
    assert "health_advice" not in record("healthy", None).model_dump_json()
    told = record("collapsed", "Try less.")
    assert Record.model_validate_json(told.model_dump_json()) == told
    older = record("healthy", None)
    assert Record.model_validate_json(older.model_dump_json()) == older


def test_the_terminal_says_it_once_for_a_variant():
    text = io.StringIO()
    display = Display(Console(file=text, width=200), 3, "acc")
    for health, told in (("collapsed", "Try less."), ("collapsed", "Try less."), ("healthy", None)):
        display.finished(record(health, told))
    assert text.getvalue().count("note on dec, collapsed: Try less.") == 1
