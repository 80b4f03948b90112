"""Metrics of installed packages and of programs: found, computed, shown, and no harm where they are broken."""

import csv
import json
import sys
import textwrap
import warnings

import numpy as np
import pytest

from bench.data.dataset import Dataset
from bench.errors import InputError, RunTimeoutError
from bench.gate.quantities import find_quantities, quantities
from bench.metrics import Metric, all_metrics, find_metric, find_ranking_metric, register, registered, score
from bench.metrics.metric import RESERVED_NAMES
from bench.metrics.plugins import installed_metrics
from bench.metrics.registry import BUILT_IN_METRICS, UNLABELLED
from bench.metrics.uncertainty import COLLAPSED
from bench.plan.suite import make_suite
from bench.records.results import collect
from bench.records.store import Run

N, K = 60, 3
CLASSES = np.repeat(np.arange(K), N // K)
LABELS = np.random.default_rng(0).integers(0, K, N)
POINTS = np.random.default_rng(1).random((N, 4)).astype(np.float32)

PURITY = """
    import numpy as np
    from bench.metrics import Metric


    def of_labels(labels, classes):
        of_clusters = [classes[labels == cluster] for cluster in np.unique(labels)]
        return sum(np.bincount(members).max() for members in of_clusters) / len(labels)


    metric = Metric(name="purity", function=of_labels, needs=("labels", "classes"), worst=0.0, best=1.0)
"""


def purity(labels, classes):
    return sum(np.bincount(classes[labels == c]).max() for c in np.unique(labels)) / len(labels)


def dataset(classes=CLASSES, n_clusters=K):
    return Dataset("made-up", POINTS, classes, n_clusters, None, None, "0" * 64)


def metric(function=purity, name="purity", needs=("labels", "classes"), **more):
    return Metric(name=name, function=function, needs=needs, **more)


def value_of(function, needs=("labels", "classes"), outputs=None, classes=CLASSES):
    """Return what a registered function gives for one run, and the reason where it gives nothing."""
    with registered(metric(function, needs=needs)):
        metrics, reasons = score({"labels": LABELS} | (outputs or {}), dataset(classes), 0)
    return metrics["purity"], reasons.get("purity")


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a package with these modules and entry points, here and in workers."""

    def install(*entry_points, **modules):
        for name, content in modules.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(content))
        info = tmp_path / "lab_metrics-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-metrics\nVersion: 1.0\n")
        lines = "\n".join(entry_points)
        (info / "entry_points.txt").write_text(f"[deepclustbench.metrics]\n{lines}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        installed_metrics.cache_clear()

    before = set(sys.modules)
    yield install
    installed_metrics.cache_clear()
    for name in set(sys.modules) - before:
        if name.startswith("lab_"):
            del sys.modules[name]


def test_an_installed_metric_is_computed_for_every_run(install):
    install("purity = lab_purity:metric", lab_purity=PURITY)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [row.name for row in all_metrics()] == [*(row.name for row in BUILT_IN_METRICS), "purity"]
    metrics, reasons = score({"labels": LABELS}, dataset(), 0)
    assert metrics["purity"] == purity(LABELS, CLASSES)
    assert list(metrics)[-1] == "purity"
    assert "purity" not in reasons
    assert find_ranking_metric("purity").unit_scale


def test_built_in_metrics_are_the_same_beside_an_installed_one(install):
    before = score({"labels": LABELS, "embedding": POINTS}, dataset(), 0)
    install("purity = lab_purity:metric", lab_purity=PURITY)
    metrics, reasons = score({"labels": LABELS, "embedding": POINTS}, dataset(), 0)
    del metrics["purity"]
    assert (metrics, reasons) == before


def test_a_list_of_metrics_may_share_a_function_which_is_called_once(install):
    install(
        "pair = lab_pair:metrics",
        lab_pair="""
        from bench.metrics import Metric

        calls = []

        def both(points, labels):
            calls.append(1)
            return {"first": len(points), "second": "there is none", "third": 0}

        metrics = [Metric(name=name, function=both, needs=("points", "labels")) for name in ("first", "second", "last")]
        """,
    )
    metrics, reasons = score({"labels": LABELS}, dataset(), 0)
    assert metrics["first"] == float(N)
    assert reasons["second"] == "there is none"
    assert reasons["last"] == "its function returned no value of that name"
    assert sys.modules["lab_pair"].calls == [1]


DECLARED = "from bench.metrics import Metric\n\ndef f(labels):\n    return 1\n\n"
BROKEN = {
    "gone = lab_gone:metric": (None, "there is no module 'lab_gone'; install it, or correct its name"),
    "raises = lab_raises:metric": ("raise RuntimeError('no')", "it cannot be imported (RuntimeError: no)"),
    "leaves = lab_leaves:metric": ("raise SystemExit(1)", "it cannot be imported (SystemExit: 1)"),
    "empty = lab_empty:metric": ("", "it has no metric; write metric = Metric(...)"),
    "other = lab_other:metric": ("metric = 3", "its metric is of type int; write metric = Metric(...)"),
    "module = lab_other": (None, "it names no member of a module; write pkg.mod:metric"),
    "nowhere = 3 [": (None, "it names no member of a module; write pkg.mod:metric"),
    "name = lab_name:metric": (
        DECLARED + "metric = Metric(name='../a', function=f, needs=('labels',))",
        "a metric is named '../a': write a lower-case letter, then letters, digits and _, 64 at most",
    ),
    "seed = lab_seed:metric": (
        DECLARED + "metric = Metric(name='seed', function=f, needs=('labels',))",
        "a metric is named 'seed', which is a column of every report; give it another name",
    ),
    "needs = lab_needs:metric": (
        DECLARED + "metric = Metric(name='a', function=f, needs=('pixels',))",
        "metric a: needs is ('pixels',); write a tuple of some of labels, classes, points, embedding, soft assignment, "
        "scores, draws",
    ),
    "title = lab_title:metric": (
        DECLARED + "metric = Metric(name='a', title='a|b', function=f, needs=('labels',))",
        "metric a: title is 'a|b'; write letters, digits, spaces and ()[]+-.,:/', 80 characters at most",
    ),
    "late = lab_late:metric": (
        DECLARED + "metric = Metric(name='a', function='lab_gone:f', needs=('labels',))",
        "metric a: its function lab_gone:f: there is no module 'lab_gone'; install it, or correct its name",
    ),
    "acc = lab_acc:metric": (
        DECLARED + "metric = Metric(name='acc', function=f, needs=('labels',))",
        "it is named 'acc', as a built-in metric is; give it another name",
    ),
    "second = lab_second:metric": (
        DECLARED + "metric = Metric(name='purity', function=f, needs=('labels',))",
        "it is named 'purity', as that of purity = lab_purity:metric is; give it another name",
    ),
}


def test_broken_declarations_are_a_line_each_and_the_others_are_used(install):
    modules = {entry.split(" = ")[1].partition(":")[0]: code for entry, (code, _) in BROKEN.items() if code is not None}
    install("purity = lab_purity:metric", *BROKEN, lab_purity=PURITY, **modules)
    with pytest.warns(RuntimeWarning) as warned:
        names = [row.name for row in all_metrics()]
    assert names == [*(row.name for row in BUILT_IN_METRICS), "purity"]
    lines = [str(w.message).removeprefix("left out: metric ") for w in warned]
    assert sorted(lines) == sorted(f"{entry}: {fault}" for entry, (_, fault) in BROKEN.items())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        all_metrics()  # each is warned of once
        metrics, _ = score({"labels": LABELS}, dataset(), 0)
    assert metrics["purity"] == purity(LABELS, CLASSES)


def test_importing_a_metric_changes_nothing_of_the_process(install):
    install(
        "purity = lab_purity:metric", lab_purity="import numpy\nnumpy.seterr(all='raise')\n" + textwrap.dedent(PURITY)
    )
    before = np.geterr()
    all_metrics()
    assert np.geterr() == before


def raises(labels, classes):
    raise RuntimeError("two\nlines\x1b")


def leaves(labels, classes):
    raise SystemExit(3)


def interrupts(labels, classes):
    raise KeyboardInterrupt


def writes(labels, classes):
    labels[:] = 0


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (raises, "its function failed (RuntimeError: two lines)"),
        (leaves, "its function failed (SystemExit: 3)"),
        (interrupts, "its function failed (KeyboardInterrupt: )"),
        (writes, "its function failed (ValueError: assignment destination is read-only)"),
        (lambda labels: 1.0, "its function failed (TypeError: "),
        (lambda labels, classes: None, "its function returned a NoneType, which is no number"),
        (lambda labels, classes: True, "its function returned a bool, which is no number"),
        (lambda labels, classes: labels, "its function returned a ndarray, which is no number"),
        (lambda labels, classes: {"other": 1.0}, "its function returned no value of that name"),
        (lambda labels, classes: "no such\nthing", "no such thing"),
        (lambda labels, classes: float("inf"), "the value is not finite"),
    ],
)
def test_a_function_that_fails_is_a_reason_and_all_other_metrics_are_there(function, reason):
    before = score({"labels": LABELS}, dataset(), 0)
    with registered(metric(function)):
        metrics, reasons = score({"labels": LABELS}, dataset(), 0)
    assert metrics.pop("purity") is None
    assert reasons.pop("purity").startswith(reason)
    assert (metrics, reasons) == before


def test_a_time_limit_ends_a_run_in_the_function_of_a_metric():
    def slow(labels):
        raise RunTimeoutError

    with registered(metric(slow, needs=("labels",))), pytest.raises(RunTimeoutError):
        score({"labels": LABELS}, dataset(), 0)


def test_a_function_gets_what_it_needs_by_name():
    given = {}

    def keep(**arguments):
        given.update(arguments)
        return 1

    q = np.full((N, K), 1 / K) + np.linspace(0, 0.1, N)[:, None] * np.array([1, 0, -1])
    draws = np.random.default_rng(2).integers(0, K, (5, N))
    outputs = {"embedding": POINTS, "soft_assignment": q, "draw_labels": draws}
    needs = ("labels", "classes", "points", "embedding", "soft assignment", "scores", "draws")
    partly = np.where(np.arange(N) % 7 == 0, -1, CLASSES)
    assert value_of(keep, needs, outputs, partly) == (1.0, None)
    judged = partly != -1
    assert {name: np.shape(value) for name, value in given.items() if name != "scores"} == {
        "labels": (judged.sum(),),
        "classes": (judged.sum(),),
        "points": (judged.sum(), 4),
        "embedding": (judged.sum(), 4),
        "soft_assignment": (judged.sum(), K),
        "draws": (5, judged.sum()),
    }
    assert np.array_equal(given["draws"], draws[:, judged])
    assert given["scores"].keys() == {"confidence", "plain_entropy"}
    assert {len(values) for values in given["scores"].values()} == {judged.sum()}

    value_of(keep, ("labels", "points"), outputs, partly)
    assert len(given["labels"]) == N, "points without a class are left out of what is taken against classes alone"


@pytest.mark.parametrize(
    ("needs", "outputs", "reason"),
    [
        (("labels", "classes"), {}, UNLABELLED),
        (("embedding",), {}, "the method has no embedding"),
        (("embedding",), {"embedding": POINTS * np.nan}, "the embedding has values that are not finite"),
        (("soft assignment",), {}, "the method has no soft assignment"),
        (("draws",), {}, "the method has no latent draws"),
        (("scores",), {}, "the method has no scores of uncertainty"),
        (("soft assignment", "labels"), {"soft_assignment": np.full((N, K), 1 / K)}, COLLAPSED),
    ],
)
def test_what_a_run_lacks_is_the_reason(needs, outputs, reason):
    assert value_of(lambda **_: 1.0, needs, outputs, None) == (None, reason)


def test_a_function_of_the_whole_run_gets_outputs_dataset_and_seed():
    def whole(outputs, dataset, seed):
        return {"purity": outputs["labels"].sum() + len(dataset.x) + seed}

    with registered(metric(whole, whole_run=True)):
        metrics, _ = score({"labels": LABELS}, dataset(), 7)
    assert metrics["purity"] == LABELS.sum() + N + 7


def test_a_function_of_the_whole_run_cannot_change_its_outputs():
    def whole(outputs, dataset, seed):
        outputs["labels"][0] = 1

    with registered(metric(whole, whole_run=True)):
        _, reasons = score({"labels": LABELS}, dataset(), 7)
    assert "read-only" in reasons["purity"]


def test_some_metrics_alone_can_be_asked_for():
    with registered(metric()):
        metrics, _ = score({"labels": LABELS, "embedding": "not looked at"}, dataset(), 0, ["purity", "acc"])
    assert list(metrics) == ["acc", "purity"]


def test_a_registered_metric_is_gone_after_the_block_and_no_name_is_given_twice():
    with registered(metric()):
        assert find_metric("purity").title == "purity"
        with pytest.raises(InputError, match="there is a metric named 'purity'; give the new one another name"):
            register(metric())
    with pytest.raises(InputError, match="unknown metric 'purity'"):
        find_metric("purity")
    for name in ("acc", "auroc_disagreement"):
        with pytest.raises(InputError, match=f"there is a metric named '{name}'"):
            register(metric(name=name))


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("greater_is_better", "yes"),
        ("worst", "0"),
        ("best", float("nan")),
        ("comparable", None),
        ("needs", ()),
        ("needs", ("labels", "labels")),
        ("function", 3),
        ("function", "no place"),
        ("description", "two\nlines"),
    ],
)
def test_a_wrong_attribute_is_named(attribute, value):
    with pytest.raises(InputError, match=f"^metric purity: {attribute} is .*; write "):
        Metric(**{"name": "purity", "function": purity, "needs": ("labels", "classes")} | {attribute: value})


def test_the_gate_compares_a_metric_with_a_better_end():
    with registered(metric(), metric(purity, "shape", greater_is_better=None)):
        assert quantities()["purity"].greater_is_better
        with pytest.raises(InputError, match="'shape' cannot be compared with a baseline: neither higher nor lower"):
            find_quantities(["shape"])
    assert "purity" not in quantities()


def test_a_suite_may_decide_by_it():
    suite = {"name": "s", "preset": "quick", "methods": ["kmeans"], "datasets": ["digits"], "seeds": 2}
    with registered(metric()):
        assert make_suite(suite | {"primary_metric": "purity"}, "s").primary_metric == "purity"
    with pytest.raises(InputError, match="primary_metric 'purity' is none of acc, nmi"):
        make_suite(suite | {"primary_metric": "purity"}, "s")


RUN = ["run", "quick", "--methods", "kmeans", "--limit", "150", "--seeds", "2"]


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_an_installed_metric_is_in_records_boards_and_csv_of_a_run(install, cli, tmp_path):
    install(
        "purity = lab_purity:metric",
        "broken = lab_broken:metric",
        lab_purity=PURITY,
        lab_broken=DECLARED + "metric = Metric(name='broken', function=lambda labels: 1 / 0, needs=('labels',))",
    )
    run = Run(tmp_path / "run")
    code, *output = cli(*RUN, "--out", run.folder)
    assert code == 0, output
    records = list(run.records())
    for record in records:
        y, labels = run.dataset(record.fingerprint)["classes"], run.outputs(record.key)["labels"]
        assert record.metrics["purity"] == purity(labels, y)
        assert record.metrics["broken"] is None
        assert record.reasons["broken"] == "its function failed (ZeroDivisionError: division by zero)"
        assert not record.warnings
    (row,) = rows_of(run.folder / "leaderboard.csv")
    assert float(row["purity_mean"]) == pytest.approx(np.mean([record.metrics["purity"] for record in records]))
    assert row["broken_mean"] == ""
    assert "purity" in (run.folder / "leaderboard.md").read_text()
    assert {"purity", "broken"} <= set(collect([run], lambda _: ()).frame.columns)


def test_a_report_completes_stored_runs_by_a_metric_of_labels_and_classes(cli, tmp_path):
    run = Run(tmp_path / "run")
    assert cli(*RUN, "--out", run.folder)[0] == 0
    record = next(iter(run.records()))
    assert "purity" not in record.metrics
    calls = metric(name="n_labels", function=lambda labels: len(labels), needs=("labels",))
    with registered(metric(), calls, metric(raises, "broken"), metric(lambda points: 1.0, "far", ("points",))):
        frame = collect([run], lambda _: ()).frame
        assert cli("report", run.folder)[0] == 0
    of_seed = frame.set_index("seed").loc[record.seed]
    y, labels = run.dataset(record.fingerprint)["classes"], run.outputs(record.key)["labels"]
    assert of_seed["purity"] == purity(labels, y)
    assert of_seed["n_labels"] == 150
    assert np.isnan(float(of_seed["broken"] or "nan"))
    assert "far" not in frame.columns
    (row,) = rows_of(run.folder / "leaderboard.csv")
    assert float(row["purity_mean"]) == pytest.approx(frame["purity"].mean())
    assert "purity" not in json.loads(next((run.folder / "records").glob("*.json")).read_text())["metrics"]


def test_no_metric_can_have_the_name_of_a_column_of_the_table_of_runs(cli, tmp_path):
    assert cli(*RUN, "--out", tmp_path / "run")[0] == 0
    frame = collect([Run(tmp_path / "run")], lambda _: ()).frame
    columns = set(frame.columns) - {row.name for row in BUILT_IN_METRICS}
    assert columns <= RESERVED_NAMES
