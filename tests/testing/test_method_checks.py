"""Each check detects its fault and says what to change; methods that fulfil the contract pass."""

from __future__ import annotations

import random
import unittest

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, Birch, KMeans, MeanShift
from sklearn.mixture import GaussianMixture

from bench.errors import InputError
from bench.method import MethodInfo
from bench.plan.registry import find_method
from bench.testing import MethodCheckError, check_method, method_checks
from tests.testing.faulty_methods import FAULTS, CountsFromOne, DrawsPictures, Raises, SeedsNumpy
from tests.testing.good_method import Good, declare

METHODS = ("kmeans", "ae_kmeans", "ae_gmm", "vae_kmeans", "dec", "sdec", "vade")
SMALL = {"hidden_dims": (24,), "latent_dim": 4, "batch_size": 64, "pretrain_epochs": 3, "epochs": 2, "n_init": 2}


LAST = "runs_in_the_suite"


def verdicts(method, but=(), **options):
    return {check.name: check.result() for check in method_checks(method, **options) if check.name not in but}


def names(results, verdict):
    return {name for name, result in results.items() if result.verdict == verdict}


# -- one fault each ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("check", "info", "seen", "change"), FAULTS)
def test_a_fault_fails_only_its_check_and_the_result_says_what_to_change(check, info, seen, change):
    results = verdicts(info, but={LAST} - {check})  # slow, and not applicable after another failure
    assert names(results, "failed") == {check}
    assert seen in results[check].seen
    assert change in results[check].change


def test_every_check_has_a_method_that_fails_it():
    assert {param.values[0] for param in FAULTS} == {check.name for check in method_checks(declare())}


# -- methods that pass -------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", method_checks(declare()))
def test_a_method_with_everything_passes_every_check(check, request):
    assert request.node.name.endswith(f"[{check.name}]")  # the id that pytest shows
    check.run()


@pytest.mark.parametrize("name", METHODS)
def test_the_seven_methods_pass(name):
    known = find_method(name).load()().get_params()
    check_method(name, params={p: value for p, value in SMALL.items() if p in known})


class Mixture(ClusterMixin, BaseEstimator):
    """The adapter that the README shows."""

    def __init__(self, n_clusters=8, random_state=None):
        self.n_clusters = n_clusters
        self.random_state = random_state

    def fit(self, X, y=None):
        self.model_ = GaussianMixture(self.n_clusters, random_state=self.random_state).fit(X)
        self.labels_ = self.model_.predict(X)
        return self


AFFINITY = MethodInfo(
    name="affinity",
    title="Affinity propagation",
    kind="deterministic",
    estimator="sklearn.cluster:AffinityPropagation",
    seed_free=True,
)


@pytest.mark.parametrize(
    "method",
    [
        KMeans,
        Birch,
        HDBSCAN,
        AgglomerativeClustering,
        KMeans(n_init=3),
        MeanShift(cluster_all=False),
        AFFINITY,
        Mixture,
    ],
)
def test_clusterers_of_scikit_learn_pass_unchanged(method):
    check_method(method)


def test_checks_of_missing_members_are_not_applicable_and_say_why():
    results = verdicts(HDBSCAN)
    assert results["nan_is_refused"].seen == "its scikit-learn tags declare that it takes NaN"
    assert results["one_cluster_is_one"].seen == "it has no n_clusters"
    assert results["seeds_matter"].seen == "it has no random_state, and is run once"
    assert results["predict_agrees_with_labels"].seen == "it has no predict"
    assert names(results, "failed") == set()


class Refuses(Good):
    def fit(self, X, y=None):
        if self.n_clusters < 2 or len(np.unique(X, axis=0)) < self.n_clusters:
            raise ValueError("too few")
        return super().fit(X)


def test_a_value_error_is_accepted_for_points_that_cannot_be_clustered():
    assert names(verdicts(declare(Refuses), but={LAST}), "failed") == set()


# -- results ----------------------------------------------------------------------------------


class TwoFaults(CountsFromOne):
    def reconstruct(self, X):
        return super().reconstruct(X)[:, :3]


def test_the_error_lists_all_failed_checks():
    with pytest.raises(MethodCheckError) as raised:
        check_method(declare(TwoFaults))
    lines = str(raised.value).splitlines()
    assert lines[0] == "method good fails 2 checks"
    assert lines[1] == "fit_predict_gives_labels: fit_predict returns labels_."
    assert lines[2] == "  seen:   fit_predict does not return labels_"
    assert lines[3] == "  change: take it from sklearn.base.ClusterMixin"
    assert lines[4].startswith("reconstructions_are_points: ")
    assert isinstance(raised.value, AssertionError)


def test_run_raises_for_a_failed_check_and_skips_one_that_does_not_apply():
    checks = {check.name: check for check in method_checks(CountsFromOne)}
    with pytest.raises(MethodCheckError, match="method CountsFromOne fails a check"):
        checks["fit_predict_gives_labels"].run()
    with pytest.raises(unittest.SkipTest, match="it has no presets"):
        checks["presets_make_estimators"].run()


def test_the_check_of_a_whole_run_does_not_repeat_a_failure():
    results = verdicts(declare(DrawsPictures))
    assert results["runs_in_the_suite"].verdict == "not applicable"
    assert "see reconstructions_are_points" in results["runs_in_the_suite"].seen


def test_a_failed_fit_is_reported_by_one_check():
    results = verdicts(declare(Raises))
    assert results["pickle_keeps_it"].seen == "the method could not be fitted: see fit_gives_labels"


def test_checks_restore_the_global_generators_and_threads():
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    threads = torch.get_num_threads()
    verdicts(declare(SeedsNumpy))
    assert before == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # noqa: NPY002
    assert torch.get_num_threads() == threads


def test_the_claim_of_a_check_is_one_sentence():
    for check in method_checks(KMeans):
        assert check.proves.endswith(".")
        assert "\n" not in check.proves


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("dek", {}, "did you mean dec"),
        ("sdec", {"preset": "papr"}, "it has: stable"),
        ("sdec", {"params": {"bta": 1}}, "did you mean beta"),
        ("sdec", {"params": {"n_clusters": 3}}, "applies to all methods"),
        (object(), {}, "is no clusterer"),
        (np.zeros, {}, "is no clusterer"),
    ],
)
def test_an_invalid_method_preset_or_parameter_is_an_input_error(method, options, message):
    with pytest.raises(InputError, match=message):
        check_method(method, **options)


class NeverStops(Good):
    """A method with an infinite parameter, as max_eps of scikit-learn's OPTICS."""

    def __init__(self, n_clusters=4, width=3, noise=0.1, limit=np.inf, random_state=None, device="cpu", memory=None):
        super().__init__(n_clusters, width, noise, random_state, device, memory)
        self.limit = limit


def test_an_infinite_parameter_is_read_back_as_it_was_written():
    assert verdicts(declare(NeverStops))[LAST].verdict == "passed"
