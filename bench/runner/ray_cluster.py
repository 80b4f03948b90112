"""Starting a private Ray or joining a cluster, and leaving nothing of it behind.

Ray reads much of its configuration from the environment when it is imported, so nothing else imports it first.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, TextIO

from filelock import FileLock, Timeout

from bench.errors import InputError

#: Ray's sockets lie below its folder, and their paths have at most 107 characters.
_LONGEST_FOLDER = 40
_PREFIX = "dcb-ray-"
_YOUNG = 60.0  # seconds

#: What Tune is told by environment alone.
_TUNE = {
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
def cluster(
    address: str | None, log: Path, *, num_cpus: int | None = None, num_gpus: int | None = None
) -> Iterator[Any]:
    """Give a Ray to work with, and take it down again, however the work ends.

    Parameters
    ----------
    address : str or None
        A running cluster ("host:port", or "auto" for the one on this machine). None starts a private one:
        bound to loopback, with a token of its own, without dashboard, in a folder of its own.
    log : path
        File for what Ray and the workers have to say. Python's standard output goes there too meanwhile, for
        Ray prints from threads of its own: who wants to be seen keeps the stream.
    num_cpus, num_gpus : int or None
        What a private Ray offers; None for what the machine has.

    Yields
    ------
    module
        ``ray``, connected.

    Raises
    ------
    InputError
        If Ray cannot be started, or no cluster answers at the address.
    """
    _remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_short_temporary_folder()))
    before = dict(os.environ)
    os.environ.update({name: value for name, value in _TUNE.items() if name not in before})
    os.environ.pop("RAY_ADDRESS", None)  # a cluster is joined where --address says so, never by accident
    if address is None:
        os.environ.update(_PRIVATE, RAY_AUTH_TOKEN=secrets.token_hex(32))
    import ray

    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            FileLock(folder / ".lock"),
            log.open("a", buffering=1) as sink,
            redirect_stdout(sink),
            redirect_stderr(sink),
        ):
            _log_to(sink)
            _connect(ray, address, folder, num_cpus, num_gpus)
            _log_to(sink)  # connecting undid it
            try:
                yield ray
            finally:
                ray.shutdown()
                _keep_worker_logs(folder, sink)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        logging.getLogger("ray").handlers.clear()
        os.environ.clear()
        os.environ.update(before)


def _connect(ray: Any, address: str | None, folder: Path, num_cpus: int | None, num_gpus: int | None) -> None:
    shared: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if address is None:
        try:
            ray.init(
                address="local",
                num_cpus=num_cpus,
                num_gpus=num_gpus,
                include_dashboard=False,
                _temp_dir=str(folder),
                **shared,
            )
        except Exception as error:
            raise InputError(f"Ray does not start here ({_first_line(error)}); --executor local needs none") from error
        return
    try:
        ray.init(address=address, **shared)
    except Exception as error:
        raise InputError(
            f"--address {address}: no Ray cluster can be joined there ({_first_line(error)}); "
            "is it running the same Ray and Python, and is RAY_AUTH_TOKEN the cluster's?"
        ) from error


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


def _remove_abandoned() -> None:
    """Remove the folders of runs that were killed: nobody holds their locks."""
    for folder in Path(_short_temporary_folder() or tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            if time.time() - folder.stat().st_mtime < _YOUNG:  # perhaps not locked yet
                continue
            with FileLock(folder / ".lock", timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):
            continue
