"""Records are whole or absent."""

import resource
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

from bench.errors import InputError
from bench.records.record import Record
from bench.records.store import Run


def record(key="a" * 32, **changes):
    content = {
        "key": key,
        "dataset": "digits",
        "fingerprint": "f",
        "method": "dec",
        "version": 1,
        "preset": "quick",
        "variant": "dec",
        "title": "DEC",
        "kind": "deterministic",
        "config": "c",
        "seeded": True,
        "twin": None,
        "params": {},
        "seed": 0,
        "status": "ok",
        "metrics": {"acc": 0.5, "nmi": None},
        "metrics_version": 1,
        "versions": {},
        "hardware": {},
        "commit": None,
    }
    return Record(**{**content, **changes})


OUTPUTS = {"labels": np.arange(5), "embedding": np.ones((5, 2), np.float32)}


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path / "run")
    with run.lock():
        yield run


def test_what_was_written_is_read_back(run):
    run.write(record(), OUTPUTS)
    assert list(run.records()) == [record()]
    outputs = run.outputs("a" * 32)
    assert set(outputs) == set(OUTPUTS)
    np.testing.assert_array_equal(outputs["labels"], OUTPUTS["labels"])


def test_writing_again_replaces(run):
    run.write(record(), OUTPUTS)
    run.write(record(status="failed", error="x"), {})
    assert [r.status for r in run.records()] == ["failed"]
    with pytest.raises(InputError, match="--force"):
        run.outputs("a" * 32)


@pytest.mark.parametrize("content", [b"", b'{"key": "aa', b"{}", b"\xff\xfe", b"null"])
def test_an_unreadable_record_is_told_of_and_counts_as_absent(run, content):
    run.write(record(), OUTPUTS)
    (run.folder / "records" / ("b" * 32 + ".json")).write_bytes(content)
    with pytest.warns(RuntimeWarning, match="unreadable record"):
        assert [r.key for r in run.records()] == ["a" * 32]


def test_a_record_under_another_name_is_not_believed(run):
    run.write(record(), OUTPUTS)
    (run.folder / "records" / f"{'a' * 32}.json").rename(run.folder / "records" / f"{'b' * 32}.json")
    with pytest.warns(RuntimeWarning, match="its key is not its name"):
        assert list(run.records()) == []


def test_damaged_outputs_are_refused_and_pickles_never_loaded(run):
    run.write(record(), OUTPUTS)
    path = run.folder / "outputs" / f"{'a' * 32}.npz"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError, match="cannot be read"):
        run.outputs("a" * 32)
    np.savez(path, labels=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="cannot be read"):
        run.outputs("a" * 32)


def test_left_overs_of_a_killed_process_go(tmp_path):
    run = Run(tmp_path / "run")
    with run.lock():
        (run.folder / "records" / "x.partial").write_text("half")
    with run.lock():
        assert not list(run.folder.glob("*/*.partial"))


def test_two_processes_do_not_write_to_one_run(run):
    code = f"from bench.records.store import Run; Run({str(run.folder)!r}).lock()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "another process is writing" in done.stderr


@contextmanager
def full_disk():
    """Files end at 1,024 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE), sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # Python would keep the first half of what it compiled
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[0][1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before[0])
        sys.dont_write_bytecode = before[1]


@pytest.mark.parametrize(
    ("changes", "outputs"),
    [({}, {"noise": np.random.default_rng(0).bytes(4096)}), ({"error": "long " * 1000}, OUTPUTS)],
    ids=["outputs", "record"],
)
def test_a_full_disk_is_said_and_leaves_no_halves(run, changes, outputs):
    with full_disk(), pytest.raises(InputError, match="finished runs are kept, and the same command continues"):
        run.write(record(**changes), outputs)
    assert not list(run.folder.rglob("*.partial"))
    assert not list(run.records())
    with full_disk(), pytest.raises(InputError, match="cannot be written"):
        run.write_file("leaderboard.md", "long " * 1000)
    assert not list(run.folder.rglob("*.partial"))


def test_a_full_disk_keeps_the_record_that_was_there(run):
    run.write(record(), OUTPUTS)
    with full_disk(), pytest.raises(InputError, match="cannot be written"):
        run.write(record(error="long " * 1000), OUTPUTS)
    assert list(run.records()) == [record()]
