"""Which runs and outputs the pictures of a report are made from."""

from dataclasses import replace

import numpy as np
import pytest

from bench.leaderboard.boards import boards_of
from bench.leaderboard.gather import median_run, pictures_of, section_figures
from bench.leaderboard.grids import grid_lines
from bench.leaderboard.plots import looks_of
from bench.metrics import find_metric
from bench.results import Results, frame_of
from bench.store import Record, Run

ACC = find_metric("acc")
N = 40
CLASSES = np.arange(N) % 4


def outputs(seed, **less):
    rng = np.random.default_rng(seed)
    whole = {
        "labels": (CLASSES + 1) % 4,
        "embedding": rng.normal(size=(N, 3)).astype(np.float32),
        "embedding_variance": rng.random((N, 3)).astype(np.float32),
        "reconstruction": rng.random((4, 64)).astype(np.float32),
        "history/phase": np.array(["cluster"] * 3),
        "history/epoch": np.arange(1.0, 4.0),
        "history/loss": np.array([3.0, 2.0, 1.0 + seed]),
    }
    return {name: values for name, values in whole.items() if name not in less}


@pytest.fixture
def run(tmp_path):
    """Three seeds each of a stochastic variant, its twin, and KMeans, which has labels alone."""
    run = Run(tmp_path)
    with run.lock():
        for variant, scores, twin in (("sdec", (0.9, 0.7, 0.8), "dec"), ("dec", (0.6, 0.5, 0.7), None)):
            for seed, score in enumerate(scores):
                run.write(record(variant, seed, score, twin=twin), outputs(seed))
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


def test_every_variant_has_the_pictures_that_its_outputs_allow(run):
    pictures = by_variant(run)
    assert kinds(pictures["SDEC"]) == ["confusion", "samples", "variance", "map", "curves"]
    assert kinds(pictures["KMEANS"]) == ["confusion"]
    names = [figure.name for p in pictures.values() for figure in p.figures]
    assert len(set(names)) == len(names)


def test_pictures_are_of_the_median_run_and_say_so(run):
    assert by_variant(run)["SDEC"].note.startswith("Seed 2, the median run of 3 by ACC (.800)")


def test_of_an_even_number_of_runs_the_lower_middle_one_is_shown():
    records = [record("dec", seed, score) for seed, score in enumerate((0.9, 0.7, 0.8, 0.2))]
    assert median_run(frame_of(records), ACC)["seed"] == 1


def test_runs_without_a_score_are_no_median_unless_there_are_no_others():
    some = frame_of([record("dec", seed, score) for seed, score in enumerate((None, 0.7, None))])
    assert median_run(some, ACC)["seed"] == 1
    assert median_run(some.assign(acc=np.nan), ACC)["seed"] == 0


def test_the_twin_is_in_the_learning_curves(run):
    curves = by_variant(run)["SDEC"].figures[-1]
    assert "DEC</text>" in curves.svg
    assert "loss 3 to 2" in curves.alt  # the mean of 1, 2 and 3


@pytest.mark.parametrize("lost", ["reconstruction", "embedding", "history/loss", "labels"])
def test_an_output_that_an_older_run_lacks_costs_its_own_figure_only(run, lost):
    for seed in range(3):
        run.write(record("sdec", seed, 0.5, twin="dec"), outputs(seed, **{lost: None}))
    gone = {
        "reconstruction": {"samples"},
        "embedding": {"variance", "map"},
        "history/loss": {"curves"},
        "labels": {"confusion", "map"},
    }[lost]
    assert set(kinds(by_variant(run)["SDEC"])) == {"confusion", "samples", "variance", "map", "curves"} - gone


def test_without_what_was_kept_of_the_data_the_map_is_coloured_by_cluster(run):
    (run.folder / "data" / "f0.npz").unlink()
    pictures = by_variant(run)["SDEC"]
    assert kinds(pictures) == ["variance", "map", "curves"]
    assert "by clusters" in pictures.figures[1].title


def test_damaged_outputs_are_noted_and_nothing_else_is_lost(run):
    (run.folder / "outputs" / "digits-sdec-2.npz").write_bytes(b"PK no archive")  # the median run of S-DEC
    (run.folder / "outputs" / "digits-dec-1.npz").write_bytes(b"PK no archive")  # not that of DEC
    pictures = by_variant(run)
    assert not pictures["SDEC"].figures
    assert "No pictures: " in pictures["SDEC"].note
    assert "digits-sdec-2.npz" in pictures["SDEC"].note
    assert kinds(pictures["DEC"]) == ["confusion", "samples", "variance", "map", "curves"]
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
    assert "0.001: .505 ± .007; 0.01: .505 ± .007; 1: .505 ± .007; twin .405" in figures[-1].alt
    assert len(section_figures(board.datasets[0], "fixed", {}, looks)) == 2


def test_quality_against_time_is_drawn_for_one_machine_alone(run):
    records = list(run.records())
    tables = board_of(records).datasets[0]
    assert section_figures(tables, "fixed", {}, {})[1].name.startswith("time")
    other = replace(tables, cells=tables.cells.assign(hardware=["a", "b", "c"] * 3))
    assert section_figures(other, "fixed", {}, {})[1] is None


def test_variants_that_differ_in_two_parameters_are_no_curve():
    values = [{"beta": b, "width": w, "mode": "x", "flag": True} for b, w in ((1, 1), (2, 2), (3, 3))]
    assert grid_lines({str(i): v for i, v in enumerate(values)}) == []
    grid = {f"{b} {w}": {"beta": b, "width": w} for b in (1, 2, 3) for w in (5, 6)}
    lines = grid_lines(grid)
    assert [(parameter, sorted(line.values())) for parameter, line in lines] == [("beta", [1, 2, 3])] * 2
