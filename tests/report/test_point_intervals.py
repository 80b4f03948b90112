"""Intervals over points beside those over seeds."""

import numpy as np
import pytest

from bench.metrics import find_metric
from bench.report.board import BoardRuns
from bench.report.sections.contrasts import section
from tests.report.made_runs import texts_of
from tests.report.test_between_runs import CLASSES, N, record, results_of


def cells(n_wrong, n_seeds=10):
    """A deterministic and a stochastic method that have so many points wrong, others for each seed."""
    made = []
    for variant, wrong, more in (("dec", n_wrong[0], {}), ("sdec", n_wrong[1], {"kind": "stochastic", "twin": "dec"})):
        for seed in range(n_seeds):
            labels = CLASSES.copy()
            points = np.random.default_rng((wrong, seed)).permutation(N)[: wrong + seed % 3]
            labels[points] = (labels[points] + 1) % (CLASSES.max() + 1)
            cell = record(variant, seed, **more)
            made.append((cell.model_copy(update={"metrics": {"acc": float((labels == CLASSES).mean())}}), labels))
    return made


def dataset_of(results, metric="acc"):
    frame = results.frame.assign(planned=10, revised=False)
    (runs,) = BoardRuns("fixed", frame, find_metric(metric), results).datasets
    return runs


def test_the_interval_over_points_is_that_of_a_paired_bootstrap(tmp_path):
    results = results_of(tmp_path, cells((60, 20)))
    (row,) = section.rows(dataset_of(results)).to_dict("records")
    right = {
        name: np.mean([results.runs[0].outputs(f"{name}-{seed}")["labels"] == CLASSES for seed in range(10)], axis=0)
        for name in ("dec", "sdec")
    }
    difference = right["sdec"] - right["dec"]  # of each point, and so many are right that no other matching is best
    drawn = np.random.default_rng(0).choice(difference, size=(4000, N)).mean(axis=1)
    assert (row["points_ci_low"], row["points_ci_high"]) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.004)


def test_the_sentence_keeps_seeds_and_points_apart_and_names_the_wider(tmp_path):
    (sentence,) = texts_of(section, dataset_of(results_of(tmp_path, cells((60, 20)))))
    assert ", 95 % CI over seeds [" in sentence
    assert sentence.count("(the wider)") == 1
    over_points = sentence.partition("over points ")[2]
    assert over_points.partition("]")[2].startswith(" (the wider), p ")


def test_runs_whose_labels_are_gone_have_no_interval_over_points(tmp_path):
    results = results_of(tmp_path, cells((60, 20)))
    (tmp_path / "outputs" / "sdec-3.npz").unlink()
    (row,) = section.rows(dataset_of(results)).to_dict("records")
    assert np.isnan(row["points_ci_low"])
    assert row["wider"] == ""


def test_data_without_classes_have_no_interval_over_points(tmp_path):
    (row,) = section.rows(dataset_of(results_of(tmp_path, cells((60, 20)), classes=None))).to_dict("records")
    assert row["wider"] == ""
