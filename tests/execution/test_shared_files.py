"""Data sets in files that workers map into memory, and the temporary folders of these files."""

import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench.data.dataset import Dataset
from bench.errors import InputError
from bench.execution import shared_files
from bench.execution.processes import IsolatedCalls
from bench.execution.shared_files import open_dataset, shared_datasets, temporary_folder


@st.composite
def datasets(draw):
    n, d = draw(st.integers(1, 20)), draw(st.integers(1, 5))
    names = draw(st.one_of(st.none(), st.lists(st.text(), min_size=1, max_size=3).map(tuple)))
    items = draw(st.sampled_from([None, np.arange(n), np.array([f"é{i}.png" for i in range(n)], dtype=object)]))
    return Dataset(
        name=draw(st.text()),
        x=draw(arrays(np.float32, (n, d), elements=st.floats(0, 1, width=32))),
        y=None if names is None else draw(arrays(np.int64, n, elements=st.integers(-1, len(names) - 1))),
        n_clusters=draw(st.integers(1, 9)),
        image_shape=draw(st.sampled_from([None, (1, d)])),
        class_names=names,
        fingerprint="f",
        scaling=draw(st.text()),
        items=items,
        source=draw(st.text()),
    )


@given(datasets())
def test_a_shared_data_set_is_the_one_that_was_written(dataset):
    with shared_datasets({"d": dataset}, ["d", "d"]) as paths:
        open_dataset.cache_clear()
        opened = open_dataset(paths["d"])
        for name in ("x", "y", "items"):
            written, read = getattr(dataset, name), getattr(opened, name)
            assert (read is None) == (written is None)
            if read is not None:
                np.testing.assert_array_equal(read, written)
                assert type(read) is np.ndarray
                assert read.dtype == written.dtype or written.dtype == object
                assert read.flags.c_contiguous
                assert not read.flags.writeable
        others = ("name", "n_clusters", "image_shape", "class_names", "fingerprint", "scaling", "source")
        assert [getattr(opened, name) for name in others] == [getattr(dataset, name) for name in others]
    assert not paths["d"].exists()


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shared_files.np, "save", full)
    dataset = Dataset("d", np.zeros((2, 2), np.float32), None, 2, None, None, "f")
    with (
        pytest.raises(InputError, match=r"No space left on device.*TMPDIR") as error,
        shared_datasets({"d": dataset}, ["d"]),
    ):
        pass
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_no_folder_for_temporary_files_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"nowhere.*TMPDIR"), shared_datasets({}, []):
        pass


def test_a_folder_that_a_killed_process_left_is_removed_and_one_in_use_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(shared_files, "_YOUNG", 0.0)
    (tmp_path / "dcb-left").mkdir()
    with temporary_folder("dcb-", str(tmp_path)) as used, temporary_folder("dcb-", str(tmp_path)) as other:
        assert {*tmp_path.iterdir()} == {used, other}
    assert not list(tmp_path.iterdir())


HOLDS = """
import signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also below nohup
from bench.execution.shared_files import temporary_folder
with temporary_folder("dcb-", sys.argv[1]):
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_is_ended_takes_its_folder_along(tmp_path, ending):
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert list(tmp_path.iterdir())
        process.send_signal(ending)
        assert process.wait(timeout=30) == -ending
    assert not list(tmp_path.iterdir())


def test_what_a_method_started_ends_with_its_cell():
    calls = IsolatedCalls()
    started = calls.call(_starts_a_process)
    for _ in range(100):
        if not psutil.pid_exists(started) or psutil.Process(started).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.05)
    else:
        pytest.fail("it still runs")


def _starts_a_process():
    return subprocess.Popen(["sleep", "1000"]).pid
