"""However a command ends, it prints one line instead of a traceback, and finished runs stay stored."""

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
KEPT = "finished runs are kept, and the same command continues from here\n"


@pytest.fixture(autouse=True)
def own_signals():
    """Restore the signal handlers: a command leaves SIGINT at its default when it has ended."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # also where the tests run under nohup
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def done(cli, tmp_path, tmp_path_factory):
    """A copy of a finished run, which is made once."""
    once = tmp_path_factory.getbasetemp() / "a finished run"
    if not once.exists():
        code, out, err = cli(*BASE, "--out", once)
        assert code == 0, out + err
    return Path(shutil.copytree(once, tmp_path / "run"))


PHASES = [
    "bench.plan.plan.load_datasets",
    "bench.execution.session.stage_to_report",
    "bench.execution.session.collect",
    "bench.execution.session.write_report",
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
def test_a_signal_in_any_phase_prints_one_line_and_loses_no_record(cli, done, monkeypatch, phase, number, line):
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


def test_a_signal_while_a_plugin_is_imported_ends_the_command(cli, tmp_path):
    (tmp_path / "slow.py").write_text("import os, signal, time\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(5)\n")
    code, _, err = cli("plan", "--limit", "100", "--methods", f"kmeans,{tmp_path / 'slow.py'}")
    assert code == 143
    assert err.endswith(KEPT)


def test_sigterm_ends_a_run_with_its_workers_and_keeps_its_records(tmp_path, plugins):
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


def test_ctrl_c_during_the_start_prints_one_line():
    code = "import os, signal; from bench.cli import main; "
    code += "signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT)); "
    code += "signal.setitimer(signal.ITIMER_REAL, 0.02); main()"
    done = subprocess.run([sys.executable, "-c", code, "methods"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 130
    assert done.stderr.startswith("stopped by Ctrl-C; ")
    assert done.stderr.count("\n") == 1


def test_a_closed_pipe_prints_nothing(tmp_path):
    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    reader.wait()
    done = subprocess.run([*MAIN, "suites"], stdout=reader.stdin, stderr=subprocess.PIPE, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (141, "")


class Full(io.StringIO):
    """A disk without space."""

    def write(self, text):
        raise OSError(28, "No space left on device")


def test_a_full_disk_of_the_output_prints_one_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Full())
    assert run_to_exit_code(lambda: print("x") or 0) == 2
    assert capsys.readouterr().err == "error: the output: cannot be written (No space left on device)\n"


def test_closed_standard_streams_do_not_change_the_exit_code(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert run_to_exit_code(lambda: print("x") or 3) == 3


def test_characters_outside_the_encoding_are_escaped(cli, done, monkeypatch, tmp_path):
    file = (tmp_path / "out.txt").open("w", encoding="ascii")
    monkeypatch.setattr(sys, "stdout", file)
    code, _, err = cli("report", done)
    file.close()
    assert code == 0, err
    assert "\\xb1" in (tmp_path / "out.txt").read_text(encoding="ascii")  # ±


def test_an_unexpected_exception_prints_the_file_of_its_traceback(cli, monkeypatch, tmp_path):
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


def test_a_full_disk_while_the_report_is_written_prints_one_line(cli, done):
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
def test_an_unreadable_record_is_left_out_with_a_warning(done, what):
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
    with pytest.warns(RuntimeWarning, match="unreadable record left out") as caught:
        assert len(list(Run(done).records())) == 1
    assert "validation error" not in str(caught[0].message)


def test_a_folder_at_the_path_of_a_record_is_refused_before_anything_runs(cli, done):
    path = key_of(done)
    path.unlink()
    path.mkdir()
    code, _, err = cli(*BASE, "--out", done)
    assert code == 2
    assert f"error: {path}: a folder stands where a file of the run belongs" in err


@pytest.mark.parametrize("name", ["suite.toml", "plan.json", "commands.txt", "experiment.json", "selection.json"])
@pytest.mark.parametrize("what", ["folder", "pipe", "empty", "bytes", "newer"])
def test_an_unreadable_file_of_a_run_prints_one_line_or_is_not_needed(cli, done, name, what):
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


def test_outputs_that_are_a_pipe_are_refused(done):
    record = next(iter(Run(done).records()))
    path = done / "outputs" / f"{record.key}.npz"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match="cannot be read"):
        Run(done).outputs(record.key)


def test_a_file_without_read_permission_prints_one_line(cli, done, monkeypatch):
    def refuse(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_text", refuse)
    code, _, err = cli("report", done)
    assert code == 2
    reason = "cannot be read (Permission denied); correct its permissions or choose another"
    assert err == f"error: {done / 'suite.toml'}: {reason}\n"
