"""Hyper-parameters are chosen on seeds of their own, without labels: what agrees with itself and is not degenerate."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.cards import load_dataset
from bench.data.selection_split import fitted_indices, heldout_indices, selection_split
from bench.errors import InputError
from bench.execution.fit import fit_cell
from bench.plan.plan import make_plan
from bench.plan.registry import find_method
from bench.plan.suite import load_suite, make_suite
from bench.selection.rule import (
    HeldOutRun,
    aggregated_ranks,
    degeneracies,
    effective_clusters,
    mean_prediction_strength,
    prediction_strength,
    rank_candidates,
    ranked,
)

SUITE = {
    "name": "s",
    "preset": "quick",
    "datasets": ["digits"],
    "methods": ["kmeans"],
    "seeds": "0-1",
    "grid": {"kmeans": {"n_init": [1, 2, 3]}},
    "selection_seeds": "10-12",
    "ablations": [],
}
POINTS = np.random.default_rng(0).random((60, 3))
TRUE = np.arange(60) % 3
#: Held-out and fitted points of made-up data; random state and network of a cell before there were parts.
FROZEN = [7, 13, 20, 25, 28], [0, 31, 55, 88, 120, 154, 185], (1009098282, "6abf968bb39071cbd42046a876b76fea")


def suite_of(**changes):
    return make_suite({**SUITE, **changes}, "test")


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits", limit=200)


def runs(*labelings, embedding=None, trouble=None):
    return [HeldOutRun(seed, labels, embedding, trouble) for seed, labels in enumerate(labelings)]


def flipped(labels, n, seed):
    """Labels with n of them drawn anew."""
    rng = np.random.default_rng(seed)
    changed = labels.copy()
    changed[rng.choice(len(labels), n, replace=False)] = rng.integers(0, labels.max() + 1, n)
    return changed


def chosen(verdicts):
    return [i for i, verdict in enumerate(verdicts) if verdict.rank == 1]


# -- criteria -------------------------------------------------------------------------------------

pairs_of_labels = st.integers(1, 12).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(-1, 3), min_size=n, max_size=n).map(np.array)] * 2)
)


@given(pairs_of_labels)
def test_prediction_strength_is_the_smallest_share_of_pairs_that_stay_together(labels):
    a, b = labels
    shares = []
    for cluster in set(b) - {-1}:
        pairs = list(itertools.combinations(np.flatnonzero(b == cluster), 2))
        if pairs:
            shares.append(np.mean([a[i] == a[j] != -1 for i, j in pairs]))
    expected = min(shares) if shares else float("nan")
    assert prediction_strength(a, b) == pytest.approx(expected, nan_ok=True)


@given(pairs_of_labels)
def test_prediction_strength_does_not_depend_on_the_names_of_clusters(labels):
    a, b = labels
    renamed = np.array([5, 0, 9, 2, -1])  # -1 stays noise
    assert prediction_strength(renamed[a], renamed[b]) == pytest.approx(prediction_strength(a, b), nan_ok=True)


def test_a_coarser_partition_predicts_a_finer_one_but_not_the_reverse():
    fine, coarse = np.array([0, 0, 1, 1]), np.array([0, 0, 0, 0])
    assert prediction_strength(coarse, fine) == 1
    assert prediction_strength(fine, coarse) == pytest.approx(1 / 3)
    assert mean_prediction_strength([fine, coarse]) == pytest.approx(2 / 3)


def test_noise_predicts_nothing_and_is_nothing_to_predict():
    noise, clusters = np.array([-1, -1, -1, 0, 0]), np.array([0, 0, 0, 1, 1])
    assert prediction_strength(noise, clusters) == 0, "points called noise were not put together"
    assert prediction_strength(clusters, noise) == 1, "the one cluster there is stays together"
    assert np.isnan(prediction_strength(clusters, np.full(5, -1)))


def test_the_effective_number_of_clusters_is_k_for_equal_ones_and_near_one_for_a_giant():
    assert effective_clusters(np.arange(50) % 5) == pytest.approx(5)
    assert effective_clusters(np.array([0] * 97 + [1, 2, 3])) < 1.2


def test_points_refused_as_noise_take_their_share_off_the_effective_number_of_clusters():
    half = np.where(np.arange(100) < 50, -1, np.arange(100) % 10)
    assert effective_clusters(half) == pytest.approx(5)
    assert effective_clusters(np.full(9, -1)) == 0
    assert degeneracies([HeldOutRun(0, half)], 10) == ["seed 0: 5.0 effective clusters, fewer than 80% of 10"]
    assert degeneracies([HeldOutRun(0, np.full(9, -1))], 10) == ["seed 0: all held-out points are noise"]


def test_what_is_unknown_is_ranked_last_and_noise_of_sums_makes_no_order():
    assert ranked([0.3, float("nan"), 0.9], greater_is_better=True).tolist() == [2, 3, 1]
    assert ranked([0.3, float("nan"), 0.9], greater_is_better=False).tolist() == [1, 3, 2]
    assert ranked([0.1 + 0.2, 0.3], greater_is_better=True).tolist() == [1.5, 1.5]


def test_a_partition_without_an_index_comes_last_in_it():
    fits = np.repeat([0, 1], 30)
    points = fits[:, None] + POINTS / 10
    assert aggregated_ranks([[np.zeros(60, int)], [fits]], [points]).tolist() == [2, 1]


# -- the rule -------------------------------------------------------------------------------------


def test_what_agrees_with_itself_on_held_out_points_is_chosen():
    shaky = runs(*(flipped(TRUE, 25, seed) for seed in range(3)))
    steady = runs(*(flipped(TRUE, 4, seed) for seed in range(3)))
    verdicts = rank_candidates([shaky, steady, shaky], POINTS, [3, 3, 3])
    assert chosen(verdicts) == [1]
    assert verdicts[1].prediction_strength > verdicts[0].prediction_strength
    assert verdicts[1].stability > verdicts[0].stability
    assert verdicts[1].rank_sum == 2
    assert [verdict.rank for verdict in verdicts] == [2, 1, 2]


@pytest.mark.parametrize(
    ("degenerate", "reason"),
    [
        (runs(TRUE, np.zeros(60, int)), "all held-out points are in one cluster"),
        (runs(*[np.r_[np.zeros(58, int), 1, 2]] * 2), "seed 0: 1.2 effective clusters, fewer than 80% of 3"),
        (runs(*[np.arange(60) % 2] * 2), "seed 0: 2.0 effective clusters, fewer than 80% of 3"),
        ([*runs(TRUE), HeldOutRun(1, trouble="seed 1: diverged: epoch 3")], "diverged"),
        (runs(TRUE, TRUE, trouble="seed 0: collapsed"), "collapsed"),
        ([HeldOutRun(0), HeldOutRun(1)], "no labels"),
    ],
)
def test_a_degenerate_run_takes_its_candidate_out_however_well_it_agrees(degenerate, reason):
    shaky = runs(*(flipped(TRUE, 25, seed) for seed in range(2)))
    verdicts = rank_candidates([degenerate, shaky], POINTS, [3, 3])
    assert reason in " ".join(verdicts[0].out)
    assert (verdicts[0].rank, verdicts[0].prediction_strength) == (None, None)
    assert chosen(verdicts) == [1]
    assert chosen(rank_candidates([degenerate], POINTS, [3])) == []


def test_two_clusters_where_two_were_asked_for_are_not_degenerate_but_one_is():
    assert chosen(rank_candidates([runs(*[TRUE % 2] * 2)], POINTS, [2])) == [0]
    assert chosen(rank_candidates([runs(*[TRUE * 0] * 2)], POINTS, [2])) == []


def test_clusters_of_unequal_size_are_not_degenerate():
    uneven = np.repeat([0, 1, 2], [36, 14, 10])  # 2.6 effective clusters
    assert chosen(rank_candidates([runs(uneven, uneven)], POINTS, [3])) == [0]


def test_a_tie_goes_to_the_partition_that_looks_better_in_the_same_spaces():
    points = TRUE[:, None] + POINTS / 10
    arbitrary = np.random.default_rng(1).permutation(TRUE)
    # Each embedding flatters its own candidate; the points' own space decides.
    wrong = runs(*[arbitrary] * 2, embedding=arbitrary[:, None] + POINTS / 10)
    right = runs(*[TRUE] * 2, embedding=points)
    verdicts = rank_candidates([wrong, right], points, [3, 3])
    assert chosen(verdicts) == [1]
    assert verdicts[0].rank_sum == verdicts[1].rank_sum
    assert verdicts[1].tie_break < verdicts[0].tie_break


def test_an_embedding_that_is_not_finite_is_no_space():
    points = TRUE[:, None] + POINTS / 10
    arbitrary = np.random.default_rng(1).permutation(TRUE)
    wrong = runs(*[arbitrary] * 2, embedding=np.full((60, 2), np.nan))
    assert chosen(rank_candidates([wrong, runs(*[TRUE] * 2)], points, [3, 3])) == [1]


def test_what_nothing_tells_apart_goes_by_the_order_of_the_plan():
    same = runs(*(flipped(TRUE, 9, seed) for seed in range(3)))
    verdicts = rank_candidates([same, same, same], POINTS, [3, 3, 3])
    assert [verdict.rank for verdict in verdicts] == [1, 2, 3]


def test_a_candidate_of_which_no_pair_can_be_counted_does_not_win():
    singletons = runs(*[np.arange(60)] * 2)
    verdicts = rank_candidates([singletons, runs(TRUE, flipped(TRUE, 5, 0))], POINTS, [3, 3])
    assert verdicts[0].prediction_strength is None
    assert verdicts[1].prediction_strength is not None
    assert json.dumps([verdict.rank_sum for verdict in verdicts], allow_nan=False)


# -- the split ------------------------------------------------------------------------------------


def test_held_out_points_are_the_same_for_all_seeds_and_never_fitted(digits):
    held_out = heldout_indices(digits)
    parts = [fitted_indices(digits, seed) for seed in range(5)]
    assert len(held_out) == 40
    assert {len(part) for part in parts} == {128}
    assert all(len(np.intersect1d(part, held_out)) == 0 for part in parts)
    assert all(len(np.intersect1d(a, b)) < 115 for a, b in itertools.combinations(parts, 2)), "102 by chance"
    np.testing.assert_array_equal(selection_split(digits, 3).heldout, digits.x[held_out])
    np.testing.assert_array_equal(selection_split(digits, 3).fitted.x, digits.x[parts[3]])
    assert not selection_split(digits, 3).fitted.x.flags.writeable


def test_the_split_is_frozen(digits):
    """A split that changes makes selection cells of one key differ."""
    assert heldout_indices(replace(digits, fingerprint="f"))[:5].tolist() == FROZEN[0]
    assert fitted_indices(replace(digits, fingerprint="f"), 7)[::20].tolist() == FROZEN[1]


@pytest.mark.parametrize(("n", "n_heldout"), [(200, 40), (60, 20), (40, 20)])
def test_small_data_hold_out_two_points_a_cluster_and_keep_one_to_fit(digits, n, n_heldout):
    small = replace(digits, x=digits.x[:n])
    assert len(heldout_indices(small)) == n_heldout
    assert len(selection_split(small, 0).fitted.x) >= small.n_clusters


def test_data_too_small_to_split_are_refused_before_anything_runs(digits):
    small = replace(digits, x=digits.x[:39])
    suite = suite_of()
    with pytest.raises(InputError, match=r"39 points, too few .* of 40 or more"):
        make_plan(suite, {"digits": small}).selection_cells()


def test_selection_cells_see_no_labels(digits):
    suite = suite_of(
        methods=["sdec"], set={"sdec": {"pretrain_epochs": 1, "epochs": 1}}, grid={"sdec": {"beta": [1, 2]}}
    )
    cell = make_plan(suite, {"digits": digits}).selection_cells()[0]
    shuffled = replace(digits, y=np.random.default_rng(0).permutation(digits.y))
    results = [
        fit_cell(cell, find_method("sdec"), data, device="cpu", memory=None)
        for data in (digits, shuffled, replace(digits, y=None))
    ]
    assert results[0][0].part == "selection"
    assert results[0][0].reasons["acc"] == "the data set is unlabelled"
    for record, outputs in results:
        assert record.metrics == results[0][0].metrics
        assert (len(outputs["labels"]), len(outputs["heldout_labels"])) == (128, 40)
        assert outputs["heldout_embedding"].shape == (40, 10)
        for name, values in results[0][1].items():
            np.testing.assert_array_equal(outputs[name], values, err_msg=name)


# -- plans ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"selection_seeds": "1-3"}, r"share \[1\]"),
        ({"selection_seeds": 3}, r"share \[0, 1\]"),
        ({"selection_seeds": "7"}, "share"),
        ({"selection_seeds": [5]}, "two different seeds"),
        ({"selection_seeds": [5, 5]}, "two different seeds"),
        ({"selection_seeds": "a-b"}, "selection_seeds: .*not a number of seeds"),
        ({"grid": {}}, "every method has one configuration"),
        ({"grid": {"kmeans": {"n_init": [1]}}}, "every method has one configuration"),
    ],
)
def test_a_suite_that_cannot_choose_is_refused(digits, changes, message):
    with pytest.raises(InputError, match=message):
        make_plan(suite_of(**changes), {"digits": digits})


def test_two_data_sets_of_one_name_are_refused(digits):
    data = {"a": digits, "b": replace(digits, fingerprint="other")}
    with pytest.raises(InputError, match="a and b are both called"):
        make_plan(suite_of(datasets=["a", "b"]), data)


def test_a_suite_of_fewer_methods_chooses_only_if_there_is_something_left_to_choose():
    assert load_suite("quick-search", methods=["kmeans"]).selection_seeds is None
    assert load_suite("quick-search", methods=["kmeans", "sdec"]).selection_seeds == [100, 101, 102]
    assert load_suite("quick", selection_seeds="100-104", search=2).selection_seeds == [*range(100, 105)]


def test_without_selection_seeds_a_grid_is_run_as_ever(digits):
    suite, data = suite_of(selection_seeds=None), {"digits": digits}
    assert make_plan(suite, data).selection_cells() == []
    assert [cell.part for cell in make_plan(suite, data).cells()] == ["whole"] * 6


def test_candidates_meet_the_selection_seeds_and_presets_the_others(digits):
    suite = suite_of(methods=["kmeans", "sdec"], grid={"sdec": {"learning_rate": [0.1, 0.2]}})
    data = {"digits": digits}
    plan = make_plan(suite, data)
    first = plan.selection_cells()
    assert [(c.configuration.variant, c.seed) for c in first] == [
        *(("sdec", seed) for seed in (10, 11, 12)),
        *(("sdec learning_rate=0.1", seed) for seed in (10, 11, 12)),
        *(("sdec learning_rate=0.2", seed) for seed in (10, 11, 12)),
    ]
    assert {c.part for c in first} == {"selection"}
    known = {("digits[200]", "sdec"): {plan.entries[1].candidates[2].configuration.config}}
    variants = ["kmeans", "sdec", "sdec learning_rate=0.2", "dec (twin of sdec)"]
    for chosen_so_far, expected in ((known, [*variants, "dec (twin of sdec) learning_rate=0.2"]), ({}, variants)):
        cells = plan.cells(chosen_so_far)
        found = list(dict.fromkeys(c.configuration.variant for c in cells))
        assert sorted(found) == sorted(v for v in expected if chosen_so_far or "=" not in v)
        assert {c.seed for c in cells} == {0, 1}


@pytest.mark.parametrize(
    ("values", "candidates"),
    [
        ([0.3, 0.2], ["sdec", "sdec beta=0.3", "sdec beta=0.2"]),
        ([0.3, 0.01], ["sdec beta=0.3", "sdec beta=0.01"]),
        ([0.3], []),
    ],
)
def test_the_preset_is_the_first_candidate_unless_the_grid_has_it_or_there_is_no_choice(digits, values, candidates):
    suite = suite_of(methods=["kmeans", "sdec"], grid={"kmeans": {"n_init": [1, 2]}, "sdec": {"beta": values}})
    entry = make_plan(suite, {"digits": digits}).entries[1]
    assert [pair.configuration.variant for pair in entry.candidates] == candidates


def test_a_method_without_a_seed_is_chosen_by_as_many_parts_of_the_data(digits, plugins):
    suite = suite_of(methods=[f"{plugins}:Stripes"], grid={f"{plugins}:Stripes": {"parts": [8, 9]}})
    cells = make_plan(suite, {"digits": digits}).selection_cells()
    assert [(c.configuration.params["parts"], c.seed) for c in cells] == [
        (parts, seed) for parts in (2, 8, 9) for seed in (10, 11, 12)
    ]


def test_a_selection_cell_shares_nothing_with_an_ordinary_one_and_leaves_it_as_it_was(digits):
    data = {"digits": replace(digits, fingerprint="f" * 64)}
    suite = suite_of(methods=["dec"], grid={"dec": {"reconstruction_weight": [0.0, 0.1]}})
    ordinary = make_plan(suite_of(methods=["dec"], grid={}, selection_seeds=None), data).cells()[0]
    reported = make_plan(suite, data).cells()[0]
    assert (reported.key, reported.random_state, reported.network) == (
        ordinary.key,
        ordinary.random_state,
        ordinary.network,
    )
    assert (ordinary.random_state, ordinary.network) == FROZEN[2]
    part = replace(ordinary, part="selection")
    assert len({ordinary.key, part.key}) == len({ordinary.random_state, part.random_state}) == 2
    assert ordinary.network != part.network
