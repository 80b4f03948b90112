"""The connection to Ray: starts a private Ray or joins a cluster, and cleans up at the end.

Ray reads much of its configuration from the environment when it is imported, so this module must import it first.
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
from bench.execution.shared_files import temporary_folder

#: Longest path of a temporary folder: Ray's sockets are below it, and their paths have at most 107 characters.
_LONGEST_FOLDER = 40
_PREFIX = "dcb-ray-"

#: Token of the private Rays of this process; one for all of them, since Ray's library caches the first one.
_TOKEN = secrets.token_hex(32)

#: Options of Ray and Tune that only the environment can set.
_ALWAYS = {
    # Below `uv run` Ray would copy the working directory, results included, to each node, and run the workers in an
    # environment made from the copy.
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # no tables on the terminal
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths stay valid in workers
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # this package writes the records
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # this package handles Ctrl-C
    "TUNE_FORCE_TRIAL_CLEANUP_S": "5",  # a worker that does not stop in this time is killed
    "TUNE_DISABLE_AUTO_INIT": "1",  # no other cluster than the one connected here
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
    """Connect to Ray; disconnect, and remove what it has made, at the end.

    If an essential process of a private Ray dies, this process exits with a message. Otherwise Ray's library would
    end it half a minute later without an explanation.

    Parameters
    ----------
    address : str or None
        A running cluster ("host:port", or "auto" for the one on this machine). None starts a private one: bound to
        loopback, with its own token and folder, without dashboard.
    log : path
        File for the messages of Ray and the workers. Python's standard output and error go there too, since Ray
        prints from its own threads; to print to the terminal, keep a reference to the stream.
    cpus : int
        CPUs that a private Ray may use.

    Yields
    ------
    path
        A folder for temporary files, which is removed at the end.

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
    os.environ.pop("RAY_ADDRESS", None)  # only --address decides which cluster is joined
    if address is None:
        os.environ.update(_PRIVATE, RAY_AUTH_TOKEN=_TOKEN)
    try:
        import ray

        # Ray decides by the environment at its import whether a node's address is a loopback one.
        if address is None and ray.util.get_node_ip_address() not in ("127.0.0.1", "::1"):
            raise InputError(
                "something, perhaps a plugin, imported ray before the run, and a private Ray would now listen on every "
                "network interface: import it later, or set RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0 in the environment"
            )
        log.parent.mkdir(parents=True, exist_ok=True)
        with _appending(log) as sink, redirect_stdout(sink), redirect_stderr(sink):
            _log_to(sink)
            with _kept_signals():
                _connect(ray, address, folder, cpus)
            _log_to(sink)  # again, since connecting has replaced the handlers
            ended = threading.Event()
            if address is None:
                watch = threading.Thread(target=_exit_with, args=(_essential_processes(), ended, folder), daemon=True)
                watch.start()
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
    """Open a log to append to; errors at closing, such as of a full disk, are left to more important files."""
    sink = log.open("a", buffering=1)
    try:
        yield sink
    finally:
        with suppress(OSError):
            sink.close()


@contextmanager
def _kept_signals() -> Iterator[None]:
    """Restore the handler of SIGTERM, which connecting to Ray replaces."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _connect(ray: Any, address: str | None, folder: Path, cpus: int) -> None:
    from bench.execution.ray.private import job_config

    shared: dict[str, Any] = {"log_to_driver": False, "configure_logging": False, "job_config": job_config()}
    if address is None:
        try:
            ray.init(address="local", num_cpus=cpus, include_dashboard=False, _temp_dir=str(folder), **shared)
        except Exception as error:
            raise InputError(f"Ray does not start here ({_first_line(error)}); --executor local needs none") from error
        return
    try:
        host, colon, port = address.rpartition(":")
        if colon and port.isdigit():  # Ray itself would try for minutes
            socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
        ray.init(address=address, **shared)
    except Exception as error:
        raise InputError(
            f"--address {address}: no Ray cluster can be joined there ({_first_line(error)}); "
            "is it running the same Ray and Python, and is RAY_AUTH_TOKEN the cluster's?"
        ) from error


def _essential_processes() -> dict[int, str]:
    """Return the private Ray's essential processes and their names; none where there is no /proc."""
    processes = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().partition("(")[2].rpartition(")")
            parent = int(rest.split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if parent == os.getpid() and name in ("raylet", "gcs_server"):
            processes[int(path.parent.name)] = name
    return processes


def _exit_with(processes: dict[int, str], ended: threading.Event, folder: Path) -> None:
    """Exit when one of these processes dies, since the main thread would wait for Ray without end."""
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
                    f"{show_cursor}error: Ray's process {name} died; finished runs are kept, "
                    "and the same command continues from here",
                    file=sys.__stderr__,
                    flush=True,
                )
                os._exit(1)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _log_to(sink: TextIO) -> None:
    """Send the log messages of Ray's Python library to a file."""
    handler = logging.StreamHandler(sink)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("ray")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _keep_worker_logs(folder: Path, sink: TextIO) -> None:
    """Append what the workers of a private Ray have printed; a cluster keeps that in its own logs."""
    for path in sorted(folder.glob("session_2*/logs/worker-*")):
        text = path.read_text(errors="replace")
        if any(not line.startswith(":") for line in text.splitlines()):  # else only Ray's markers
            sink.write(f"--- {path.name}\n{text}")


def _short_temporary_folder() -> str | None:
    folder = tempfile.gettempdir()
    return folder if len(folder) < _LONGEST_FOLDER or not Path("/tmp").is_dir() else "/tmp"  # noqa: S108
