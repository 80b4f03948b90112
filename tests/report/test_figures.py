"""Which runs and outputs the pictures of a report are made from."""

from dataclasses import replace

import numpy as np
import pytest

from bench.metrics import find_metric
from bench.metrics.uncertainty import halves
from bench.records.record import Record
from bench.records.results import Results, frame_of
from bench.records.store import Run
from bench.report.boards import boards_of
from bench.report.figures import grid_lines, section_figures
from bench.report.pictures import pictures_of
from bench.report.plots import looks_of
from bench.report.runs_frame import median_run

ACC = find_metric("acc")
N = 40
CLASSES = np.arange(N) % 4
OF_SDEC = [
    *("confusion", "reliability", "risk", "certain", "draws", "latent", "map", "curves"),
]
OF_DEC = ["confusion", "reliability", "risk", "samples", "latent", "map", "curves"]


def outputs(seed, *, drawn=True, **less):
    rng = np.random.default_rng(seed)
    labels = np.where(np.arange(N) < 4, CLASSES, (CLASSES + 1) % 4)  # four are wrong
    assignment = np.where(np.eye(4)[labels], 0.7, 0.1)
    whole = {
        "labels": labels,
        "soft_assignment": assignment,
        "embedding": rng.normal(size=(N, 3)).astype(np.float32),
        "reconstruction": rng.random((4, 64)).astype(np.float32),
        "history/phase": np.array(["cluster"] * 3),
        "history/epoch": np.arange(1.0, 4.0),
        "history/loss": np.array([3.0, 2.0, 1.0 + seed]),
    }
    if drawn:
        points = np.array([np.flatnonzero(labels == cluster)[:8].reshape(2, 4) for cluster in range(4)])
        whole |= {
            "embedding_variance": rng.random((N, 3)).astype(np.float32),
            "sampled_assignment": assignment,
            "sampled_entropy": rng.random(N),
            "reconstruction_mean": rng.random((4, 64)),
            "reconstruction_sd": rng.random((4, 64)),
            "extreme_points": points,
            "extreme_images": rng.integers(0, 255, (4, 2, 4, 64)).astype(np.uint8),
        }
    return {name: values for name, values in whole.items() if name not in less}


@pytest.fixture
def run(tmp_path):
    """Three seeds each of a stochastic variant, its twin, and KMeans, which has labels alone."""
    run = Run(tmp_path)
    with run.lock():
        for variant, scores, twin in (("sdec", (0.9, 0.7, 0.8), "dec"), ("dec", (0.6, 0.5, 0.7), None)):
            for seed, score in enumerate(scores):
                run.write(record(variant, seed, score, twin=twin), outputs(seed, drawn=twin is not None))
        for seed, score in enumerate((0.4, 0.3, 0.2)):
            run.write(record("kmeans", seed, score), {"labels": CLASSES})
        (tmp_path / "data").mkdir()
        samples = np.random.default_rng(0).random((4, 8, 8)).astype(np.float32)
        np.savez(tmp_path / "data" / "f0.npz", samples=samples, classes=CLASSES, class_names=np.array(list("wxyz")))
    return run


def record(variant, seed, score, *, twin=None, dataset="digits", **params):
    return Record(
        key=f"{dataset}-{variant}-{seed}".replace(" ", "-"),
        dataset=dataset,
        fingerprint="f0",
        method=variant.split()[0],
        version=1,
        preset=None,
        variant=variant,
        title=" ".join([variant.split()[0].upper(), *variant.split()[1:]]),
        kind="stochastic" if twin else "deterministic",
        config=f"c-{variant}",
        seeded=True,
        twin=twin and f"c-{twin}",
        params={"random_state": seed, **params},
        seed=seed,
        status="ok",
        metrics={"acc": score},
        metrics_version=1,
        timings={"cluster": 2.0},
        versions={},
        hardware={},
        commit=None,
    )


def kinds(pictures):
    return [figure.name.split("-")[0] for figure in pictures.figures]


def board_of(records):
    (board,) = boards_of({"fixed": frame_of(records)}, "acc")
    return board


def shown(run, **limits):
    records = list(run.records())
    return pictures_of(Results(frame_of(records), [run], [], {}, {}), board_of(records), **limits)


def by_variant(run, **limits):
    return {p.variant: p for p in shown(run, **limits)}


def sdec(run):
    """Return the pictures of the best variant alone, in a third of the time."""
    return by_variant(run, per_dataset=1)["SDEC"]


def test_every_variant_has_the_pictures_that_its_outputs_allow(run):
    pictures = by_variant(run)
    assert kinds(pictures["SDEC"]) == OF_SDEC
    assert kinds(pictures["DEC"]) == OF_DEC
    assert kinds(pictures["KMEANS"]) == ["confusion"]
    names = [figure.name for p in pictures.values() for figure in p.figures]
    assert len(set(names)) == len(names)


def test_pictures_are_of_the_median_run_and_say_so(run):
    assert "Seed 2, the median run of 3 by ACC (.800)" in sdec(run).note


def test_of_an_even_number_of_runs_the_lower_middle_one_is_shown():
    records = [record("dec", seed, score) for seed, score in enumerate((0.9, 0.7, 0.8, 0.2))]
    assert median_run(frame_of(records), ACC)["seed"] == 1


def test_runs_without_a_score_are_no_median_unless_there_are_no_others():
    some = frame_of([record("dec", seed, score) for seed, score in enumerate((None, 0.7, None))])
    assert median_run(some, ACC)["seed"] == 1
    assert median_run(some.assign(acc=np.nan), ACC)["seed"] == 0


@pytest.mark.figures
def test_the_twin_is_in_the_learning_curves(run):
    curves = sdec(run).figures[-1]
    assert "DEC</text>" in curves.svg
    assert "loss 3 to 2" in curves.alt  # the mean of 1, 2 and 3


@pytest.mark.parametrize("lost", ["reconstruction_sd", "embedding", "history/loss", "labels", "soft_assignment"])
def test_an_output_that_an_older_run_lacks_costs_its_own_figure_only(run, lost):
    for seed in range(3):
        run.write(record("sdec", seed, 0.9, twin="dec"), outputs(seed, **{lost: None}))
    gone = {
        "reconstruction_sd": {"draws"},  # and the reconstructions at the mean take its place
        "embedding": {"latent", "map"},
        "history/loss": {"curves"},
        "labels": {"confusion", "reliability", "risk", "certain", "map"},
        "soft_assignment": set(),  # draws have confidence too
    }[lost]
    assert set(kinds(sdec(run))) - {"samples"} == set(OF_SDEC) - gone


def by_kind(pictures):
    return {figure.name.split("-")[0]: figure for figure in pictures.figures}


def test_confidence_is_drawn_at_the_mean_over_draws_and_of_the_twin(run):
    alt = by_kind(sdec(run))["reliability"].alt
    # Seed 2 is the median run: its wrong points of the scoring half make the accuracy, its confidence is .7.
    scoring = halves("f0", N, 2)[1]
    accuracy = 1 - (scoring < 4).mean()
    gap = f"{accuracy - 0.7:.3f}".removeprefix("0")
    for whose in ("SDEC, at the mean", "SDEC, over draws", "; DEC"):
        assert f"{whose}: mean gap {gap} over 1 bins, accuracy on average {gap} above confidence" in alt


def test_risk_is_of_the_scores_that_the_outputs_allow_and_tells_which_sample(run):
    pictures = by_variant(run, per_dataset=2)
    ours, twin = (by_kind(pictures[name])["risk"].alt for name in ("SDEC", "DEC"))
    assert "MI (sampling)" in ours
    assert "latent variance (sampling)" in ours
    assert "1 − max q " in twin
    assert "sampling" not in twin


def test_a_twin_without_that_seed_or_with_damaged_outputs_costs_its_own_curve(run):
    (run.folder / "outputs" / "digits-dec-2.npz").write_bytes(b"PK no archive")
    alt = by_kind(sdec(run))["reliability"].alt
    assert "SDEC, over draws" in alt
    assert "; DEC" not in alt


@pytest.mark.parametrize("how", ["one cluster", "one row"])
def test_a_collapsed_run_is_neither_certain_nor_calibrated_and_a_note_says_why(run, how):
    flat = {"labels": np.zeros(N, int)} if how == "one cluster" else {"soft_assignment": np.full((N, 4), 0.25)}
    for variant, twin in (("sdec", "dec"), ("dec", None)):
        for seed in range(3):
            run.write(record(variant, seed, 0.5, twin=twin), outputs(seed, drawn=twin is not None) | flat)
    both = by_variant(run)
    for pictures in (both["SDEC"], both["DEC"]):
        assert not {"reliability", "risk", "certain"} & set(kinds(pictures))
        assert "No pictures of its confidence: the run collapsed" in pictures.note


def test_a_collapsed_twin_is_not_drawn_as_calibrated(run):
    for seed in range(3):
        run.write(record("dec", seed, 0.5), outputs(seed, drawn=False) | {"labels": np.zeros(N, int)})
    assert "; DEC" not in by_kind(sdec(run))["reliability"].alt


def test_framed_points_are_those_in_clusters_of_another_class(run):
    alt = by_kind(sdec(run))["certain"].alt
    assert alt.endswith("in a frame: 4 of the 16 most certain, 0 of the 16 least.")


@pytest.mark.parametrize(
    "broken",
    [
        {"soft_assignment": np.full((N, 4), np.nan)},
        {"sampled_entropy": np.zeros(N - 1)},
        {"extreme_images": np.zeros((4, 2, 4, 9), np.uint8)},
        {"extreme_points": np.zeros((3, 2, 4), int)},
        {"reconstruction_sd": np.zeros((4, 9))},
    ],
)
def test_outputs_of_a_wrong_shape_or_that_are_not_finite_cost_no_report(run, broken):
    for seed in range(3):
        run.write(record("sdec", seed, 0.9, twin="dec"), outputs(seed) | broken)
    assert {"confusion", "latent", "map", "curves"} <= set(kinds(sdec(run)))


def test_without_what_was_kept_of_the_data_the_map_is_coloured_by_cluster(run):
    (run.folder / "data" / "f0.npz").unlink()
    pictures = sdec(run)
    assert kinds(pictures) == ["latent", "map", "curves"]
    assert "by clusters" in pictures.figures[1].title


def test_damaged_outputs_are_noted_and_nothing_else_is_lost(run):
    (run.folder / "outputs" / "digits-sdec-2.npz").write_bytes(b"PK no archive")  # the median run of S-DEC
    (run.folder / "outputs" / "digits-dec-1.npz").write_bytes(b"PK no archive")  # not that of DEC
    pictures = by_variant(run)
    assert not pictures["SDEC"].figures
    assert "No pictures: " in pictures["SDEC"].note
    assert "digits-sdec-2.npz" in pictures["SDEC"].note
    assert kinds(pictures["DEC"]) == OF_DEC
    assert "The outputs of 1 runs cannot be read" in pictures["DEC"].note


def test_of_many_variants_the_best_are_shown_and_a_note_says_so(run):
    pictures = by_variant(run, per_dataset=2)
    assert set(pictures) == {"SDEC", "DEC"}
    assert any("the best 2 of 3 variants" in p.note for p in pictures.values())


def test_no_data_set_uses_up_the_pictures_of_the_next(run):
    for seed in range(3):
        run.write(record("kmeans", seed, 0.5, dataset="usps"), {"labels": CLASSES})
    assert [(p.dataset, p.variant) for p in shown(run, in_all=2)] == [("digits", "SDEC"), ("usps", "KMEANS")]


def test_a_run_that_failed_has_no_pictures(run):
    for seed in range(3):
        run.write(record("dec", seed, None).model_copy(update={"status": "failed"}), {})
    pictures = by_variant(run)
    assert set(pictures) == {"SDEC", "KMEANS"}
    assert pictures["SDEC"].figures, "its twin has no runs, and that is all"


def test_a_grid_over_one_parameter_is_a_curve_with_its_twin(tmp_path):
    records = [
        record(f"sdec beta={beta}", seed, 0.5 + seed / 100, twin="dec", beta=beta, warmup=0.0)
        for beta in (0.001, 0.01, 1.0)
        for seed in range(2)
    ]
    records += [record("dec", seed, 0.4 + seed / 100) for seed in range(2)]
    board = board_of(records)
    looks = looks_of(board.frame)
    figures = section_figures(board.datasets[0], "fixed", {r.config: r.params for r in records}, looks)
    assert [figure.name.split("-")[0] for figure in figures] == ["scores", "time", "parameter"]
    assert figures[-1].title == "ACC of SDEC over beta on digits"
    assert "0.001: .505 ± .007; 0.01: .505 ± .007; 1: .505 ± .007; counterpart .405" in figures[-1].alt
    assert len(section_figures(board.datasets[0], "fixed", {}, looks)) == 2


def test_quality_against_time_is_drawn_for_one_machine_alone(run):
    records = list(run.records())
    tables = board_of(records).datasets[0]
    assert section_figures(tables, "fixed", {}, {})[1].name.startswith("time")
    other = replace(tables, runs=tables.runs.assign(hardware=["a", "b", "c"] * 3))
    assert section_figures(other, "fixed", {}, {})[1] is None


def test_variants_that_differ_in_two_parameters_are_no_curve():
    values = [{"beta": b, "width": w, "mode": "x", "flag": True} for b, w in ((1, 1), (2, 2), (3, 3))]
    assert grid_lines({str(i): v for i, v in enumerate(values)}) == []
    grid = {f"{b} {w}": {"beta": b, "width": w} for b in (1, 2, 3) for w in (5, 6)}
    lines = grid_lines(grid)
    assert [(parameter, sorted(line.values())) for parameter, line in lines] == [("beta", [1, 2, 3])] * 2
