"""Data sets as files that every worker of a machine maps into its memory, in folders that go with the command."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from bench.data.dataset import Dataset
from bench.errors import InputError

_YOUNG = 60.0  # seconds
#: What ends a process that does not ask to be told.
_ENDINGS = (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))


@contextmanager
def temporary_folder(prefix: str, parent: str | None = None) -> Iterator[Path]:
    """Make a folder, and remove it at the end: also at SIGTERM and SIGHUP, where nobody else heeds them.

    Folders of the same prefix that a killed process left behind are removed as well: nobody holds their locks.

    Parameters
    ----------
    prefix : str
        How its name begins.
    parent : str or None
        Where it lies; None takes the system's folder for temporary files.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    _remove_abandoned(prefix, parent)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        with FileLock(folder / ".lock"), _removed_at_the_end(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _removed_at_the_end(folder: Path) -> Iterator[None]:
    """Remove a folder before a signal ends this process; signals that somebody handles are left to them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def end(number: int, _: Any) -> None:
        if os.getpid() == owner:  # not in a fork
            shutil.rmtree(folder, ignore_errors=True)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    taken = [number for number in dict.fromkeys(_ENDINGS) if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in taken:
            if signal.getsignal(number) is end:
                signal.signal(number, signal.SIG_DFL)


def _remove_abandoned(prefix: str, parent: str | None) -> None:
    for folder in Path(parent or tempfile.gettempdir()).glob(f"{prefix}*"):
        try:
            if time.time() - folder.stat().st_mtime < _YOUNG:  # perhaps not locked yet
                continue
            with FileLock(folder / ".lock", timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):
            continue


#: How the temporary folders begin.
PREFIX = "dcb-data-"
_ARRAYS = ("x", "y", "items")
_TUPLES = ("image_shape", "class_names")


@contextmanager
def shared(datasets: Mapping[str, Dataset], specs: Iterable[str]) -> Iterator[dict[str, Path]]:
    """Write data sets to a temporary folder, and remove it at the end.

    Parameters
    ----------
    datasets : mapping of str to Dataset
    specs : iterable of str
        Which of them.

    Yields
    ------
    dict of str to Path
        What `opened` takes, by the names of ``specs``.

    Raises
    ------
    InputError
        If they cannot be written.
    """
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(temporary_folder(PREFIX))
        except OSError as error:
            raise _unwritable(error) from error
        yield write_all(datasets, specs, folder)


def write_all(datasets: Mapping[str, Dataset], specs: Iterable[str], folder: Path) -> dict[str, Path]:
    """Write data sets below a folder, each into one of its own; return them by name.

    Raises
    ------
    InputError
        If they cannot be written.
    """
    found = {spec: folder / str(i) for i, spec in enumerate(dict.fromkeys(specs))}
    try:
        for spec, place in found.items():
            _write(datasets[spec], place)
    except OSError as error:
        raise _unwritable(error, folder) from error
    return found


@lru_cache(maxsize=4)  # cells come data set by data set, each with few sets of outliers
def opened(place: Path) -> Dataset:
    """Return a data set that was written, its arrays mapped and read-only."""
    told: dict[str, Any] = json.loads((place / "facts.json").read_text(encoding="utf-8"))
    told |= {name: None if told[name] is None else tuple(told[name]) for name in _TUPLES}
    told |= {name: _mapped(place / f"{name}.npy") for name in _ARRAYS}
    return Dataset(**told)


def _write(dataset: Dataset, place: Path) -> None:
    place.mkdir(parents=True)
    told: dict[str, Any] = {}
    for field in fields(dataset):
        value = getattr(dataset, field.name)
        if field.name not in _ARRAYS:
            told[field.name] = value
        elif value is not None:
            array = np.ascontiguousarray(value)
            if array.dtype.hasobject:  # names of items; only pickle would keep objects
                array = array.astype(str)
            np.save(place / f"{field.name}.npy", array, allow_pickle=False)
    (place / "facts.json").write_text(json.dumps(told, default=_plain), encoding="utf-8")


def _plain(value: Any) -> Any:
    """Return a NumPy number as JSON has it."""
    return value.item()


def _mapped(path: Path) -> np.ndarray | None:
    """Return an array in a file as a plain one, None where there is no file."""
    if not path.exists():
        return None
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _unwritable(error: OSError, folder: Path | None = None) -> InputError:
    where = folder or error.filename or "the folder for temporary files"
    return InputError(
        f"{where}: the data sets cannot be laid there for the workers ({error.strerror or error}); "
        "make room, or set TMPDIR to a folder that has it"
    )
