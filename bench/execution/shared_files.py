"""Data sets in temporary files, which all workers of a machine map into memory; the files are removed at the end."""

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

#: Age in seconds from which an unlocked temporary folder counts as abandoned.
_YOUNG = 60.0
#: Signals that end a process which does not handle them.
_FATAL_SIGNALS = (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))


@contextmanager
def temporary_folder(prefix: str, parent: str | None = None) -> Iterator[Path]:
    """Make a folder, and remove it at the end, also at SIGTERM and SIGHUP where these have no handler.

    Folders of the same prefix that a killed process has left, whose locks are free, are removed as well.

    Parameters
    ----------
    prefix : str
        Of its name.
    parent : str or None
        Folder in which it is made; None takes the system's folder for temporary files.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    _remove_abandoned(prefix, parent)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        with FileLock(folder / ".lock"), _removed_at_signals(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _removed_at_signals(folder: Path) -> Iterator[None]:
    """Remove a folder before a signal ends this process; signals that have a handler keep it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def end(number: int, _: Any) -> None:
        if os.getpid() == owner:  # a fork leaves the folder to its parent
            shutil.rmtree(folder, ignore_errors=True)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    handled = [number for number in dict.fromkeys(_FATAL_SIGNALS) if signal.getsignal(number) is signal.SIG_DFL]
    for number in handled:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in handled:
            if signal.getsignal(number) is end:
                signal.signal(number, signal.SIG_DFL)


def _remove_abandoned(prefix: str, parent: str | None) -> None:
    for folder in Path(parent or tempfile.gettempdir()).glob(f"{prefix}*"):
        try:
            if time.time() - folder.stat().st_mtime < _YOUNG:  # its process may be about to lock it
                continue
            with FileLock(folder / ".lock", timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):
            continue


#: Prefix of the temporary folders of data sets.
PREFIX = "dcb-data-"
_ARRAYS = ("x", "y", "items")
_TUPLES = ("image_shape", "class_names")


@contextmanager
def shared_datasets(datasets: Mapping[str, Dataset], specs: Iterable[str]) -> Iterator[dict[str, Path]]:
    """Write data sets to a temporary folder, which is removed at the end.

    Parameters
    ----------
    datasets : mapping of str to Dataset
    specs : iterable of str
        Names of those to write.

    Yields
    ------
    dict of str to Path
        What `open_dataset` takes, by name.

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
        yield write_datasets(datasets, specs, folder)


def write_datasets(datasets: Mapping[str, Dataset], specs: Iterable[str], folder: Path) -> dict[str, Path]:
    """Write data sets below a folder, each into a folder of its own; return these by name.

    Raises
    ------
    InputError
        If they cannot be written.
    """
    paths = {spec: folder / str(i) for i, spec in enumerate(dict.fromkeys(specs))}
    try:
        for spec, path in paths.items():
            _write(datasets[spec], path)
    except OSError as error:
        raise _unwritable(error, folder) from error
    return paths


@lru_cache(maxsize=4)  # runs come data set by data set, each with few sets of outliers
def open_dataset(path: Path) -> Dataset:
    """Return a data set that was written; its arrays are memory-mapped and read-only."""
    values: dict[str, Any] = json.loads((path / "facts.json").read_text(encoding="utf-8"))
    values |= {name: None if values[name] is None else tuple(values[name]) for name in _TUPLES}
    values |= {name: _mapped(path / f"{name}.npy") for name in _ARRAYS}
    return Dataset(**values)


def _write(dataset: Dataset, path: Path) -> None:
    path.mkdir(parents=True)
    values: dict[str, Any] = {}
    for field in fields(dataset):
        value = getattr(dataset, field.name)
        if field.name not in _ARRAYS:
            values[field.name] = value
        elif value is not None:
            array = np.ascontiguousarray(value)
            if array.dtype.hasobject:  # names of items; objects would need pickle
                array = array.astype(str)
            np.save(path / f"{field.name}.npy", array, allow_pickle=False)
    facts = json.dumps(values, default=lambda number: number.item())  # NumPy's numbers are not JSON's
    (path / "facts.json").write_text(facts, encoding="utf-8")


def _mapped(path: Path) -> np.ndarray | None:
    """Return the array in a file as an ndarray on mapped memory; None if there is no file."""
    if not path.exists():
        return None
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _unwritable(error: OSError, folder: Path | None = None) -> InputError:
    where = folder or error.filename or "the folder for temporary files"
    return InputError(
        f"{where}: the data sets cannot be stored there for the workers ({error.strerror or error}); "
        "free some space, or set TMPDIR to a folder with more"
    )
