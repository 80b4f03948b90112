"""What a report takes from several runs: agreement of the healthy ones, and the disagreement of five others."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import entropy
from sklearn.metrics import average_precision_score, roc_auc_score

from bench.metrics.external import aligned
from bench.metrics.registry import BETWEEN_RUNS
from bench.metrics.stability import pairwise_disagreement, stability
from bench.metrics.uncertainty import mis_clustered_of
from bench.records.record import Record
from bench.records.results import CollectedRuns, frame_of
from bench.records.store import Run
from bench.report.between_runs import agreements_of, disagreement_columns, stability_of

N, K = 400, 5
CLASSES = np.arange(N) % K
HARD = np.arange(N) < 120


def noisy(*seed):
    """Return the classes under other names, with half of the hard points in clusters drawn at random."""
    rng = np.random.default_rng(seed)
    labels = np.where(HARD & (rng.random(N) < 0.5), rng.integers(K, size=N), CLASSES)
    return (labels + seed[-1]) % K


def record(variant, seed, *, flags=(), status="ok", kind="deterministic", seeded=True, twin=None, **more):
    return Record(
        key=f"{variant}-{seed}",
        dataset="digits",
        fingerprint="f0",
        method=variant,
        version=1,
        preset=None,
        variant=variant,
        title=variant,
        kind=kind,
        config=f"c-{variant}",
        seeded=seeded,
        twin=twin and f"c-{twin}",
        params={},
        seed=seed,
        status=status,
        flags=list(flags),
        metrics={"acc": 0.5} if status == "ok" else {},
        metrics_version=1,
        versions={},
        hardware={},
        commit=None,
        **more,
    )


def results_of(folder, cells, classes=CLASSES):
    """Return the results of a run with these records and labels."""
    run = Run(folder)
    with run.lock():
        for made, labels in cells:
            run.write(made, {"labels": labels} if made.status == "ok" else {})
        (folder / "data").mkdir(exist_ok=True)
        if classes is not None:
            np.savez(folder / "data" / "f0.npz", classes=classes, class_names=np.array(list("vwxyz")))
    return CollectedRuns(frame_of([made for made, _ in cells]), [run], [], {}, {})


def pair(n_seeds, sick=None):
    """Return cells of a deterministic method and of a stochastic one whose twin it is."""
    sick = sick or {}
    dec = [(record("dec", s, flags=sick.get(s, ())), noisy(1, s)) for s in range(n_seeds)]
    return dec + [(record("sdec", s, kind="stochastic", twin="dec"), noisy(2, s)) for s in range(n_seeds)]


def one(results, variant, seed):
    frame = results.frame
    found = disagreement_columns(results)
    return found.loc[(frame["variant"] == variant) & (frame["seed"] == seed)].iloc[0]


def expected(voters, labels, seed):
    """Return AUROC and AUPR of the votes' entropy on the scoring half, each step by hand."""
    stacked = np.stack([aligned(v, voters[0]) for v in voters])
    votes = np.array([entropy(np.unique(column, return_counts=True)[1]) for column in stacked.T])
    scoring, wrong = mis_clustered_of(labels, CLASSES, "f0", seed)
    return roc_auc_score(wrong, votes[scoring]), average_precision_score(wrong, votes[scoring])


def test_five_other_runs_of_the_twin_judge_a_stochastic_cell(tmp_path):
    results = results_of(tmp_path, pair(7))
    for seed, voters in ((6, (0, 1, 2, 3, 4)), (2, (0, 1, 3, 4, 5))):
        row = one(results, "sdec", seed)
        found = row["auroc_disagreement"], row["aupr_disagreement"]
        assert found == pytest.approx(expected([noisy(1, s) for s in voters], noisy(2, seed), seed))
        assert found[0] > 0.8  # the hard points are where both methods err
        scoring, wrong = mis_clustered_of(noisy(2, seed), CLASSES, "f0", seed)
        unaligned = pairwise_disagreement([noisy(1, s) for s in voters])[scoring]
        assert row["auroc_unaligned_disagreement"] == pytest.approx(roc_auc_score(wrong, unaligned))


def test_disagreement_without_alignment_does_not_depend_on_which_run_is_the_first(tmp_path):
    """One run of five merges two classes and splits a third: as the reference it would decide the others' names."""
    merged = np.select([CLASSES < 2, (CLASSES == 2) & (np.arange(N) % 2 == 0)], [0, 1], CLASSES)
    voters = [merged, *(noisy(1, s) for s in range(1, 5))]
    found = []
    for order in ([0, 1, 2, 3, 4], [3, 1, 2, 0, 4]):
        cells = [(record("dec", seed), voters[voter]) for seed, voter in enumerate(order)]
        cells.append((record("sdec", 9, kind="stochastic", twin="dec"), noisy(2, 9)))
        found.append(one(results_of(tmp_path / str(order[0]), cells), "sdec", 9))
    assert found[0]["auroc_unaligned_disagreement"] == pytest.approx(found[1]["auroc_unaligned_disagreement"])
    assert found[0]["auroc_disagreement"] != found[1]["auroc_disagreement"]


def test_a_deterministic_cell_is_judged_by_its_own_other_seeds_never_by_itself(tmp_path):
    results = results_of(tmp_path, pair(6))
    row = one(results, "dec", 0)
    assert row["auroc_disagreement"] == pytest.approx(
        expected([noisy(1, s) for s in (1, 2, 3, 4, 5)], noisy(1, 0), 0)[0]
    )
    assert list(row.index) == [metric.name for metric in BETWEEN_RUNS]


def test_with_fewer_than_five_other_healthy_runs_nothing_is_said(tmp_path):
    five = results_of(tmp_path / "five", pair(5))
    assert disagreement_columns(five).isna().all(axis=None)  # each has four others
    sick = results_of(tmp_path / "sick", pair(7, {0: ["collapsed"], 1: ["partly collapsed"]}))
    found = disagreement_columns(sick).assign(variant=sick.frame["variant"], seed=sick.frame["seed"])
    there = found.dropna()[["variant", "seed"]].to_numpy().tolist()
    assert there == [["dec", 1], ["sdec", 0], ["sdec", 1]]  # the others are among the five healthy ones


def test_methods_without_seeds_unlabelled_data_and_lone_methods_have_no_voters(tmp_path):
    fixed = [(record("kmeans", s, seeded=False), noisy(1, s)) for s in range(7)]
    assert disagreement_columns(results_of(tmp_path / "fixed", fixed)).isna().all(axis=None)
    unlabelled = results_of(tmp_path / "unlabelled", pair(7), classes=None)
    assert disagreement_columns(unlabelled).isna().all(axis=None)
    alone = [(record("vade", s, kind="stochastic"), noisy(1, s)) for s in range(7)]
    assert disagreement_columns(results_of(tmp_path / "alone", alone)).isna().all(axis=None)


def test_columns_have_the_index_of_the_frame_and_failed_cells_are_empty(tmp_path):
    cells = pair(7)
    cells[9] = (record("sdec", 2, kind="stochastic", twin="dec", status="failed", error="no"), None)
    results = results_of(tmp_path, cells)
    results = CollectedRuns(results.frame.iloc[::-1], results.runs, [], {}, {})
    found = disagreement_columns(results)
    pd.testing.assert_index_equal(found.index, results.frame.index)
    assert (found.isna().any(axis=1) == (results.frame["status"] == "failed")).all()


def test_total_collapse_never_reads_as_stable_or_confident(tmp_path):
    same = np.zeros(N, int)
    collapsed = [(record("sdec", s, flags=["collapsed"]), same) for s in range(7)]
    results = results_of(tmp_path / "all", collapsed)
    assert np.isnan(stability_of(results)).all()
    assert agreements_of(results) == {}
    assert disagreement_columns(results).isna().all(axis=None)

    partly = [(record("sdec", s, flags=["partly collapsed"]), CLASSES // 4) for s in range(7)]
    results = results_of(tmp_path / "partly", partly)
    assert np.isnan(stability_of(results)).all()
    assert agreements_of(results) == {}

    some = [(record("sdec", s, flags=["collapsed"] if s < 3 else []), same if s < 3 else noisy(s)) for s in range(6)]
    results = results_of(tmp_path / "some", some)
    alone = stability([noisy(s) for s in (3, 4, 5)])
    assert stability_of(results) == pytest.approx([alone] * 6)
    found = agreements_of(results)["digits", "sdec"]
    assert (found.n_runs, found.ari) == (3, pytest.approx(alone))


def test_degenerate_variance_is_no_reason_to_leave_a_run_out(tmp_path):
    cells = [(record("sdec", s, flags=["degenerate variance"]), noisy(s)) for s in range(3)]
    assert agreements_of(results_of(tmp_path, cells))["digits", "sdec"].n_runs == 3


def test_agreement_is_of_thirty_runs_at_most_and_of_none_where_variants_are_many(tmp_path):
    many = results_of(tmp_path / "runs", [(record("dec", s), noisy(s)) for s in range(32)])
    assert agreements_of(many)["digits", "dec"].n_runs == 30
    assert stability_of(many)[0] == pytest.approx(stability([noisy(s) for s in range(30)]))
    grid = [(record(f"dec{v}", s), noisy(s)) for v in range(21) for s in range(11)]
    grid = results_of(tmp_path / "grid", grid)
    assert agreements_of(grid) == {}
    assert stability_of(grid)[0] == pytest.approx(stability([noisy(s) for s in range(10)]))
