"""Small classes that a clustering loses: mean class recall and the number of classes without a cluster."""

import io
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rich.console import Console
from sklearn.metrics import balanced_accuracy_score

from bench.metrics import find_metric, find_ranking_metric
from bench.metrics.external import classes_lost, clustering_accuracy, external_scores, mean_class_recall
from bench.report.board import BoardRuns
from bench.report.document import Board, Column, Content, Part, Report, Table
from bench.report.formats.terminal import print_report
from bench.report.sections.leaderboard import section
from bench.report.values import Count, Name, Number

CLASSES = arrays(np.int64, st.integers(1, 12), elements=st.integers(0, 3))


def test_imbalance_hides_a_lost_class_from_the_accuracy_but_not_from_these():
    y = np.repeat([0, 1, 2], [500, 500, 3])
    split = np.where(y == 2, 1, y)  # the three lie in the cluster of class 1, and two strays have one of their own
    split[:2] = 2
    found = external_scores(y, split)
    assert found["acc"] > 0.994
    assert found["mean_class_recall"] == pytest.approx((0.996 + 1 + 0) / 3)
    assert found["classes_lost"] == 1
    assert external_scores(y, y)["classes_lost"] == 0


def test_one_cluster_for_all_is_the_cluster_of_one_class_however_equal_they_are():
    y = np.arange(50) % 10
    assert classes_lost(y, np.zeros(50, int)) == 9
    assert mean_class_recall(y, np.zeros(50, int)) == pytest.approx(0.1)


def test_a_class_with_one_stray_in_a_cluster_of_others_has_no_cluster():
    y = np.repeat([0, 1], [500, 3])
    labels = np.r_[np.zeros(498), [1, 1], [0, 0, 1]].astype(int)
    assert mean_class_recall(y, labels) == pytest.approx((0.996 + 1 / 3) / 2)
    assert classes_lost(y, labels) == 1


def test_points_called_noise_are_in_no_cluster_of_their_class():
    y = np.repeat([0, 1], [6, 4])
    labels = np.r_[np.zeros(6), [1, -1, -1, -1]].astype(int)
    assert mean_class_recall(y, labels) == pytest.approx((1 + 0.25) / 2)
    assert classes_lost(y, labels) == 0
    assert (mean_class_recall(y, np.full(10, -1)), classes_lost(y, np.full(10, -1))) == (0, 2)


def namings(y, labels):
    """Yield every way to name clusters after different classes or none."""
    clusters = sorted(set(labels.tolist()) - {-1})
    names = [*sorted(set(y.tolist())), *[None] * len(clusters)]
    for of in set(itertools.permutations(names, len(clusters))):
        yield dict(zip(clusters, of, strict=True))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_recall_is_the_balanced_accuracy_of_the_best_matching(data):
    y = data.draw(CLASSES)
    labels = data.draw(arrays(np.int64, len(y), elements=st.integers(-1, 3)))
    best = (-1.0, -1.0)
    for naming in namings(y, labels):
        named = np.array([99 if c == -1 or naming[c] is None else naming[c] for c in labels.tolist()])
        recalls = [(named == y)[y == c].mean() for c in set(y.tolist())]
        best = max(best, (round((named == y).mean(), 9), round(float(np.mean(recalls)), 9)))
    assert (clustering_accuracy(y, labels), mean_class_recall(y, labels)) == pytest.approx(best, abs=1e-8)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_recall_is_what_scikit_learn_says_where_the_matching_is_plain(data):
    y = data.draw(CLASSES.filter(lambda y: len(set(y.tolist())) == 4))
    labels = np.where(data.draw(arrays(np.int64, len(y), elements=st.integers(0, 4))) == 0, (y + 1) % 4, y)
    big_y, big = np.r_[y, np.repeat(np.arange(4), 20)], np.r_[labels, np.repeat(np.arange(4), 20)]
    assert mean_class_recall(big_y, 3 - big) == pytest.approx(balanced_accuracy_score(big_y, big))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_lost_is_the_fewest_classes_without_a_cluster_that_they_lead(data):
    y = data.draw(CLASSES)
    labels = data.draw(arrays(np.int64, len(y), elements=st.integers(-1, 3)))

    def leads(c, cluster):
        inside = y[labels == cluster].tolist()
        return inside.count(c) == max(map(inside.count, inside))

    most = max(sum(leads(c, cluster) for cluster, c in n.items() if c is not None) for n in namings(y, labels))
    assert classes_lost(y, labels) == len(set(y.tolist())) - most


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_names_of_clusters_and_order_of_points_change_nothing(data):
    y = data.draw(CLASSES)
    labels = data.draw(arrays(np.int64, len(y), elements=st.integers(-1, 3)))
    order = data.draw(st.permutations(range(len(y))))
    names = np.r_[data.draw(st.permutations(range(7)))[:4], -1]  # the last stays noise
    found, other = external_scores(y, labels), external_scores(y[order], names[labels[order]])
    assert other == pytest.approx(found, abs=1e-9)


def test_methods_can_be_ranked_by_both():
    assert find_ranking_metric("mean_class_recall").greater_is_better is True
    assert find_ranking_metric("classes_lost").greater_is_better is False
    assert find_metric("mean_class_recall").unit_scale
    assert not find_metric("classes_lost").unit_scale


# In the tables


def shown(width):
    columns = (Column("method", words=True), Column("ACC ± sd"), Column("recall", aside=3), Column("lost", aside=3))
    rows = ((Name("kmeans"), Number(0.997, None, 0.001), Number(0.667), Count(1)),)
    board = Board("fixed", "Fixed", "", (content("leaderboard", Table("Leaderboard", columns, rows)),))
    console = Console(width=width, force_terminal=True, no_color=True, file=io.StringIO())
    print_report(Report("t", "s", (board,)), console)
    return console.file.getvalue()


def content(name, table):
    return Content(name, name, (Part("d", pd.DataFrame(), (), (table,)),))


def test_a_terminal_too_narrow_for_them_leaves_them_out():
    assert ".667" in shown(60)
    assert ".667" not in shown(24)
    assert ".997 ± .001" in shown(24), "numbers stay on one line"


def test_leaderboards_hold_both_beside_the_accuracy_and_where_records_lack_them_they_do_not():
    def table(**metrics):
        made = {"dataset": "d", "method": "m", "variant": "m", "title": "M", "config": "c", "twin": None}
        made |= {"role": "asked", "kind": "deterministic", "seeded": True, "planned": 2, "status": "ok", "flags": []}
        made |= {"unlabelled": False, "revised": False, "hardware": "h", "wall_time": 1.0, "peak_memory": 1.0}
        frame = pd.DataFrame([made | {"seed": seed, "acc": 0.997} | metrics for seed in range(2)])
        (runs,) = BoardRuns("fixed", frame, find_metric("acc"), None).datasets
        rows = section.rows(runs)
        return section.table(rows), rows.to_dict("records")[0]

    both, _ = table(mean_class_recall=0.667, classes_lost=1.0)
    assert [column.heading for column in both.columns][:5] == ["method", "runs", "ACC ± sd", "recall", "lost"]
    assert [value.text for value in both.rows[0]][:5] == ["M", "2/0/0", ".997 ± .000", ".667", "1"]
    neither, _ = table()
    assert not {"recall", "lost"} & {column.heading for column in neither.columns}
    _, row = table(classes_lost=1.5)
    assert row["classes_lost_mean"] == 1.5
    assert np.isnan(row["mean_class_recall_mean"])
