"""Agreement between runs, against scikit-learn, brute force and simulated truth."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy
from scipy.stats import t as student_t
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from bench.metrics.external import aligned
from bench.metrics.stability import (
    agreement,
    jackknife_interval,
    pairwise_agreement,
    pairwise_disagreement,
    stability,
    vote_entropy,
)


def several(data, fewest=2, most=5):
    n = data.draw(st.integers(2, 14))
    return data.draw(st.lists(arrays(np.int64, n, elements=st.integers(-1, 4)), min_size=fewest, max_size=most))


def noisy(rng, wrong, n=150, k=5):
    """Return a labeling for each share of points whose cluster is drawn at random."""
    truth = np.arange(n) % k
    return list(np.where(rng.random((len(wrong), n)) < np.c_[wrong], rng.integers(k, size=(len(wrong), n)), truth))


@given(st.data())
def test_every_pair_has_scikit_learns_ari_and_nmi(data):
    labelings = several(data)
    ari, nmi = pairwise_agreement(labelings)
    for i, j in itertools.product(range(len(labelings)), repeat=2):
        assert ari[i, j] == pytest.approx(adjusted_rand_score(labelings[i], labelings[j]), abs=1e-12)
        expected = normalized_mutual_info_score(labelings[i], labelings[j], average_method="arithmetic")
        assert nmi[i, j] == pytest.approx(expected, abs=1e-7)


@given(st.data())
def test_stability_and_agreement_are_means_over_pairs(data):
    labelings = several(data)
    pairs = list(itertools.combinations(labelings, 2))
    expected = np.mean([adjusted_rand_score(*pair) for pair in pairs])
    assert stability(labelings) == pytest.approx(expected, abs=1e-12)
    assume(all(len(set(labels)) > 1 for labels in labelings))
    found = agreement(labelings)
    assert found.ari == pytest.approx(expected, abs=1e-12)
    assert found.nmi == pytest.approx(np.mean([normalized_mutual_info_score(*pair) for pair in pairs]), abs=1e-7)
    assert found.n_runs == len(labelings)


@given(st.data())
def test_the_interval_is_students_over_the_means_without_each_run_on_the_scale_of_fishers_z(data):
    labelings = several(data, fewest=3)
    n, mean = len(labelings), stability(labelings)
    assume(mean < 1)
    without = np.array([stability(labelings[:i] + labelings[i + 1 :]) for i in range(n)])
    error = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    reach = student_t.ppf(0.975, n - 1) * error / (1 - mean**2)  # the derivative of artanh
    low, high = jackknife_interval(pairwise_agreement(labelings)[0])
    assert low == pytest.approx(np.tanh(np.arctanh(mean) - reach), abs=1e-9)
    assert high == pytest.approx(np.tanh(np.arctanh(mean) + reach), abs=1e-9)
    assert -1 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= 1


def test_two_runs_have_no_interval_and_equal_runs_one_without_width():
    same = np.arange(30) % 3
    assert agreement([same, same]).ari_interval is None
    found = agreement([same, (same + 1) % 3, same])
    assert (found.ari, found.ari_interval, found.nmi, found.nmi_interval) == (1.0, (1.0, 1.0), 1.0, (1.0, 1.0))


@pytest.mark.slow
@pytest.mark.parametrize(("n_runs", "low", "high"), [(5, 0.91, 0.97), (10, 0.91, 0.97), (30, 0.92, 0.98)])
def test_nineteen_in_twenty_intervals_hold_the_truth(n_runs, low, high):
    rng = np.random.default_rng(1)
    many, _ = pairwise_agreement(noisy(rng, rng.beta(2, 5, 1500)))
    truth = many[np.triu_indices(1500, 1)].mean()
    intervals = [
        jackknife_interval(pairwise_agreement(noisy(rng, rng.beta(2, 5, n_runs)))[0]) for _ in range(800)
    ]  # fmt: skip
    assert low <= np.mean([a <= truth <= b for a, b in intervals]) <= high


@given(st.data())
def test_clusters_of_the_medoid_have_the_jaccard_of_their_best_likes(data):
    labelings = several(data)
    assume(all(len(set(labels)) > 1 for labels in labelings))
    found = agreement(labelings)
    ari = pairwise_agreement(labelings)[0]
    assert ari[found.medoid].sum() == pytest.approx(ari.sum(axis=1).max())

    def members(labels, c):
        return set(np.flatnonzero(labels == c))

    def similarity(a, b):
        return len(a & b) / len(a | b)

    medoid = labelings[found.medoid]
    others = [[members(other, d) for d in set(other) - {-1}] for i, other in enumerate(labelings) if i != found.medoid]
    expected = [
        np.mean([max(similarity(members(medoid, c), other) for other in clusters) for clusters in others])
        for c in sorted(set(medoid) - {-1})
    ]
    assert found.jaccard == pytest.approx(expected)


def test_a_split_cluster_is_dissolved_and_the_others_are_highly_stable():
    whole = np.repeat([0, 1, 2], 40)
    split = whole.copy()
    split[80:100], split[80:82] = 3, 0  # half of cluster 2 is another one, and two of its points are in 0
    found = agreement([whole, whole, split])
    assert found.medoid == 0
    assert found.jaccard == pytest.approx(((1 + 40 / 42) / 2, 1.0, (1 + 20 / 40) / 2))
    assert (found.n_dissolved, found.n_stable, found.n_highly_stable) == (0, 3, 2)
    assert agreement([whole, split]).n_dissolved == 1  # .5 is dissolved


def test_points_on_which_runs_disagree_are_found_whatever_clusters_are_called():
    base = np.repeat([0, 1, 2], 20)
    moved = base.copy()
    moved[:4] = 1
    found = agreement([base, (base + 1) % 3, (moved + 2) % 3, base * 10])
    assert found.point_agreement == pytest.approx(np.where(np.arange(60) < 4, 3 / 4, 1.0))


def test_collapsed_runs_are_refused_rather_than_called_stable():
    one = np.zeros(20, int)
    with pytest.raises(ValueError, match="leave collapsed runs out"):
        agreement([one, one, one])
    with pytest.raises(ValueError, match=r"\[1\]"):
        agreement([np.arange(20) % 2, one])
    with pytest.raises(ValueError, match="at least 2"):
        agreement([np.arange(20) % 2])


def test_votes_that_agree_have_no_entropy_and_split_ones_that_of_their_shares():
    base = np.repeat([0, 1, 2], 20)
    moved, other = base.copy(), base.copy()
    moved[0], other[0] = 1, 2
    votes = vote_entropy([base, (base + 1) % 3, base, (moved + 2) % 3, other])
    assert votes[0] == pytest.approx(entropy([3, 1, 1]))
    assert (votes[1:] == 0).all()


def test_a_cluster_that_matches_none_agrees_with_nobody():
    base = np.repeat([0, 1], 10)
    third = base.copy()
    third[:3] = 2
    votes = vote_entropy([base, third, third + 5])  # the two call it by numbers of their own
    assert votes[:3] == pytest.approx(entropy([1, 1, 1]))
    assert (votes[3:] == 0).all()


def by_sets(labelings):
    """Return the disagreement of runs point by point, from the sets of points that each run puts together."""
    n, values = len(labelings[0]), []
    for x in range(n):
        sets = [{i for i in range(n) if labels[i] == labels[x] != -1} for labels in labelings]
        pairs = itertools.combinations(sets, 2)
        values.append(np.mean([1 - len(a & b) / len(a | b) if a and b else 1 for a, b in pairs]))
    return values


@given(st.data())
def test_disagreement_is_one_less_the_jaccard_similarity_of_the_sets_that_hold_a_point(data):
    """With noise, gaps in the labels, and other numbers of clusters in every run."""
    labelings = several(data)
    assert pairwise_disagreement(labelings) == pytest.approx(by_sets(labelings))


@given(st.data())
def test_disagreement_knows_no_names_of_clusters_and_no_first_run(data):
    labelings = several(data, fewest=3)
    renamed = [np.where(labels == -1, -1, (labels * 7 + i) % 11) for i, labels in enumerate(labelings)]
    assert pairwise_disagreement(renamed[::-1]) == pytest.approx(pairwise_disagreement(labelings))


def test_a_point_of_noise_is_held_by_no_cluster_and_takes_no_cluster_from_others():
    run = np.array([-1, -1, 0, 0, 1, 1])
    assert pairwise_disagreement([run, run]).tolist() == [1, 1, 0, 0, 0, 0]
    assert pairwise_disagreement([run, np.array([2, 3, 0, 0, 1, 1])]).tolist() == [1, 1, 0, 0, 0, 0]


def test_a_reference_that_splits_and_merges_makes_runs_that_agree_seem_to_differ():
    """The example of the guide: four runs hold the classes A, B and C; the first one holds A and B as one, C as two."""
    classes = np.repeat([0, 1, 2], 40)
    reference = np.repeat([0, 0, 1, 2], [40, 40, 20, 20])
    a_to_c, b_to_c = classes.copy(), classes.copy()
    a_to_c[0], b_to_c[40] = 2, 2  # one point each decides whether A or B is called as the merged cluster
    others = [a_to_c, b_to_c, a_to_c, b_to_c]
    names = [set(aligned(labels, reference)[1:40]) for labels in others]
    assert names[0] != names[1], "A has another name in runs that differ in two points of 120"
    votes, unaligned = vote_entropy([reference, *others]), pairwise_disagreement([reference, *others])
    rest = np.delete(np.arange(120), [0, 40])
    assert votes[rest[:78]].min() > 0.5, "all of A and B look uncertain"
    assert unaligned[rest].max() < 0.25, "four of ten pairs differ, by half of a cluster"
    assert unaligned[[0, 40]].min() > unaligned[rest].max() + 0.3, "the two points that runs move are found"
    assert votes[0] <= votes[rest[:78]].max(), "by votes they do not stand out"


def test_disagreement_of_five_runs_of_seventy_thousand_points_takes_a_second():
    labelings = noisy(np.random.default_rng(0), np.full(5, 0.3), n=70_000, k=10)
    start = time.process_time()
    pairwise_disagreement(labelings)
    assert time.process_time() - start < 5


def test_thirty_runs_of_seventy_thousand_points_take_seconds():
    rng = np.random.default_rng(0)
    labelings = noisy(rng, np.full(30, 0.3), n=70_000, k=10)
    start = time.process_time()
    agreement(labelings)
    assert time.process_time() - start < 20  # two at rest; a table of pairs of points would take hours
