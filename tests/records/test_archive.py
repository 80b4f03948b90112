"""A run can be published as a few small files, which read, report and continue like the run itself."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import bench
from bench.errors import InputError
from bench.records.store import Run
from tests.records.test_store import record

CHANGES = {"methods": ["vae_kmeans"], "limit": 200, "settings": {"vae_kmeans.pretrain_epochs": 2}, "progress": False}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small run of a stochastic method, with its counterpart and ablations."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    bench.run(**CHANGES, seeds=3, out=folder, jobs=1)
    return folder


@pytest.fixture(scope="module")
def archived(finished, tmp_path_factory):
    folder = tmp_path_factory.mktemp("archived") / "run"
    Run(finished).archive(Run(folder))
    return folder


def test_it_is_one_file_a_data_set_with_the_labels_and_histories_of_every_run(finished, archived):
    (path,) = (archived / "archives").iterdir()
    assert path.name.startswith("digits-200-")
    whole, small = Run(finished), Run(archived)
    assert list(small.records()) == list(whole.records())
    assert small.output_keys() == whole.output_keys()
    for key in whole.output_keys():
        kept, all_of_them = small.outputs(key), whole.outputs(key)
        assert set(kept) == {name for name in all_of_them if name == "labels" or name.startswith("history/")}
        for name, array in kept.items():
            whole_array = all_of_them[name]
            as_trained = np.float32 if whole_array.dtype == np.float64 else whole_array.dtype
            np.testing.assert_array_equal(array, whole_array.astype(as_trained), strict=True)


def test_what_it_says_is_what_the_run_says(finished, archived):
    whole, small = bench.load(finished), bench.load(archived)
    assert whole.scores.equals(small.scores)
    assert whole.contrasts().equals(small.contrasts())
    assert whole.verdict == small.verdict


def test_it_is_reported_without_the_pictures_that_need_raw_outputs(cli, archived, tmp_path):
    code, _, err = cli("report", archived, "--out", tmp_path / "report")
    assert (code, "Traceback" in err) == (0, False)
    assert (tmp_path / "report" / "report.html").is_file()


def test_nothing_that_it_holds_is_executed_again(cli, archived, tmp_path):
    copy = shutil.copytree(archived, tmp_path / "copy")
    bench.run(**CHANGES, seeds=4, out=copy, jobs=1)
    assert len(list((copy / "records").iterdir())) == 4
    code, out, _ = cli("archive", copy, "--out", copy)
    assert (code, "archives/digits-200-" in out) == (0, True)
    assert len(list(Run(copy).records())) == 16
    shutil.rmtree(copy / "records")
    assert len(list(Run(copy).records())) == 16


def test_equal_runs_make_equal_archives(finished, archived, tmp_path):
    Run(finished).archive(Run(tmp_path / "again"))
    first, second = (
        {path.relative_to(folder): path.read_bytes() for path in (folder / "archives").iterdir()}
        for folder in (archived, tmp_path / "again")
    )
    assert first == second


def test_a_file_precedes_what_an_archive_holds_of_its_key(tmp_path):
    run, published = Run(tmp_path / "run"), Run(tmp_path / "published")
    run.write(record(), {"labels": np.arange(5)})
    run.archive(published)
    published.write(record(status="failed", metrics={}), {"labels": np.arange(6)})
    (read,) = published.records()
    assert read.status == "failed"
    assert len(published.outputs(read.key)["labels"]) == 6


def test_a_damaged_archive_is_left_out_and_named(tmp_path):
    run, published = Run(tmp_path / "run"), Run(tmp_path / "published")
    run.write(record(), {"labels": np.arange(5)})
    (path,) = run.archive(published)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.warns(RuntimeWarning, match=r"f\.zip: unreadable archive"):
        assert not list(published.records())
    with pytest.raises(InputError, match="raw outputs cannot be read"):
        published.outputs(record().key)


PUBLISHED = sorted({path.parents[1] for path in (Path(__file__).parents[2] / "results").glob("*/archives/*.zip")})


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda folder: folder.name)
@pytest.mark.filterwarnings("error")
def test_published_runs_are_whole_and_were_all_planned(folder):
    run = Run(folder)
    records = list(run.records())
    assert records
    assert {record.key for record in records} <= run.planned_keys()
    assert {record.key for record in records if record.status == "ok"} == run.output_keys()
