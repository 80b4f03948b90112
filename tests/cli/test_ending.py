"""However a command ends, it is one line and never a traceback, and what was finished is kept."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.cli.ending import run_to_exit_code
from bench.errors import InputError
from bench.records.store import Run
from tests.records.test_store import full_disk

MAIN = [sys.executable, "-c", "from bench.cli import main; main()"]
BASE = ["run", "quick", "--methods", "kmeans", "--seeds", "2", "--limit", "100"]
KEPT = "the finished cells are kept, the same command goes on from here\n"


@pytest.fixture(autouse=True)
def own_signals():
    """Leave the handlers as they were: a command that is over leaves Ctrl-C to the system."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # also where the tests run under nohup
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def done(cli, tmp_path, tmp_path_factory):
    """A finished run; made once, and a copy for each test."""
    once = tmp_path_factory.getbasetemp() / "a finished run"
    if not once.exists():
        code, out, err = cli(*BASE, "--out", once)
        assert code == 0, out + err
    return Path(shutil.copytree(once, tmp_path / "run"))


PHASES = [
    "bench.plan.plan.load_datasets",
    "bench.run.session.make_plan",
    "bench.run.session.collect",
    "bench.run.session.write_report",
]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(
    ("number", "line"),
    [
        (signal.SIGINT, "stopped by Ctrl-C"),
        (signal.SIGTERM, "stopped by SIGTERM"),
        (signal.SIGHUP, "stopped by SIGHUP"),
    ],
)
def test_a_signal_in_any_phase_is_a_line_and_loses_nothing(cli, done, monkeypatch, phase, number, line):
    def stop(*_, **__):
        os.kill(os.getpid(), number)
        time.sleep(5)

    before = {path.name for path in (done / "records").iterdir()}
    monkeypatch.setattr(phase, stop)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    code, out, err = cli(*BASE, "--out", done)
    assert code == 128 + number
    assert err == f"{line}; {KEPT}"
    assert "Traceback" not in out
    assert {path.name for path in (done / "records").iterdir()} == before
    monkeypatch.undo()


def test_a_signal_that_is_ignored_stays_ignored(capsys):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    assert run_to_exit_code(lambda: os.kill(os.getpid(), signal.SIGHUP) or 0) == 0


def test_a_method_does_not_swallow_a_signal(cli, tmp_path):
    (tmp_path / "slow.py").write_text("import os, signal, time\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(5)\n")
    code, _, err = cli("plan", "--limit", "100", "--methods", f"kmeans,{tmp_path / 'slow.py'}")
    assert code == 143
    assert err.endswith(KEPT)


def test_the_running_is_ended_by_sigterm_with_its_workers_and_goes_on(tmp_path, plugins):
    import psutil

    folder = tmp_path / "run"
    command = [*MAIN, "run", "quick", "--limit", "100", "--seeds", "2", "--jobs", "1", "--out", str(folder)]
    command += ["--methods", f"kmeans,{plugins}:Hangs"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 300
    while process.poll() is None and len(list(folder.glob("records/*.json"))) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 143, out + err
    assert err.endswith(f"stopped by SIGTERM; {KEPT}")
    assert "Traceback" not in out + err
    gone, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
    assert len(gone) > 1
    assert len(list(Run(folder).records())) == 2


def test_ctrl_c_while_it_starts_is_a_line():
    code = "import os, signal; from bench.cli import main; "
    code += "signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT)); "
    code += "signal.setitimer(signal.ITIMER_REAL, 0.02); main()"
    done = subprocess.run([sys.executable, "-c", code, "methods"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 130
    assert done.stderr.startswith("stopped by Ctrl-C; ")
    assert done.stderr.count("\n") == 1


def test_a_reader_that_goes_is_no_fault(tmp_path):
    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    reader.wait()
    done = subprocess.run([*MAIN, "suites"], stdout=reader.stdin, stderr=subprocess.PIPE, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (141, "")


class Full(io.StringIO):
    """A disk without space."""

    def write(self, text):
        raise OSError(28, "No space left on device")


def test_an_output_that_is_full_is_a_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Full())
    assert run_to_exit_code(lambda: print("x") or 0) == 2
    assert capsys.readouterr().err == "error: the output: cannot be written (No space left on device)\n"


def test_streams_that_are_closed_are_missed_by_nobody(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert run_to_exit_code(lambda: print("x") or 3) == 3


def test_a_terminal_that_lacks_a_character_is_shown_its_number(cli, done, monkeypatch, tmp_path):
    file = (tmp_path / "out.txt").open("w", encoding="ascii")
    monkeypatch.setattr(sys, "stdout", file)
    code, _, err = cli("report", done)
    file.close()
    assert code == 0, err
    assert "\\xb1" in (tmp_path / "out.txt").read_text(encoding="ascii")  # ±


def test_a_fault_of_our_own_is_a_line_with_the_place_of_its_traceback(cli, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("bench.plan.suite.suite_names", lambda: 1 / 0)
    code, out, err = cli("suites")
    assert code == 70
    assert err.count("\n") == 1
    (kept,) = tmp_path.glob("deepclustbench-*.txt")
    assert str(kept) in err
    assert "ZeroDivisionError" in err
    assert "Traceback" in kept.read_text()
    assert "Traceback" not in out + err


def test_a_full_disk_while_the_report_is_written_is_a_line(cli, done):
    with full_disk():
        code, out, err = cli(*BASE, "--out", done)
    assert code == 2
    assert "cannot be written" in err
    assert err.count("\n") == 1
    assert "Traceback" not in out + err
    assert not list(done.rglob("*.partial"))
    assert cli("report", done)[0] == 0


def key_of(folder):
    return sorted((folder / "records").glob("*.json"))[0]


@pytest.mark.parametrize("what", ["folder", "pipe", "loop", "empty", "newer", "older", "bytes", "deep"])
def test_what_is_no_record_is_told_of_and_nothing_waits_for_it(done, what):
    path = key_of(done)
    content = json.loads(path.read_text())
    path.unlink()
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "loop":
        path.symlink_to(path)
    else:
        made = {"empty": b"", "newer": json.dumps({**content, "mood": 1}).encode(), "bytes": b"\xff\xfe\x00"}
        made |= {"older": json.dumps({"key": path.stem}).encode(), "deep": b"[" * 100_000}
        path.write_bytes(made[what])
    with pytest.warns(RuntimeWarning, match="unreadable record left out") as told:
        assert len(list(Run(done).records())) == 1
    assert "validation error" not in str(told[0].message)


def test_a_folder_in_a_records_place_is_refused_before_anything_runs(cli, done):
    path = key_of(done)
    path.unlink()
    path.mkdir()
    code, _, err = cli(*BASE, "--out", done)
    assert code == 2
    assert f"error: {path}: a folder stands where a file of the run belongs" in err


@pytest.mark.parametrize("name", ["suite.toml", "plan.json", "commands.txt", "experiment.json", "selection.json"])
@pytest.mark.parametrize("what", ["folder", "pipe", "empty", "bytes", "newer"])
def test_a_file_of_a_run_that_is_something_else_is_a_line_or_no_matter(cli, done, name, what):
    path = done / name
    path.unlink(missing_ok=True)
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes({"empty": b"", "bytes": b"\xff\xfe", "newer": b'{"mood": 1}'}[what])
    code, out, err = cli("report", done)
    assert code in (0, 2)
    assert "Traceback" not in out + err
    assert code == 0 or name in err
    if code == 2:
        assert err.startswith("error: ")
        assert err.count("\n") == 1


def test_outputs_that_are_a_pipe_are_refused_and_not_waited_for(done):
    record = next(iter(Run(done).records()))
    path = done / "outputs" / f"{record.key}.npz"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match="cannot be read"):
        Run(done).outputs(record.key)


def test_a_file_that_may_not_be_read_is_a_line(cli, done, monkeypatch):
    def refuse(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_text", refuse)
    code, _, err = cli("report", done)
    assert code == 2
    assert (
        err == f"error: {done / 'suite.toml'}: cannot be read (Permission denied); mend its rights, or take another\n"
    )
