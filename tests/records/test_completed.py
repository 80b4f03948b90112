"""Scores of uncertainty that came after a run was made are computed from its raw outputs, without its data."""

import json

import pytest

from bench.metrics.registry import SCORES
from bench.records.results import collect
from bench.records.store import Run
from tests.guides.run import small_run

ADDED = ("smoothed_kernel", "temperature")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Run(small_run(tmp_path_factory.mktemp("run") / "run"))


def is_of(name, scores):
    return any(name.endswith(f"_{score}") for score in scores)


def forget(run, scores):
    """Take the metrics of some scores out of the records, as if they had been written before these came."""
    for path in (run.folder / "records").glob("*.json"):
        record = json.loads(path.read_text())
        for part in ("metrics", "reasons"):
            record[part] = {name: value for name, value in record[part].items() if not is_of(name, scores)}
        record["outliers"] = {
            name: {score: rates for score, rates in of_set.items() if score not in scores}
            for name, of_set in record["outliers"].items()
        }
        path.write_text(json.dumps(record))


def no_data(suite):
    raise AssertionError("the data were asked for")


def test_a_report_completes_old_records_by_the_scores_that_are_new(run):
    before = collect([run], no_data).frame
    columns = [f"{rate}_{score}" for rate in ("auroc", "aupr", "aurc", "augrc") for score in ADDED]
    columns += [f"{rate}/noise/{score}" for rate in ("auroc", "fpr95") for score in ADDED]
    is_noisy = before["method"] == "vade"
    assert before.loc[is_noisy, columns].notna().all(axis=None)
    assert before.loc[~is_noisy, columns].isna().all(axis=None)
    forget(run, ADDED)
    stored = {path: path.read_bytes() for path in (run.folder / "records").glob("*.json")}
    after = collect([run], no_data).frame
    for column in columns:
        assert after[column].astype(float).tolist() == pytest.approx(before[column].astype(float).tolist(), nan_ok=True)
    assert {path: path.read_bytes() for path in stored} == stored, "a report changes no record of this version"


def test_without_raw_outputs_an_old_record_stays_as_it_is(run):
    forget(run, ADDED)
    for path in (run.folder / "outputs").glob("*.npz"):
        path.unlink()
    frame = collect([run], no_data).frame
    assert not {f"auroc_{score}" for score in ADDED} & set(frame.columns)
    assert "auroc_plain_entropy" in frame.columns


def test_records_that_never_had_scores_of_points_get_none(run):
    forget(run, [score.name for score in SCORES])
    frame = collect([run], no_data).frame
    assert not any(is_of(name, ADDED) for name in frame.columns if name.startswith("auroc"))
