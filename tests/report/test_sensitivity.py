"""What a plan says of the smallest difference that its seeds can show."""

import re
from functools import cache

import numpy as np
import pytest

from bench.metrics import find_metric
from bench.plan.plan import load_datasets, make_plan
from bench.plan.suite import load_suite
from bench.records.store import Run
from bench.report.sensitivity import DEFAULT_SDS, earlier_scores, smallest_differences
from bench.statistics.power import detectable_effect

ACC = find_metric("acc")


@cache
def cells(methods=None, limit=100, suite="quick"):
    changes = {"limit": limit} | ({"methods": methods.split(",")} if methods else {})
    asked = load_suite(suite, **changes)
    return make_plan(asked, load_datasets(asked, None)).cells()


def place(variant, of):
    return next((c.fingerprint, c.configuration.config) for c in of if c.configuration.variant == variant)


def said(n_seeds, of, earlier=None, metric=ACC):
    (sentence,) = smallest_differences(of, n_seeds, metric, earlier or {})
    return sentence


def scores(mean, sd, n=12):
    """Scores of n seeds with this very mean and standard deviation."""
    drawn = np.random.default_rng(0).standard_normal(n)
    return dict(enumerate(mean + sd * (drawn - drawn.mean()) / drawn.std(ddof=1)))


def test_the_difference_is_what_four_in_five_first_steps_of_holm_show_at_the_spread_of_earlier_runs():
    of = cells("sdec")
    flat = dict.fromkeys(range(12), 0.7)
    earlier = {
        place("sdec", of): scores(0.8, 0.019),
        place("sdec (prior only)", of): flat,
        place("dec (twin of sdec)", of): scores(0.7, 0.05),
    }
    sds = {"total": 0.031, "noise": 0.019, "prior": 0.05}  # the first of scores in step
    shown = {name: f"{sd * detectable_effect(10, 0.05 / 3):.3f}".lstrip("0") for name, sd in sds.items()}
    assert said(10, of, earlier) == (
        f"With 10 seeds a difference of {shown['total']} in ACC can be shown on digits[100] with 80 % power (median "
        f"over 3 contrasts, sd of paired differences .031 in earlier runs; from {shown['noise']} for S-DEC vs S-DEC, "
        f"prior only to {shown['prior']} for S-DEC, prior only vs IDEC; Holm over 3 contrasts, first step)."
    )


def test_five_seeds_are_too_few_for_nine_contrasts_and_it_is_said_how_many_are_not():
    assert said(5, cells()) == (
        "With 5 seeds no difference can be shown on digits[100]: too few seeds (5; 9 needed for Holm over 9 contrasts)."
    )
    assert "can be shown on digits[100] with 80 % power" in said(9, cells())


def test_without_earlier_runs_the_default_is_named_as_one():
    shown = f"{DEFAULT_SDS['acc'] * detectable_effect(20, 0.05 / 9):.3f}".lstrip("0")
    assert said(20, cells()) == (
        f"With 20 seeds a difference of {shown} in ACC can be shown on digits[100] with 80 % power (sd of paired "
        "differences .038, a default, as no earlier runs are known; Holm over 9 contrasts, first step)."
    )
    other = said(20, cells(), metric=find_metric("silhouette_pixels"))
    assert re.search(r"a difference of \.9\d\d standard deviations of paired differences in Silhouette", other)


def test_four_pairs_and_runs_of_another_configuration_are_no_spread():
    of = cells("sdec")
    own, prior, twin = (place(v, of) for v in ("sdec", "sdec (prior only)", "dec (twin of sdec)"))
    four = {own: scores(0.8, 0.1, n=4), prior: scores(0.7, 0.2, n=4)}
    other = {own: scores(0.8, 0.1), twin: {s + 100: v for s, v in scores(0.7, 0.2).items()}}
    assert "a default" in said(10, of, four)
    assert "a default" in said(10, of, other)
    assert "a default" in said(
        10, of, {(fingerprint[::-1], config): scores(0.8, 0.1) for fingerprint, config in (own, twin)}
    )


def test_deterministic_methods_are_a_family_of_pairs_and_one_method_is_none():
    assert "Holm over 3 pairs, first step" in said(10, cells("kmeans,dec,ae_kmeans"))
    assert "too few seeds (5; 6 needed)" in said(5, cells("kmeans,dec"))
    assert smallest_differences(cells("dec"), 10, ACC, {}) == []


def test_data_sets_of_which_the_same_is_to_say_share_a_sentence():
    both = [*cells("sdec", limit=100), *cells("sdec", limit=120)]
    assert "can be shown on digits[100] and digits[120] with" in said(10, both)


def test_the_defaults_are_medians_of_the_published_runs_on_digits(tmp_path):
    of = cells(limit=None)
    for metric, default in DEFAULT_SDS.items():
        sentence = said(20, of, earlier_scores(Run(tmp_path), metric), find_metric(metric))
        median = re.search(r"median over 9 contrasts, sd of paired differences (\.\d+) in earlier runs", sentence)
        assert float(median[1]) == pytest.approx(default, abs=0.01)
