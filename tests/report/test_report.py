"""What a report says of odd runs, how runs are put together, and what is refused."""

import json
import re
from html import unescape

import numpy as np
import pandas as pd
import pytest

from bench.data.dataset import Dataset
from bench.errors import InputError
from bench.metrics import METRICS_VERSION
from bench.records.record import Record
from bench.records.results import rescored
from bench.records.store import Run
from bench.report.plots.figure import Figure

FILES = [
    "index.csv",
    "leaderboard.csv",
    "leaderboard.md",
    "leaderboard.tex",
    "plan.json",
    "report.html",
    "scores.csv",
    "scores.parquet",
]


def texts_of(folder):
    """The Markdown and the page, as readers see them."""
    page = re.sub(r"<(style|script)>.*?</\1>|<[^>]+>", " ", (folder / "report.html").read_text(), flags=re.DOTALL)
    markdown = re.sub(r"\\(.)", r"\1", (folder / "leaderboard.md").read_text())
    return {"page": " ".join(unescape(page).split()), "markdown": markdown}


def assert_said(folder, *sentences):
    for name, text in texts_of(folder).items():
        for sentence in sentences:
            assert sentence in text, f"{name} lacks: {sentence}"


def run_tiny(cli, folder, *arguments):
    command = ["run", "quick", "--limit", "200", "--out", folder, "--device", "cpu"]
    return cli(*command, *arguments)


def test_a_report_of_an_unfinished_run_says_what_is_missing(cli, tmp_path):
    folder = tmp_path / "run"
    assert run_tiny(cli, folder, "--methods", "kmeans", "--seeds", "6")[0] == 0
    for path in sorted((folder / "records").iterdir())[:2]:
        path.unlink()
    assert cli("report", folder)[0] == 0
    assert_said(folder, "Unfinished: 2 of 6 runs have not been made.", "KMeans 4 of 6")
    for path in (folder / "records").iterdir():
        path.unlink()
    assert cli("report", folder)[0] == 0
    assert_said(folder, "No run has finished (0 runs ok, 0 failed).", "Unfinished: 6 of 6 runs")


def test_a_missing_variant_counts_in_the_family(cli, tmp_path, plugins):
    folder = tmp_path / "run"
    methods = f"kmeans,{plugins}:Parity,{plugins}:OneCluster"
    assert run_tiny(cli, folder, "--methods", methods, "--seeds", "6")[0] == 0
    before = pd.read_csv(folder / "leaderboard.csv").set_index("method")["p_adjusted"]
    for path in (folder / "records").iterdir():
        if "OneCluster" in json.loads(path.read_text())["method"]:
            path.unlink()
    assert cli("report", folder)[0] == 0
    after = pd.read_csv(folder / "leaderboard.csv").set_index("method")["p_adjusted"]
    parity = f"{plugins}:Parity"
    assert after[parity] >= before[parity], "what is still to come must not make a claim easier"


def test_a_report_of_an_all_failed_run_says_why(cli, tmp_path, plugins):
    folder = tmp_path / "run"
    assert run_tiny(cli, folder, "--methods", f"{plugins}:Raises", "--seeds", "2")[0] == 3
    assert cli("report", folder)[0] == 0
    assert_said(folder, "No run has finished (0 runs ok, 2 failed).", "RuntimeError: this method always fails")
    assert sorted(p.name for p in folder.iterdir() if p.suffix and p.name in FILES) == FILES


def test_a_report_of_one_seed_claims_nothing(cli, tmp_path):
    folder = tmp_path / "run"
    assert run_tiny(cli, folder, "--methods", "kmeans,ae_kmeans", "--seeds", "1")[0] == 0
    assert_said(folder, "not compared")
    board = pd.read_csv(folder / "leaderboard.csv")
    assert set(board["verdict"]) == {"reference", "not compared"}
    assert board["rank_best"].tolist() == [1, 1]
    assert board["rank_worst"].tolist() == [2, 2]
    assert_said(folder, "Unknown. These runs hold no stochastic method together with its deterministic counterpart.")


def test_a_report_of_unlabelled_data_says_that_there_is_nothing_to_compare_by(cli, tmp_path):
    np.save(tmp_path / "points.npy", np.random.default_rng(0).random((60, 4)))
    folder = tmp_path / "run"
    arguments = ["--datasets", tmp_path / "points.npy", "--clusters", "3", "--methods", "kmeans", "--seeds", "2"]
    assert cli("run", "quick", *arguments, "--out", folder)[0] == 0
    (tmp_path / "points.npy").unlink()  # a report needs no data
    assert cli("report", folder)[0] == 0
    assert_said(folder, "The data set is unlabelled: there is no ACC to compare by (2 runs ok, 0 failed).")


def test_a_report_of_a_single_method_has_its_pictures_and_no_claim(cli, tmp_path):
    folder = tmp_path / "run"
    quick = ["--set", "vae_kmeans.pretrain_epochs=2"]
    assert run_tiny(cli, folder, "--methods", "vae_kmeans", "--seeds", "2", "--ablations", "none", *quick)[0] == 0
    assert_said(folder, "too few seeds (2; 6 needed)", "VAE+KMeans")
    assert "<figure" in (folder / "report.html").read_text()
    assert not [*folder.rglob("*.svg"), *folder.rglob("*.png")], "figures are in the page"
    assert cli("report", folder, "--png")[0] == 0
    kinds = {path.name.split("-")[0] for path in (folder / "figures").glob("*.png")}
    assert {"contrasts", "scores", "confusion", "samples", "latent", "map", "curves"} <= kinds
    assert (folder / "report.html").stat().st_size < 3_000_000
    scores = pd.read_parquet(folder / "scores.parquet")
    assert (len(scores), set(scores["variant"])) == (
        4,
        {"vae_kmeans pretrain_epochs=2", "ae_kmeans (twin of vae_kmeans) pretrain_epochs=2"},
    )


def test_a_folder_without_cells_or_that_is_no_run_is_refused_in_a_line(cli, tmp_path):
    (tmp_path / "suite.toml").write_text(
        'name = "s"\npreset = "quick"\nmethods = ["kmeans"]\ndatasets = ["digits"]\nseeds = 2'
    )
    for folder, message in ((tmp_path, "no runs to report"), (tmp_path / "none", "not the folder of a run")):
        code, _, err = cli("report", folder)
        assert (code, err.count("\n")) == (2, 1)
        assert message in err
    assert not (tmp_path / "none").exists()


# -- several runs ---------------------------------------------------------------------------------


def record(variant, seed, score, **changes):
    made = {
        "dataset": "digits",
        "fingerprint": "f" * 64,
        "method": variant.split()[0],
        "version": 1,
        "preset": "quick",
        "variant": variant,
        "title": variant.upper(),
        "kind": "deterministic",
        "config": f"c-{variant}",
        "seeded": True,
        "twin": None,
        "params": {},
        "seed": seed,
        "status": "ok",
        "metrics": {"acc": score},
        "metrics_version": METRICS_VERSION,
        "timings": {"fit": 3.0},
        "peak_memory": 500.0,
        "versions": {"python": "3.11"},
        "hardware": {"device": "cpu", "processor": "a processor", "threads": 1},
        "commit": None,
    } | changes
    place = (made["fingerprint"][:4], made["config"], made["seed"])
    return Record(key=changes.get("key", "-".join(map(str, place)).replace(" ", "_")), **made)


@pytest.fixture
def make_run(tmp_path):
    """Write the folder of a run from records."""

    def make(name, records, primary_metric="acc", seeds=6):
        run = Run(tmp_path / name)
        with run.lock():
            for r in records:
                run.write(r, {"labels": np.arange(8) % 3} if r.status == "ok" else {})
        (run.folder / "suite.toml").write_text(
            f'name = "{name}"\npreset = "quick"\nmethods = ["dec"]\ndatasets = ["digits"]\nseeds = {seeds}\n'
            f'primary_metric = "{primary_metric}"\n'
        )
        return run.folder

    return make


def scores_for(variant, mean, seeds=range(6), **changes):
    return [record(variant, seed, mean + 0.001 * seed * (1 + len(variant) % 3), **changes) for seed in seeds]


def board_in(folder):
    return pd.read_csv(folder / "leaderboard.csv").set_index("variant")


def test_runs_are_put_together_and_a_shared_cell_counts_once(make_run, cli, tmp_path):
    a = make_run("a", scores_for("dec", 0.7))
    b = make_run("b", [*scores_for("kmeans", 0.5), *scores_for("dec", 0.7, seeds=range(2))])
    out = tmp_path / "both"
    code, printed, _ = cli("report", a, b, "--out", out)
    assert code == 0
    board = board_in(out)
    assert board["n_scored"].to_dict() == {"dec": 6, "kmeans": 6}
    assert board.loc["kmeans", "verdict"] == "worse"
    note = "2 runs occur in several folders; each counts once, as in the first."
    assert note in printed
    assert_said(out, note)
    assert not (a / "report.html").exists(), "nothing is written into the runs"


@pytest.mark.parametrize("apart", [False, True])
def test_a_cell_run_again_beside_outliers_counts_once(make_run, cli, tmp_path, apart):
    """Outliers change the key of a cell and nothing that is fitted: a seed must not occur twice."""
    seen = {"noise": {"margin": {"auroc": 0.9, "aupr": 0.8, "fpr95": 0.1}}}
    plain = scores_for("dec", 0.7)
    again = [r.model_copy(update={"key": f"{r.key}-beside", "outliers": seen}) for r in plain]
    runs = [make_run("a", plain), make_run("b", again)] if apart else [make_run("a", [*plain, *again])]
    for order in (runs, runs[::-1]):
        code, _, err = cli("report", *order, "--out", tmp_path / "out")
        assert code == 0, err
        assert_said(tmp_path / "out", "6 runs repeated with other outliers; each counts once, with the most outliers.")
        assert board_in(tmp_path / "out")["n_scored"].to_dict() == {"dec": 6}
        assert "Outlier" in texts_of(tmp_path / "out")["page"]


def test_a_cell_that_failed_in_one_run_and_ended_well_in_another_ended_well(make_run, cli, tmp_path):
    failed = record("dec", 0, None, status="failed", metrics={}, error="lost")
    a, b = (
        make_run("a", [failed, *scores_for("dec", 0.7, range(1, 6))]),
        make_run("b", scores_for("dec", 0.7, range(1))),
    )
    for order in ((a, b), (b, a)):
        assert cli("report", *order, "--out", tmp_path / "out")[0] == 0
        assert board_in(tmp_path / "out").loc["dec", ["n_ok", "n_failed"]].tolist() == [6, 0]


def test_a_configuration_is_one_variant_whether_it_was_asked_for_or_ran_as_a_twin(make_run, cli, tmp_path):
    twin = {"config": "c-dec", "method": "dec", "role": "twin", "preset": None, "title": "DEC (twin of SDEC)"}
    a = make_run("a", [*scores_for("sdec", 0.8, kind="stochastic", twin="c-dec"),
                       *scores_for("dec (twin of sdec)", 0.7, range(3), **twin)])  # fmt: skip
    b = make_run("b", scores_for("dec", 0.7, range(3, 6)))
    assert cli("report", a, b, "--out", tmp_path / "out")[0] == 0
    board = board_in(tmp_path / "out")
    assert board["n_scored"].to_dict() == {"sdec": 6, "dec": 6}
    assert pd.read_csv(tmp_path / "out" / "contrasts.csv").loc[0, "counterpart"] == "dec"
    assert pd.read_csv(tmp_path / "out" / "contrasts.csv").loc[0, "n_pairs"] == 6


def test_presets_of_one_name_are_told_apart_and_values_by_data_set_are_not(make_run, cli, tmp_path):
    other = {"dataset": "usps", "fingerprint": "e" * 64}
    a = make_run("a", scores_for("dec", 0.7))
    quick = make_run("b", scores_for("dec", 0.6, config="c-usps", **other))
    paper = make_run("c", scores_for("dec", 0.6, config="c-paper", preset="paper", **other))
    assert cli("report", a, quick, "--out", tmp_path / "same")[0] == 0
    assert list(board_in(tmp_path / "same").index) == ["dec", "dec"]
    assert cli("report", a, paper, "--out", tmp_path / "two")[0] == 0
    assert list(board_in(tmp_path / "two").index) == ["dec@quick", "dec@paper"]


def test_times_from_different_hardware_share_no_table_and_quality_does(make_run, cli, tmp_path):
    gpu = {"hardware": {"device": "a GPU", "processor": "x", "threads": 1}}
    a, b = make_run("a", scores_for("dec", 0.7)), make_run("b", scores_for("kmeans", 0.5, **gpu))
    assert cli("report", a, b, "--out", tmp_path / "out")[0] == 0
    board = board_in(tmp_path / "out")
    assert board["mean"].notna().all()
    assert board[["wall_time_mean", "peak_memory_max"]].isna().all(axis=None)
    assert_said(tmp_path / "out", "Time and memory are not compared: the runs come from different hardware")
    assert "figure-time-" not in (tmp_path / "out" / "report.html").read_text()
    same = make_run("same", scores_for("kmeans", 0.5))
    assert cli("report", a, same, "--out", tmp_path / "allowed")[0] == 0
    assert board_in(tmp_path / "allowed")["wall_time_mean"].tolist() == [3.0, 3.0]
    assert "figure-time-" in (tmp_path / "allowed" / "report.html").read_text()


def test_other_data_of_one_name_are_refused_between_runs_in_any_order(make_run, cli, tmp_path):
    revised = scores_for("dec", 0.7, fingerprint="e" * 64)
    a, b = make_run("a", scores_for("dec", 0.7)), make_run("b", revised)
    both = make_run("both", [*scores_for("dec", 0.7), *revised])
    for order in ((a, b), (b, a), (both, a), (a, both)):
        code, _, err = cli("report", *order, "--out", tmp_path / "out")
        assert code == 2
        assert "digits is not the same data in these runs" in err
        assert "results on different data are not compared" in err
    assert cli("report", both)[0] == 0, "one run keeps them apart"
    assert_said(both, "Fewer than two data sets have", "digits #eeeeee", "digits #ffffff")


def test_other_primary_metrics_are_refused(make_run, cli, tmp_path):
    a, b = make_run("a", scores_for("dec", 0.7)), make_run("b", scores_for("kmeans", 0.5), primary_metric="nmi")
    code, _, err = cli("report", a, b, "--out", tmp_path / "out")
    assert code == 2
    assert "different primary metrics" in err


def test_another_metrics_version_is_scored_again_or_refused(make_run, cli, tmp_path):
    a = make_run("a", [*scores_for("dec", 0.7), record("kmeans", 0, 0.5, metrics_version=METRICS_VERSION - 1)])
    code, _, err = cli("report", a)
    assert code == 2
    assert f"metrics of version {METRICS_VERSION - 1}, which are not compared with version {METRICS_VERSION}" in err


def test_a_number_of_clusters_is_told_where_it_is_not_the_one_that_was_asked_for(make_run, cli):
    def told(name, **params):
        found = {"acc": 0.7, "n_clusters_used": 3.0, "noise_share": 0.0}
        folder = make_run(name, [record("dec", seed, 0.7, params=params, metrics=found) for seed in range(3)])
        assert cli("report", folder)[0] == 0
        return texts_of(folder)

    rule = "Numbers of clusters are means over runs"
    assert not any(rule in text for text in told("asked", n_clusters=3).values())
    assert all("3 of 4" in text for text in told("fewer", n_clusters=4).values())
    assert all(rule in text for text in told("unasked").values())


def test_outputs_that_may_not_be_any_more_are_named_not_a_traceback(make_run):
    run = Run(make_run("a", [record("odd", 0, 0.5, metrics_version=METRICS_VERSION - 1)]))
    run.write(next(iter(run.records())), {"labels": np.array([0, 1, -2])})
    data = Dataset("digits", np.eye(3, dtype=np.float32), None, 2, None, None, "f" * 64)
    with pytest.raises(InputError, match=r"c-odd-0 cannot be scored again: labels .* must be -1 \(noise\) or more"):
        list(rescored(run, lambda: [data]))


def test_several_runs_need_a_folder_and_a_run_named_twice_is_one(make_run, cli, tmp_path, monkeypatch):
    a, b = make_run("a", scores_for("dec", 0.7)), make_run("b", scores_for("kmeans", 0.5))
    code, _, err = cli("report", a, b)
    assert code == 2
    assert "--out FOLDER" in err
    monkeypatch.chdir(a)
    assert cli("report", a, ".", a / ".." / "a", "--out", tmp_path / "out")[0] == 0
    assert board_in(tmp_path / "out")["n_scored"].tolist() == [6]


HOSTILE = "</script><script>window.__hacked=1</script> \x1b[31m ${jndi} `x` ../../etc | $\\input{x}$ \u202e"


def test_hostile_names_stay_names_in_every_file(make_run, cli, tmp_path):
    named = {"title": HOSTILE, "dataset": HOSTILE, "preset": HOSTILE, "hardware": {"processor": HOSTILE}}
    named["outliers"] = {HOSTILE: {"entropy": {"auroc": 0.7, "aupr": 0.6, "fpr95": 0.5}}}
    records = [r.model_copy(update={"variant": HOSTILE}) for r in scores_for("dec", 0.7, **named)]
    bad = record("x", 0, None, title=HOSTILE * 3, status="failed", metrics={}, error=HOSTILE, dataset=HOSTILE)
    folder = make_run("a", [*records, bad])
    code, out, _ = cli("report", folder)
    assert code == 0
    for name in ("leaderboard.md", "leaderboard.csv", "leaderboard.tex", "scores.csv", "index.csv"):
        assert "\x1b" not in (folder / name).read_text(), name
    assert "\x1b" not in out
    page = (folder / "report.html").read_text()
    assert "<script>window" not in page
    assert page.count("<script") == 1
    assert "\\input" not in (folder / "leaderboard.tex").read_text()
    assert {p.parent for p in tmp_path.rglob("*.csv")} <= {folder, folder / "tables"}


@pytest.mark.parametrize("name", ["+ x", "1. x", "- x", "[x]", ""])
def test_a_name_that_means_something_in_a_markup_is_written_out(make_run, cli, name):
    folder = make_run("a", scores_for("dec", 0.7, title=name, kind="stochastic", twin="c-k") + scores_for("k", 0.6))
    assert cli("report", folder)[0] == 0
    assert (name or "(unnamed)") in texts_of(folder)["page"]


# -- nothing is written where nothing has changed -------------------------------------------------


def state_of(folder):
    """The content and the time of every file but the lock."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


@pytest.fixture
def drawings(monkeypatch):
    """The figures that are drawn, by name."""
    drawn = []
    svg = type(Figure.__dict__["svg"])(lambda figure: drawn.append(figure.name) or "<svg/>")
    svg.__set_name__(Figure, "svg")
    monkeypatch.setattr(Figure, "svg", svg)
    monkeypatch.setattr(
        "bench.report.write.render_page", lambda report, digest: f'<meta name="made-from" content="{digest}">'
    )
    return drawn


def test_a_report_that_nothing_has_changed_for_touches_no_file_and_draws_nothing(make_run, cli, drawings):
    folder = make_run("a", scores_for("dec", 0.7) + scores_for("kmeans", 0.5))

    def redrawn(*options):
        drawings.clear()
        assert cli("report", folder, *options)[0] == 0
        return bool(drawings)

    assert redrawn()
    before = state_of(folder)
    _, first, _ = cli("report", folder)
    assert not drawings[len(set(drawings)) :]
    assert not redrawn()
    assert state_of(folder) == before
    assert "best mean first" in first, "the terminal is told all the same"
    (folder / "leaderboard.md").unlink()
    assert redrawn(), "a file is gone"
    assert redrawn("--against", "published")
    assert redrawn(), "an option has changed back"
    path = next((folder / "records").iterdir())
    path.write_text(path.read_text().replace("0.7", "0.8").replace("0.5", "0.4"))
    assert redrawn(), "a record has changed"
    assert not redrawn()


def test_the_same_command_again_writes_nothing_anew(cli, tmp_path):
    folder = tmp_path / "run"
    assert run_tiny(cli, folder, "--methods", "kmeans", "--seeds", "2")[0] == 0
    before = state_of(folder)
    code, out, _ = run_tiny(cli, folder, "--methods", "kmeans", "--seeds", "2")
    assert (code, " 0 to run" in out) == (0, True)
    assert cli("report", folder)[0] == 0
    after = state_of(folder)
    assert {name for name in before if after.get(name) != before[name]} <= {"suite.toml"}
    assert after.keys() == before.keys()
