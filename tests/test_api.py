"""The Python face: what a program or a notebook sees."""

import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.cluster import KMeans

import bench
from bench.errors import InputError
from bench.method import MethodInfo
from methods import DEC

SMALL = {"sdec.hidden_dims": [(16,)], "sdec.pretrain_epochs": 1, "sdec.max_iter": 5}


class Mine(ClusterMixin, BaseEstimator):
    """A clusterer that no worker can import."""

    def __init__(self, n_clusters=8, random_state=None, tries=1):
        self.n_clusters, self.random_state, self.tries = n_clusters, random_state, tries

    def fit(self, X, y=None):
        self.labels_ = KMeans(self.n_clusters, n_init=self.tries, random_state=self.random_state).fit(X).labels_
        return self


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("api") / "run"


@pytest.fixture(scope="module")
def results(folder):
    return bench.run(
        methods=["kmeans", "sdec", Mine(tries=2)],
        seeds=2,
        limit=100,
        settings=SMALL,
        ablations=[],
        out=folder,
        jobs=2,
        progress=False,
    )


def test_a_run_returns_one_row_for_each_planned_run(results):
    counts = results.scores.groupby("method")["seed"].count()
    assert counts.to_dict() == {"__main__:Mine": 2, "dec": 2, "kmeans": 2, "sdec": 2} or counts.sum() == 8
    assert (results.scores["status"] == "ok").all()


def test_an_object_of_the_program_is_fitted_with_its_parameters(results):
    mine = results.params.loc[next(name for name in results.params.index if name.startswith("Mine"))]
    assert mine["tries"] == 2


def test_an_object_scores_as_the_same_clusterer_alone(results):
    own = results.scores.loc[results.scores["title"].str.startswith("Mine") & (results.scores["seed"] == 0)].iloc[0]
    assert 0.3 < own["acc"] <= 1


def test_what_was_run_is_not_run_again_and_reads_the_same(results, folder):
    before = {path: path.stat().st_mtime_ns for path in (folder / "records").iterdir()}
    loaded = bench.load(folder)
    assert {path: path.stat().st_mtime_ns for path in (folder / "records").iterdir()} == before
    pd.testing.assert_frame_equal(loaded.scores, results.scores)
    assert loaded.verdict == results.verdict


def test_contrasts_and_leaderboard_hold_the_numbers_of_the_files(results, folder):
    written = pd.read_csv(folder / "contrasts.csv")
    assert results.contrasts()["difference"].round(9).tolist() == written["difference"].round(9).tolist()
    board = pd.read_csv(folder / "leaderboard.csv")
    assert results.leaderboard()["title"].tolist() == board["title"].tolist()


def test_the_frames_are_copies(results):
    results.scores["acc"] = 0.0
    assert (results.scores["acc"] > 0).all()


@pytest.mark.figures
def test_a_plot_is_a_matplotlib_figure(results, tmp_path):
    results.plot("scores").savefig(tmp_path / "scores.png")
    assert (tmp_path / "scores.png").stat().st_size > 5_000


def test_an_unknown_plot_is_refused_with_those_that_are_known(results):
    with pytest.raises(InputError, match="no plot is named 'score'; there are contrasts, dose, scores"):
        results.plot("score")
    with pytest.raises(InputError, match="not of a data set 'mnist'"):
        results.plot("scores", dataset="mnist")


def test_a_notebook_shows_verdict_and_leaderboard(results):
    html = results._repr_html_()
    assert "Unknown. On digits" in html
    assert html.count("<tr>") == 1 + results.scores["variant"].nunique()


def test_names_are_escaped_in_a_notebook(results, monkeypatch):
    monkeypatch.setattr(type(results), "verdict", "<script>alert(1)</script>")
    assert "<script>" not in results._repr_html_()


def test_a_report_goes_where_it_is_asked_for(results, tmp_path):
    page = results.report(tmp_path / "report")
    assert page == tmp_path / "report" / "report.html"
    assert (page.parent / "leaderboard.md").is_file()


def test_a_data_set_may_be_an_object(tmp_path):
    data = bench.load_dataset("digits", limit=60)
    results = bench.run(methods=["kmeans"], datasets=[data], seeds=2, out=tmp_path / "run", progress=False)
    assert results.scores["fingerprint"].unique().tolist() == [data.fingerprint]


def test_a_declaration_may_be_given(tmp_path):
    info = MethodInfo(name="mine", title="Mine", kind="deterministic", estimator=Mine, version=3)
    results = bench.run(methods=["kmeans", info], seeds=2, limit=60, out=tmp_path / "run", progress=False)
    assert set(results.scores["method"]) == {"kmeans", "mine"}
    assert set(results.scores.loc[results.scores["method"] == "mine", "version"]) == {3}


def test_an_estimator_of_ours_has_its_own_parameters_and_not_those_of_a_preset(tmp_path):
    given = DEC(hidden_dims=(8,), pretrain_epochs=1, max_iter=3)
    results = bench.run(methods=["kmeans", given], seeds=2, limit=60, out=tmp_path / "run", progress=False)
    (params,) = [row for name, row in results.params.iterrows() if name.startswith(("DEC", "IDEC"))]
    names = ("pretrain_epochs", "max_iter", "n_init", "tol", "batch_size")
    assert params["hidden_dims"] == [8]
    assert {name: params[name] for name in names} == {name: given.get_params()[name] for name in names}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"suite": "quack"}, "no suite 'quack'; did you mean quick"),
        ({"methods": ["kmean"]}, "unknown method 'kmean'; did you mean kmeans"),
        ({"methods": [object()]}, "object"),
        ({"settings": {"beta": 1}}, "write METHOD.PARAMETER"),
        ({"seeds": 0}, "0 seeds run nothing"),
        ({"datasets": ["nowhere"]}, "nowhere"),
    ],
)
def test_bad_arguments_are_refused_by_what_was_given(arguments, message, tmp_path):
    with pytest.raises(InputError, match=message):
        bench.run(**{"suite": "quick", "out": tmp_path / "run", "progress": False, **arguments})
    assert not (tmp_path / "run" / "records").exists()


def test_load_refuses_what_is_no_run(tmp_path):
    with pytest.raises(InputError, match="not the folder of a run"):
        bench.load(tmp_path)
    with pytest.raises(InputError, match="takes the folders of runs"):
        bench.load()


def test_an_unknown_name_of_the_package_is_refused_with_those_that_are_known():
    with pytest.raises(AttributeError, match="it has Results, __version__, load, load_dataset, run"):
        bench.runn  # noqa: B018


def test_a_script_without_a_main_guard_runs_once(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import bench
            from sklearn.base import BaseEstimator, ClusterMixin

            print("once")

            class Halves(ClusterMixin, BaseEstimator):
                def __init__(self, n_clusters=2):
                    self.n_clusters = n_clusters

                def fit(self, X, y=None):
                    self.labels_ = (X[:, 20] > X[:, 20].mean()).astype(int)
                    return self

            results = bench.run(methods=["kmeans", Halves], seeds=2, limit=60, out="run", jobs=2, progress=False)
            print(results.scores["status"].unique().tolist(), len(results.scores))
            """
        )
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["once", "['ok'] 3"]


def test_numbers_are_plain(results):
    assert np.issubdtype(results.leaderboard()["mean"].dtype, np.floating)
