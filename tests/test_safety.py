"""What plugins write breaks, escapes and runs nothing; and reading a run executes nothing."""

import dataclasses
import enum
import functools
import json
import pickle
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import torch

from bench.errors import InputError, MethodError
from bench.method import MethodInfo
from bench.plan import registry
from bench.plan.cells import cell_key
from bench.records.store import Run

EVIL = "</script><script>window.__hacked=1</script><img src=x onerror=x>"
PLUGIN = f"""
import warnings
import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from bench.method import MethodInfo

EVIL = {EVIL!r}

class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no words")

class Hostile(ClusterMixin, BaseEstimator):
    def __init__(self, n_clusters=10, path="../../../escaped", text=EVIL + "\\n\\x1b[31m|`$\\\\input{{x}}\\ud800",
                 number=float("nan"), array=np.arange(5000), function=np.mean, table={{"../x": "\\ud800"}},
                 random_state=None):
        self.n_clusters, self.path, self.text, self.number = n_clusters, path, text, number
        self.array, self.function, self.table, self.random_state = array, function, table, random_state

    def fit(self, X, y=None):
        warnings.warn("\\ud800" + EVIL)
        if self.path == "raises":
            raise ValueError("x" * 1_000_000 + "\\ud800\\x00\\x1b[2J\\n../../etc\\n" + EVIL + "\\x1b[2J\\ud800")
        if self.path == "speechless":
            raise Unspeakable
        if self.path == "times":
            self.timings_ = {{"clustering": "long"}}
        if self.path == "columns":
            self.history_ = [{{"../../escaped": 1.0}}]
        else:
            self.history_ = [{{"phase": EVIL, "loss": 1.0}}, {{"phase": ValueError, "loss": float("inf")}}]
            self.timings_ = {{"../../escaped" + EVIL: 1.0, **getattr(self, "timings_", {{}})}}
        self.labels_ = np.arange(len(X)) % self.n_clusters
        self.stop_reason_ = EVIL + "\\ud800"
        return self

info = MethodInfo(name="hostile", title=EVIL + "\\n../x\\x1b[2J\\ud800|*_`$", kind="deterministic",
                  estimator=Hostile, presets={{"quick": {{}}}}, reference=EVIL)
"""


class Tags(HTMLParser):
    """The elements and attributes of a page."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.attributes = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += [name for name, _ in attrs]


def outside(folder):
    """Return what lies in a folder beside a run; a plugin's file is compiled where it lies, as any module is."""
    return {path for path in folder.rglob("*") if not {"run", "__pycache__"} & set(path.parts)}


def test_a_hostile_plugin_breaks_no_record_escapes_no_folder_and_runs_in_no_page(cli, tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    (tmp_path / "hostile.py").write_text(PLUGIN)
    before = outside(tmp_path)
    paths = ["../../a", "<b>", "raises", "speechless", "times", "columns"]
    arguments = ["run", "quick", "--limit", "100", "--seeds", "2", "--methods", "kmeans,../hostile.py"]
    code, out, err = cli(*arguments, "--set", f"hostile.path={','.join(paths)}", "--out", tmp_path / "run")
    assert code == 3
    assert "\x1b" not in out + err

    records = {record.key: record for record in Run(tmp_path / "run").records()}
    assert len(records) == 2 + 2 * len(paths)  # every one was written, and reads
    hostile = [r for r in records.values() if r.method == "hostile"]
    assert {r.params["path"] for r in hostile if r.status == "ok"} == {"../../a", "<b>"}
    said = {r.params["path"]: r.error.splitlines()[-1] for r in hostile if r.status != "ok"}
    assert said["raises"] == EVIL + "\x1b[2J?"
    assert said["speechless"].endswith("Unspeakable: <exception str() failed>")
    assert said["times"].startswith("ValueError: timings_ is {")
    assert said["columns"].startswith("ValueError: history_ has a column named '../../escaped'; write")
    assert all(len(r.error or "") <= 20_000 for r in hostile)
    for record in hostile:
        if record.status == "ok":
            assert set(Run(tmp_path / "run").outputs(record.key)) >= {"labels", "history/loss"}

    code, again, _ = cli(*arguments, "--set", f"hostile.path={','.join(paths)}", "--out", tmp_path / "run")
    assert "0 to run" in again  # the keys of objects are the same in another process
    assert outside(tmp_path) == before

    page = Tags((tmp_path / "run" / "report.html").read_text())
    assert page.elements.count("script") == 1  # its own
    assert "onerror" not in page.attributes
    for name in ("leaderboard.md", "leaderboard.tex"):
        text = (tmp_path / "run" / name).read_text()
        assert "<script>" not in text.replace("\\<script\\>", "")
        assert "\x1b" not in text
        assert "\\input{x}" not in text.replace("\\\\", ""), "every backslash is escaped"


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", "a\nb", "<b>", "x" * 65, "é", "-x", "a:b:c", "a@b", "0", 7])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(MethodError, match="is named"):
        MethodInfo(name=name, title="T", kind="deterministic", estimator="sklearn.cluster:KMeans")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"title": " "}, "title is ' '; write"),
        ({"title": "x" * 81}, "80 characters"),
        ({"kind": "random"}, "'stochastic'"),
        ({"version": 0}, "whole number"),
        ({"twin": "dec"}, "write a function"),
        ({"presets": {"quick": 3}}, "as a mapping"),
        ({"presets": {"quick": {1: 2}}}, "by their names"),
        ({"presets": {1: {}}}, "by their names"),
        ({"presets": None}, "as a mapping"),
        ({"search_space": None}, "a tuple of values, or a distribution"),
        ({"search_space": {"tol": ()}}, "a tuple of values, or a distribution"),
        ({"search_space": {"tol": 0.1}}, "a tuple of values, or a distribution"),
        ({"pretraining": None}, "a tuple of parameters' names"),
        ({"pretraining": "epochs"}, "a tuple of parameters' names"),
        ({"resources": {"gpus": -1}}, "gpus from 0"),
        ({"resources": {"cpus": 0}}, "cpus above 0"),
        ({"resources": {"disks": 1}}, "cpus above 0"),
        ({"resources": {"cpus": "many"}}, "cpus above 0"),
        ({"seed_free": "yes"}, "True or False"),
        ({"reference": None}, "write text"),
    ],
)
def test_what_a_method_says_wrongly_of_itself_is_refused_with_what_would_be_right(change, message):
    right = {"name": "m", "title": "T", "kind": "deterministic", "estimator": "sklearn.cluster:KMeans"}
    MethodInfo(**right)
    with pytest.raises(MethodError, match=message):
        MethodInfo(**{**right, **change})


def key(value):
    return cell_key("f", "m", 1, {"p": value}, 0)


def test_a_parameter_that_is_an_object_has_a_key_by_what_it_is():
    from sklearn.cluster import KMeans

    assert key(np.float64(0.5)) == key(0.5)
    assert key(np.int32(3)) == key(3)
    assert key(np.zeros(2000)) == key(np.zeros(2000))
    assert key(np.zeros(2000)) != key(np.eye(1, 2000, 1000)[0])  # both print as zeros around three dots
    assert key(np.zeros((2, 3))) != key(np.zeros((3, 2)))
    assert key(KMeans(3)) == key(KMeans(3)) != key(KMeans(4))
    assert key(KMeans) != key(np.mean)
    assert key({"b", "a"}) == key({"a", "b"}) != key({"a", "c"})
    assert key(Path("a")) != key(Path("b"))
    assert key(torch.float32) != key(torch.float64)
    assert key(np.exp) != key(np.log)
    assert key(Colour.RED) != key(Colour.BLUE)
    assert key(Kernel(1.0)) == key(Kernel(1.0)) != key(Kernel(2.0))


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Kernel:
    """Two of these print alike."""

    width: object

    def __repr__(self):
        return "a kernel"

    def of(self, x):
        return x, self.width


class Speechless:
    def __repr__(self):
        raise RuntimeError("no words")

    def get_params(self, deep):
        raise RuntimeError("no parameters")


@pytest.mark.parametrize(
    "value",
    [
        object(), lambda x: x, {1: "a", "b": 2}, [object()], {object()}, Speechless(), Kernel(1.0).of,
        functools.partial(max, 1), torch.zeros(3), scipy.sparse.eye_array(3), np.ma.masked_array([1, 2], [False, True]),
        np.array([object()]), np.random.default_rng(0), Kernel(torch.zeros(1)),
    ],
    ids=range(14),
)  # fmt: skip
def test_a_parameter_that_another_process_could_not_name_or_tell_from_another_is_refused(value):
    with pytest.raises(MethodError):
        key(value)


def test_listings_obey_nothing_that_a_plugin_says(cli, tmp_path, monkeypatch):
    (tmp_path / "hostile_listed.py").write_text(PLUGIN)
    info = tmp_path / "hostile-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile\nVersion: 1.0\n")
    entries = "hostile = hostile_listed:info\n\x1b[2J = hostile_listed:nothing\n"
    (info / "entry_points.txt").write_text(f"[deepclustbench.methods]\n{entries}")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.methods.cache_clear()
    try:
        code, out, err = cli("methods")
    finally:
        registry.methods.cache_clear()
    assert code == 0
    assert "hostile" in out
    assert "left out" in err
    assert "\x1b" not in out + err


class Boom:
    """Leaves a mark if it is ever unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


@pytest.fixture
def finished(cli, tmp_path):
    """A run, its arguments, and a mark that nothing may leave."""
    folder = tmp_path / "run"
    code, _, _ = cli("run", "quick", "--limit", "100", "--seeds", "2", "--methods", "kmeans", "--out", folder)
    assert code == 0
    return folder, tmp_path / "mark"


def test_reading_a_run_unpickles_nothing(cli, finished):
    folder, mark = finished
    record = next(iter(Run(folder).records()))
    bomb = np.array([Boom(mark)], dtype=object)
    np.savez(folder / "outputs" / f"{record.key}.npz", labels=bomb)
    np.savez(folder / "data" / f"{record.fingerprint}.npz", classes=bomb)
    assert pickle.loads(pickle.dumps(bomb))[0]  # the bomb works
    assert mark.exists()
    mark.unlink()
    with pytest.raises(InputError, match="raw outputs cannot be read"):
        Run(folder).outputs(record.key)
    cli("report", folder)
    assert not mark.exists()


def test_reading_a_run_runs_none_of_the_methods_that_its_suite_names(cli, finished):
    folder, mark = finished
    plugin = folder / "plugin.py"
    plugin.write_text(f"open({str(mark)!r}, 'w')\n")
    suite = folder / "suite.toml"
    suite.write_text(suite.read_text().replace('"kmeans"', f'"kmeans", "{plugin}", "plugin:Class"'))
    code, out, _ = cli("report", folder)
    assert code == 0
    assert "KMeans" in out
    assert not mark.exists()


def test_a_member_of_an_archive_is_read_in_memory_and_written_nowhere(finished):
    folder, mark = finished
    record = next(iter(Run(folder).records()))
    path = folder / "outputs" / f"{record.key}.npz"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../mark.npy", archive.read("labels.npy"))
    assert len(Run(folder).outputs(record.key)["../../mark"]) == 100
    assert not mark.exists()
    assert not list(folder.parent.glob("mark*"))


def test_a_record_that_is_no_record_is_told_of_and_left_out(cli, finished):
    folder, _ = finished
    path = next((folder / "records").iterdir())
    for content in ('{"key": 1}', "[" * 100_000, '{"__reduce__": "os.system"}', json.dumps({"key": path.stem})):
        path.write_text(content)
        with pytest.warns(RuntimeWarning, match="unreadable record left out"):
            assert len(list(Run(folder).records())) == 1
