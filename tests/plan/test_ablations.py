"""Ablations: each stochastic method beside itself without noise and without prior."""

import pytest

from bench.data.cards import load_dataset
from bench.errors import InputError
from bench.plan.plan import make_plan
from bench.plan.suite import make_suite

STOCHASTIC = ["vae_kmeans", "sdec", "vade"]


@pytest.fixture(scope="module")
def digits():
    return {"digits": load_dataset("digits", limit=200)}


def configurations(data, **changes):
    suite = {"name": "s", "preset": "quick", "datasets": ["digits"], "methods": STOCHASTIC, "seeds": 1, **changes}
    return [cell.configuration for cell in make_plan(make_suite(suite, "test"), data).cells()]


def by_variant(data, **changes):
    return {c.variant: c for c in configurations(data, **changes)}


@pytest.mark.parametrize("name", STOCHASTIC)
def test_a_stochastic_method_comes_with_its_ablations_which_differ_in_one_parameter(digits, name):
    found = by_variant(digits, methods=[name])
    method, prior, noise = found[name], found[f"{name} (prior only)"], found[f"{name} (noise only)"]
    assert (method.prior_only, method.noise_only) == (prior.config, noise.config)
    assert [prior.params[p] for p in prior.params if prior.params[p] != method.params[p]] == [0.0]
    assert prior.params["noise_scale"] == noise.params["beta"] == 0
    assert {p for p in noise.params if noise.params[p] != method.params[p]} == {"beta"}
    assert (prior.kind, noise.kind, prior.role, noise.role) == ("deterministic", "stochastic", "ablation", "ablation")
    assert prior.title == f"{method.title}, prior only"
    assert prior.twin is prior.prior_only is None
    assert len(found) == 4


def test_the_counterpart_of_vade_is_trained_as_long_and_its_start_is_there_when_asked_for(digits):
    found = by_variant(digits, methods=["vade"], ablations=["prior only", "start"])
    twin, start = found["ae_gmm (twin of vade)"], found["ae_gmm (start)"]
    assert twin.params["epochs"] == found["vade"].params["epochs"] > 0
    assert start.params == {**twin.params, "epochs": 0}
    assert "vade (noise only)" not in found


def test_variants_share_an_ablation_that_is_the_same_for_both(digits):
    found = configurations(digits, methods=["sdec"], grid={"sdec": {"beta": [0.1, 0.01]}})
    assert [c.variant for c in found].count("sdec (noise only)") == 1
    first, second = (c for c in found if c.role == "asked")
    assert first.noise_only == second.noise_only
    assert first.prior_only != second.prior_only
    assert {"sdec (prior only) beta=0.1", "sdec (prior only) beta=0.01"} <= {c.variant for c in found}


def test_an_ablation_that_is_asked_for_is_a_method_among_the_others(digits):
    found = configurations(digits, methods=["vae_kmeans"], grid={"vae_kmeans": {"noise_scale": [0.0, 1.0]}})
    without = next(c for c in found if c.params.get("noise_scale") == 0)
    assert without.role == "asked"
    assert [c.config for c in found].count(without.config) == 1


@pytest.mark.parametrize(("parameter", "value"), [("beta", 0.0), ("noise_scale", 0.0)])
def test_without_noise_or_without_prior_nothing_is_taken_apart(digits, parameter, value):
    found = by_variant(digits, methods=["vae_kmeans"], set={"vae_kmeans": {parameter: value}})
    assert set(found) == {f"vae_kmeans {parameter}={value}", "ae_kmeans (twin of vae_kmeans)"}


def test_a_suite_may_do_without_them_and_an_unknown_one_is_refused(digits):
    assert {c.role for c in configurations(digits, ablations=[])} == {"asked", "twin"}
    with pytest.raises(
        InputError, match=r"ablations: 'sigma' is declared by no method .* noise only, prior only, start"
    ):
        configurations(digits, ablations=["sigma"])
