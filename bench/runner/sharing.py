"""Data sets as files that every worker of a machine maps into its memory, instead of reading them again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.dataset import Dataset
from bench.errors import InputError
from bench.runner.temporary import temporary_folder

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
