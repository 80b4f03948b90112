"""Points without a class, noise among true labels, are fitted like all others and enter no metric against classes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench.data.dataset import NO_CLASS, Dataset
from bench.metrics import all_metrics, score
from bench.metrics.external import external_scores, matched_classes
from bench.metrics.registry import UNLABELLED
from bench.metrics.uncertainty import mis_clustered
from bench.records.store import Run
from bench.report import plots
from bench.report.plots import Look
from bench.report.plots.one_run import OneRun, figures_of_run
from bench.selection.decide import choose_by_labels
from bench.selection.rule import HeldOutRun

N, K = 60, 3
RNG = np.random.default_rng(0)
Y = np.arange(N) % K
X = np.clip(0.1 + 0.35 * Y[:, None] + RNG.normal(0, 0.1, (N, 4)), 0, 1).astype(np.float32)
AGAINST_CLASSES = [row.name for row in all_metrics() if "classes" in row.needs]
#: These take one number of all points, with a class or without: a fit of KMeans, a temperature, a width of the kernel.
OF_ALL_POINTS = ("_reclustered", "_temperature", "_smoothed_kernel")
OF_POINTS = [name for name in AGAINST_CLASSES if not name.endswith(OF_ALL_POINTS)]


def dataset(y, x=X):
    return Dataset("made-up", x, np.asarray(y), K, None, ("a", "b", "c"), "0" * 64)


def outputs_of(labels, seed=0):
    rng = np.random.default_rng(seed)
    q = rng.dirichlet(np.ones(4), len(labels))
    return {
        "labels": labels,
        "soft_assignment": q,
        "sampled_assignment": rng.dirichlet(np.ones(4), len(labels)),
        "sampled_entropy": rng.random(len(labels)),
        "embedding": rng.random((len(labels), 2)),
        "embedding_variance": rng.random((len(labels), 2)),
        "draw_labels": rng.integers(0, 4, (5, len(labels))),
    }


def taken(outputs, chosen):
    return {name: of[:, chosen] if name == "draw_labels" else of[chosen] for name, of in outputs.items()}


@given(
    arrays(np.int64, N, elements=st.integers(-1, 3)),
    arrays(bool, N),
    st.integers(0, 3),
)
@settings(max_examples=25, deadline=None)
def test_points_without_a_class_change_no_metric_against_classes(labels, without, seed):
    labels[:4] = [0, 1, 2, 3]  # no collapse, which is judged on all points
    labels[4:8], without[:6] = [0, 1, 2, 3], False
    y = np.where(without, NO_CLASS, Y)
    outputs = outputs_of(labels, seed)
    found, why = score(outputs, dataset(y), seed)
    part, why_part = score(taken(outputs, ~without), dataset(Y[~without], X[~without]), seed)
    if not any("collapsed" in reason for reason in why_part.values()):
        assert {n: found[n] for n in OF_POINTS} == pytest.approx({n: part[n] for n in OF_POINTS}, abs=1e-12)
        assert {n: why.get(n) for n in OF_POINTS} == {n: why_part.get(n) for n in OF_POINTS}


def test_metrics_without_classes_keep_the_points_that_have_none():
    y = np.where(np.arange(N) < 20, NO_CLASS, Y)
    outputs = outputs_of((np.arange(N) * 7) % 4)
    with_them, whole = score(outputs, dataset(y), 0)[0], score(outputs, dataset(Y), 0)[0]
    others = [row.name for row in all_metrics() if row.name not in AGAINST_CLASSES]
    assert {n: with_them[n] for n in others} == {n: whole[n] for n in others}
    assert with_them["acc"] != whole["acc"]


def test_the_embedding_is_clustered_again_with_all_points_and_judged_on_those_with_a_class():
    y = np.where(np.arange(N) < 20, NO_CLASS, Y)
    outputs = {"labels": Y, "embedding": X}
    found = score(outputs, dataset(y), 0)[0]
    from bench.metrics.scoring import recluster

    again = recluster(X, K)[y != NO_CLASS]
    assert found["acc_reclustered"] == external_scores(Y[y != NO_CLASS], again)["acc"]


def test_data_without_any_class_are_unlabelled():
    metrics, reasons = score(outputs_of(Y), dataset(np.full(N, NO_CLASS)), 0)
    assert {reasons[name] for name in AGAINST_CLASSES} == {UNLABELLED}
    assert metrics["silhouette_pixels"] is not None
    assert dataset(np.full(N, NO_CLASS)).classes is None
    assert dataset(Y).n_without_class == dataset(np.full(N, NO_CLASS)).n_without_class == 0
    assert dataset(np.where(Y == 0, NO_CLASS, Y)).n_without_class == 20


def test_a_cluster_is_not_named_after_noise_even_where_most_of_it_is():
    classes = np.array([-1, -1, -1, 0, 1])
    assert matched_classes(np.array([0, 0, 0, 0, 1]), classes) == {0: 0, 1: 1}


def test_the_points_that_are_judged_are_named_by_their_place_among_all():
    y = np.where(np.arange(N) % 4 == 0, NO_CLASS, Y)
    scoring, wrong = mis_clustered(Y, dataset(y), 0)
    assert (y[scoring] != NO_CLASS).all()
    assert len(scoring) == 23, "half of the 45 that have a class"
    assert not wrong.any()


def test_a_choice_by_labels_leaves_points_without_a_class_out():
    from types import SimpleNamespace

    from bench.data.selection_split import heldout_indices

    y = np.where(np.arange(N) % 2 == 0, NO_CLASS, Y)
    data = dataset(y)
    held_out = heldout_indices(data)
    labels = np.where(y[held_out] == NO_CLASS, 0, y[held_out])
    configuration = SimpleNamespace(config="c", variant="v", params={})
    entry = SimpleNamespace(
        candidates=[SimpleNamespace(configuration=configuration)],
        fixed=SimpleNamespace(configuration=configuration),
        dataset="made-up", fingerprint="0" * 64, entry="v", title="V",
    )  # fmt: skip
    chosen = choose_by_labels(entry, [[HeldOutRun(0, labels)]], data, [0], "acc")
    assert chosen.candidates[0].score == 1.0


# In pictures, and as they are kept


def one_run(y, **outputs):
    kept = {"classes": y, "class_names": np.array(["a", "b", "c"])}
    return OneRun(outputs, kept, "0" * 64, 0, "m", Look("#000000", "o"), False, ("d", "m"), "M on d")


@pytest.mark.figures
def test_pictures_leave_points_without_a_class_out_or_say_what_they_are():
    y = np.where(np.arange(N) < 20, NO_CLASS, Y)
    figures = [f for f in figures_of_run(one_run(y, labels=Y, embedding=X), None) if f is not None]
    told = {figure.name.split("-")[0]: figure for figure in figures}
    assert "20 points that have no class are left out" in told["confusion"].alt
    assert "20 points without a class left out" in told["confusion"].svg
    assert "no class 20" in told["map"].alt
    whole = plots.confusion(Y, Y, ["a", "b", "c"], name="c", title="t")
    assert "no class" not in whole.alt + whole.svg


def test_a_point_without_a_class_is_not_framed_as_wrong():
    y = np.where(np.arange(N) < 20, NO_CLASS, Y)
    points = np.array([[[0, 20], [1, 21]]])
    run = one_run(y, labels=np.zeros(N, int), extreme_points=points, extreme_images=np.zeros((1, 2, 2, 4), np.uint8))
    kept = {**run.kept, "samples": np.zeros((3, 2, 2), np.float32)}
    from bench.report.plots.one_run import _certain_points

    said = _certain_points(replace(run, kept=kept)).alt
    assert "1 of the 2 most certain, 0 of the 2 least" in said or "0 of the 2 most certain, 1 of the 2 least" in said


def test_a_run_keeps_classes_with_their_noise_and_none_where_all_points_are(tmp_path):
    run = Run(tmp_path)
    run.write_dataset(dataset(np.where(Y == 0, NO_CLASS, Y)))
    assert (run.dataset("0" * 64)["classes"] == NO_CLASS).sum() == 20
    run.write_dataset(dataset(np.full(N, NO_CLASS)))
    assert run.dataset("0" * 64) == {}
