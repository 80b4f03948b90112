"""Starting a private Ray or joining a cluster, and leaving nothing of it behind.

Ray reads much of its configuration from the environment when it is imported, so nothing else imports it first.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO

from bench.errors import InputError
from bench.run.shared_files import temporary_folder

#: Ray's sockets lie below its folder, and their paths have at most 107 characters.
_LONGEST_FOLDER = 40
_PREFIX = "dcb-ray-"

#: Opens the private Rays of this process; one for all of them, since Ray's library keeps the first it sees.
TOKEN = secrets.token_hex(32)

#: What Ray and Tune are told by environment alone.
_ALWAYS = {
    # Below `uv run` Ray would send the working directory, results and all, to each node, and run the workers
    # in an environment made from it there.
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # no tables of its own
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths mean what they meant to the user
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # records are ours
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C too
    "TUNE_FORCE_TRIAL_CLEANUP_S": "5",  # a lane that does not stop in this time is killed
    "TUNE_DISABLE_AUTO_INIT": "1",  # no cluster but the one we made
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "1000000",
}
_PRIVATE = {
    # Ray's name for "bind to 127.0.0.1": without it every port of a private Ray is open to the network.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
}


@contextmanager
def cluster(address: str | None, log: Path, *, cpus: int) -> Iterator[Path]:
    """Connect to a Ray, and leave nothing of it behind, however the work ends.

    Where a private Ray's own processes die, so does this one: Ray's library would end it, half a minute later
    and without a word that helps.

    Parameters
    ----------
    address : str or None
        A running cluster ("host:port", or "auto" for the one on this machine). None starts a private one:
        bound to loopback, with a token of its own, without dashboard, in a folder of its own.
    cpus : int
        What a private Ray may use.
    log : path
        File for what Ray and the workers have to say. Python's standard output goes there too meanwhile, for
        Ray prints from threads of its own: who wants to be seen keeps the stream.

    Yields
    ------
    path
        A folder for what the work needs to lay down; it is removed at the end.

    Raises
    ------
    InputError
        If Ray cannot be started, or no cluster answers at the address.
    """
    with temporary_folder(_PREFIX, _short_temporary_folder()) as folder:
        yield from _connected(address, log, cpus, folder)


def _connected(address: str | None, log: Path, cpus: int, folder: Path) -> Iterator[Path]:
    before = dict(os.environ)
    os.environ.update({name: value for name, value in _ALWAYS.items() if name not in before})
    os.environ.pop("RAY_ADDRESS", None)  # a cluster is joined where --address says so, never by accident
    if address is None:
        os.environ.update(_PRIVATE, RAY_AUTH_TOKEN=TOKEN)
    try:
        import ray
        from ray._private.ray_constants import ENABLE_RAY_CLUSTER

        if address is None and ENABLE_RAY_CLUSTER:  # Ray read the environment when it was imported
            raise InputError(
                "something, perhaps a plugin, imported ray before the run, and a private Ray would now listen on every "
                "network interface: import it later, or set RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 in the environment"
            )
        log.parent.mkdir(parents=True, exist_ok=True)
        with _appending(log) as sink, redirect_stdout(sink), redirect_stderr(sink):
            _log_to(sink)
            with _own_signals():
                _connect(ray, address, folder, cpus)
            _log_to(sink)  # connecting undid it
            ended = threading.Event()
            if address is None:
                threading.Thread(target=_end_with, args=(_own_processes(), ended, folder), daemon=True).start()
            try:
                yield folder
            finally:
                ended.set()
                ray.shutdown()
                with suppress(OSError):
                    _keep_worker_logs(folder, sink)
    finally:
        logging.getLogger("ray").handlers.clear()
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _appending(log: Path) -> Iterator[TextIO]:
    """Open a log; that a disk is full is said by what is worth more."""
    sink = log.open("a", buffering=1)
    try:
        yield sink
    finally:
        with suppress(OSError):
            sink.close()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Undo that Ray, when it is connected to, takes SIGTERM for itself."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _connect(ray: Any, address: str | None, folder: Path, cpus: int) -> None:
    shared: dict[str, Any] = {"log_to_driver": False, "configure_logging": False, "job_config": _job_config()}
    if address is None:
        try:
            ray.init(address="local", num_cpus=cpus, include_dashboard=False, _temp_dir=str(folder), **shared)
        except Exception as error:
            raise InputError(f"Ray does not start here ({_first_line(error)}); --executor local needs none") from error
        return
    try:
        host, colon, port = address.rpartition(":")
        if colon and port.isdigit():  # Ray itself would knock for minutes
            socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
        ray.init(address=address, **shared)
    except Exception as error:
        raise InputError(
            f"--address {address}: no Ray cluster can be joined there ({_first_line(error)}); "
            "is it running the same Ray and Python, and is RAY_AUTH_TOKEN the cluster's?"
        ) from error


class _NoFolders(list[str]):
    """The folders that Ray adds to its workers' import path: none."""

    def extend(self, _: Any) -> None:
        """Take nothing; Ray would give the working directory, before all else, and the script's folder."""


def _job_config() -> Any:
    from ray.job_config import JobConfig

    config = JobConfig()
    config._py_driver_sys_path = _NoFolders()
    return config


def _own_processes() -> dict[int, str]:
    """Return the processes of the private Ray that it cannot be without; none where /proc does not tell."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().partition("(")[2].rpartition(")")
            parent = int(rest.split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if parent == os.getpid() and name in ("raylet", "gcs_server"):
            found[int(path.parent.name)] = name
    return found


def _end_with(processes: dict[int, str], ended: threading.Event, folder: Path) -> None:
    """End this process when one of these dies; what waits for Ray in the main thread would wait in vain."""
    while not ended.wait(1.0):
        for pid, name in processes.items():
            try:
                alive = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
            except OSError:
                alive = False
            if not alive and not ended.is_set():
                shutil.rmtree(folder, ignore_errors=True)
                show_cursor = "\x1b[?25h" if sys.__stderr__ and sys.__stderr__.isatty() else ""
                print(
                    f"{show_cursor}error: Ray's process {name} died; the finished cells are kept, "
                    "the same command goes on from here",
                    file=sys.__stderr__,
                    flush=True,
                )
                os._exit(1)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _log_to(sink: TextIO) -> None:
    """Send what Ray's Python side says to a file."""
    handler = logging.StreamHandler(sink)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("ray")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _keep_worker_logs(folder: Path, sink: TextIO) -> None:
    """Add what the workers of a private Ray printed; on a cluster it stays in that cluster's own logs."""
    for path in sorted(folder.glob("session_2*/logs/worker-*")):
        text = path.read_text(errors="replace")
        if any(not line.startswith(":") for line in text.splitlines()):  # Ray's own markers begin so
            sink.write(f"--- {path.name}\n{text}")


def _short_temporary_folder() -> str | None:
    folder = tempfile.gettempdir()
    return folder if len(folder) < _LONGEST_FOLDER or not Path("/tmp").is_dir() else "/tmp"  # noqa: S108
