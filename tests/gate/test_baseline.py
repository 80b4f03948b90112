"""Baseline files: their text, default tolerances, updates, and the refusal of invalid files."""

import json
import re

import pytest

from bench.errors import InputError
from bench.gate import compare, load_baseline, take_baseline, write_baseline
from bench.gate.baseline import baseline_text
from bench.gate.from_run import keep_tolerances
from bench.gate.text import baseline_changes
from bench.metrics import METRICS_VERSION
from bench.metrics.registry import UNLABELLED
from tests.simulation.gate import make_record

SCORES = [0.81234567, 0.8, 0.79, 0.83, 0.78]


def records_of(shift=0.0, variant="sdec", **changes):
    return [make_record(variant, seed, {"acc": s + shift, "nmi": s}, **changes) for seed, s in enumerate(SCORES)]


def taken(records=None, **options):
    return take_baseline(records or records_of(), **{"suite": "quick", "primary_metric": "acc"} | options)


@pytest.fixture
def stored(tmp_path):
    """The path of a baseline file."""
    path = tmp_path / "folder" / "baseline.json"
    write_baseline(path, taken())
    return path


def test_the_same_run_gives_the_same_bytes_in_any_order_of_its_records(stored):
    first = stored.read_bytes()
    write_baseline(stored, taken(records_of()[::-1]))
    assert stored.read_bytes() == first
    write_baseline(stored, load_baseline(stored))
    assert stored.read_bytes() == first
    assert [path.name for path in stored.parent.iterdir()] == ["baseline.json"]


def test_the_text_has_sorted_keys_and_the_scores_of_all_seeds_on_one_line():
    lines = baseline_text(taken()).splitlines()
    scores = '"scores": {"0": 0.812346, "1": 0.8, "2": 0.79, "3": 0.83, "4": 0.78},'
    assert sum(line.strip() == scores for line in lines) == 2  # a row of seeds is one line; six decimals
    assert '    "seeds": [0, 1, 2, 3, 4],' in lines
    assert '     "beta": 0.01' in lines  # one parameter a line
    assert baseline_text(taken()).endswith("}\n")
    keys = re.findall(r'^ "(\w+)"', baseline_text(taken()), flags=re.MULTILINE)
    assert keys == sorted(keys)


def test_seeds_are_in_numeric_order():
    records = [make_record("dec", seed, {"acc": 0.5 + seed / 100}) for seed in (10, 9, 2)]
    assert '{"2": 0.52, "9": 0.59, "10": 0.6}' in baseline_text(taken(records))


def test_costs_have_three_digits_and_the_hardware_is_stored():
    records = [make_record("dec", 0, {"acc": 0.5}, timings={"fit": 12.3456}, peak_memory=512.34)]
    scores = taken(records).methods["digits"]["dec"]
    assert scores.metrics["wall_time"].scores == {0: 12.3}
    assert scores.metrics["peak_memory"].scores == {0: 512.0}
    assert scores.hardware == ["a processor, 1 thread"]


def test_a_method_has_its_parameters_its_run_counts_and_its_scores():
    failed = make_record("sdec", 5, {}, status="failed")
    collapsed = make_record("sdec", 6, {"acc": 0.1, "nmi": None}, flags=["collapsed"])
    scores = taken([*records_of(), failed, collapsed]).methods["digits"]["sdec"]
    assert (scores.title, scores.method, scores.version, scores.preset) == ("SDEC", "sdec", 1, "quick")
    assert scores.params == {"beta": 0.01}  # the seed's own number is none
    assert scores.status.model_dump() == {"ok": 6, "failed": 1, "collapsed": 1}
    assert scores.metrics["acc"].scores[5] is None
    assert scores.metrics["wall_time"].scores[5] is None  # a failure took its time, for nothing
    assert scores.metrics["nmi"].scores[6] is None


def test_the_default_metrics_depend_on_labels_and_the_primary_metric():
    unlabelled = [
        make_record("dec", 0, {"acc": None, "silhouette_pixels": 0.2, "davies_bouldin_pixels": 1.5},
                    reasons={"acc": UNLABELLED})
    ]  # fmt: skip
    measured = ["acc", "nmi", "ari", "ami", "silhouette_pixels"]
    labelled = [make_record("dec", 0, dict.fromkeys(measured, 0.5))]
    costs = ["wall_time", "peak_memory"]
    assert taken(labelled).metric_names() == ["acc", "nmi", "ari", *costs]
    assert taken(labelled, primary_metric="ami").metric_names() == ["acc", "nmi", "ari", "ami", *costs]
    assert taken(labelled, metrics=["ami"]).metric_names() == ["ami"]
    assert taken(unlabelled).metric_names() == ["silhouette_pixels", "davies_bouldin_pixels", *costs]


@pytest.mark.parametrize(("options", "said"), [
    ({"metrics": ["accuracy"]}, "'accuracy' cannot be compared with a baseline: it is unknown; choose from acc, nmi"),
    ({"metrics": ["n_clusters_used"]}, "neither higher nor lower values are better"),
    ({"metrics": ["brier"]}, "no run has a score of brier"),
    ({"metrics": []}, "metrics: none is named"),
    ({"tolerances": {"brier": 0.1}}, "no run has a score of brier"),
    ({"records": [make_record("dec", 0, {}, status="failed")]}, "no run has a score, so a baseline would be empty"),
    ({"records": records_of(metrics_version=METRICS_VERSION - 1)}, "`deepclustbench report RUN` scores them again"),
])  # fmt: skip
def test_a_run_that_makes_no_baseline_is_refused(options, said):
    with pytest.raises(InputError, match=re.escape(said)):
        taken(**options)


@pytest.mark.parametrize(("metric", "scores", "tolerance"), [
    ("acc", [0.8] * 6, 0.01),  # the floor
    ("acc", [0.7, 0.8, 0.9, 0.7, 0.8, 0.9], 0.215),  # 2.4 sd, of .0894427; .2147 rounded up
    ("acc", [0.8, 0.805, 0.81, 0.8, 0.81], 0.028),  # five: t(4) leaves 8.610 * sqrt(2 / 5) = 5.4455 sd, of .005
    ("acc", [0.8, 0.81, 0.82], 0.15),  # three: 31.599 * sqrt(2 / 3) = 25.8 sd, of .01, but no more than .15
    ("acc", [0.70, 0.80, 0.90], 0.24),  # unless 2.4 sd are more
    ("acc", [0.8, 0.8], 0.01),
    ("acc", [0.8], 0.15),  # one seed shows no spread
    ("calinski_harabasz_pixels", [160.0], 80.0),
    ("brier", [1.0, 1.0], 0.05),  # 5 % of the mean
    ("brier", [0.0001] * 6, 0.001),  # 5 % of next to nothing is nothing
    ("calinski_harabasz_pixels", [163.5, 163.5], 8.18),
    ("calinski_harabasz_pixels", [100.0, 200.0], 170.0),  # 169.7 rounded up to three digits
    ("davies_bouldin_pixels", [0.0, 0.0], 0.001),
])  # fmt: skip
def test_the_default_tolerance(metric, scores, tolerance):
    records = [make_record("dec", seed, {metric: score}) for seed, score in enumerate(scores)]
    baseline = taken(records, metrics=[metric])
    scores = baseline.methods["digits"]["dec"].metrics[metric]
    assert (scores.tolerance, scores.default_tolerance) == (tolerance, tolerance)


def test_a_method_without_a_seed_tolerates_the_floor_alone():
    records = [make_record("agglomerative", 0, {"acc": 0.8, "brier": 1.0}, seeded=False)]
    scores = taken(records, metrics=["acc", "brier"]).methods["digits"]["agglomerative"]
    assert not scores.seeded
    assert [scores.metrics[name].tolerance for name in ("acc", "brier")] == [0.01, 0.05]


def test_a_tolerance_set_by_the_user_is_kept_and_the_others_follow_the_scores():
    old = taken()
    metrics = old.methods["digits"]["sdec"].metrics
    metrics["nmi"].tolerance = 0.02
    wider = [*records_of()[:4], make_record("sdec", 4, {"acc": 0.5, "nmi": 0.5})]
    new, kept = keep_tolerances(taken(wider), old)
    updated = new.methods["digits"]["sdec"].metrics
    assert kept == 1
    assert updated["nmi"].tolerance == 0.02
    assert updated["acc"].tolerance > metrics["acc"].tolerance
    asked, kept = keep_tolerances(taken(wider, tolerances={"nmi": 0.03}), old, set_now=["nmi"])
    assert (kept, asked.methods["digits"]["sdec"].metrics["nmi"].tolerance) == (0, 0.03)


def test_an_old_default_is_not_taken_for_a_tolerance_set_by_the_user():
    old = taken()
    for scores in old.methods["digits"]["sdec"].metrics.values():  # as another version's rule had it
        scores.tolerance = scores.default_tolerance = 0.5
    new, kept = keep_tolerances(taken(), old)
    assert kept == 0
    assert new == taken()


def test_changes_are_listed_by_method_and_metric():
    old = taken([*records_of(), *records_of(variant="gone")])
    new = taken([*records_of(shift=0.1), *records_of(variant="new")])
    assert list(baseline_changes(old, new)) == [
        ("digits", "gone", "", "present", "removed", ""),
        ("digits", "new", "", "", "new", ""),
        ("digits", "sdec", "ACC", ".802", ".902", "0.107"),
    ]
    assert not list(baseline_changes(old, old))


def test_parameters_that_json_cannot_store_are_written_as_text(tmp_path):
    odd = {"gamma": float("nan"), "sizes": (1, 2), "deep": {"x": [float("inf")]}, "on": True}
    write_baseline(tmp_path / "b.json", taken([make_record("dec", 0, {"acc": 0.5}, params=odd)]))
    params = load_baseline(tmp_path / "b.json").methods["digits"]["dec"].params
    assert params == {"gamma": "nan", "sizes": [1, 2], "deep": {"x": ["inf"]}, "on": True}


def _set(content, path, value):
    *parents, last = path
    for key in parents:
        content = content[key]
    content[last] = value


SDEC = ("methods", "digits", "sdec")


@pytest.mark.parametrize(("path", "value", "said"), [
    (("format",), 2, "format"),
    (("unknown",), 1, "unknown"),
    (("metrics_version",), "2", "metrics_version"),
    (("datasets",), {"usps": "f"}, "do not name the same data sets"),
    ((*SDEC, "metrics", "acc", "tolerance"), -0.1, "tolerance"),
    ((*SDEC, "metrics", "acc", "tolerance"), float("nan"), "tolerance"),
    ((*SDEC, "metrics", "acc", "scores"), {"0": 0.8}, "has not the seeds"),
    ((*SDEC, "metrics", "acc", "scores"), dict.fromkeys("01234"), "has no scores"),
    ((*SDEC, "metrics", "acc", "scores", "0"), "0.8", "scores"),
    ((*SDEC, "metrics", "acc", "scores", "0"), float("inf"), "scores"),
    ((*SDEC, "metrics", "rm -rf"), {"scores": {}, "tolerance": 1}, "rm -rf cannot be compared with a baseline"),
    ((*SDEC, "metrics", "__class__"), {"scores": {}, "tolerance": 1}, "cannot be compared with a baseline"),
    ((*SDEC, "seeds"), [0, 0, 1, 2, 3], "seeds must ascend"),
    ((*SDEC, "seeds"), [], "seeds"),
    ((*SDEC, "status", "ok"), 7, "status does not count 5 seeds"),
    ((*SDEC, "title"), "\x1b[2Jcleared", "a name must be printable"),
    (("methods", "digits", "a\n::error::b"), {}, "a name must be printable"),
    (("methods",), [], "methods"),
    (("methods", "digits"), {}, "methods.digits: Dictionary should have at least 1 item"),
    ((*SDEC, "metrics", "acc", "default_tolerance"), -0.1, "default_tolerance"),
    ((*SDEC, "seeded"), "yes", "seeded"),
])  # fmt: skip
def test_an_invalid_baseline_is_refused_in_one_line_that_names_the_key(stored, path, value, said):
    content = json.loads(stored.read_text())
    _set(content, path, value)
    stored.write_text(json.dumps(content))
    with pytest.raises(InputError) as refused:
        load_baseline(stored)
    line = str(refused.value)
    assert line.startswith(f"{stored}: not a valid baseline (")
    assert said in line
    assert line.endswith(
        "; correct it, restore it from version control, or write a new one with --update to another file"
    )
    assert line.isprintable()


def test_an_empty_baseline_is_refused(stored):
    content = json.loads(stored.read_text())
    stored.write_text(json.dumps(content | {"datasets": {}, "methods": {}}))
    with pytest.raises(InputError, match="not a valid baseline"):
        load_baseline(stored)


@pytest.mark.parametrize(
    "content",
    [b"", b"not json", b"\xff\xfe\x00", b"[]", b"null", b"[" * 100_000, b"cos\nsystem\n(S'touch pwned'\ntR.", b"{}"],
    ids=["empty", "words", "bytes", "list", "null", "deep", "pickle", "object"],
)
def test_other_content_than_a_baseline_is_refused(stored, content):
    stored.write_bytes(content)
    with pytest.raises(InputError, match="not a valid baseline"):
        load_baseline(stored)


def test_a_missing_or_too_large_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="this baseline does not exist; --update writes it"):
        load_baseline(tmp_path / "none.json")
    with pytest.raises(InputError, match="cannot be read"):
        load_baseline(tmp_path)
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(10**9)
    with pytest.raises(InputError, match="larger than 64 MB"):
        load_baseline(huge)


def test_a_baseline_that_cannot_be_written_is_an_input_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_baseline(tmp_path / "file" / "baseline.json", taken())


def test_hostile_names_of_a_run_are_cleaned_before_they_are_stored(tmp_path):
    hostile = "\x1b[31m::error::\r\nevil\u202e"
    record = make_record(hostile, 0, {"acc": 0.5}, title=hostile, dataset=hostile, method=hostile)
    write_baseline(tmp_path / "b.json", taken([record]))
    baseline = load_baseline(tmp_path / "b.json")
    assert baseline.variants() == ["[31m::error:: evil"]
    assert compare([record], baseline).exit_code == 0
