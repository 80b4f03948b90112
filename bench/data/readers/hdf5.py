"""Reader of HDF5 files: .h5 and .hdf5, and MATLAB's files from version 7.3 on, which are HDF5 inside."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.data.readers.named_arrays import Array, ArrayReader, dtype_fault
from bench.errors import InputError

if TYPE_CHECKING:
    import numpy as np

_MEND = "save plain arrays again with h5py, the points as x and the labels as y"
_PARTS = {"data", "indices", "indptr"}
_NUMBERS = {"double", "single", "logical", *(f"{u}int{bits}" for u in ("", "u") for bits in (8, 16, 32, 64))}


@contextmanager
def open_hdf5(path: Path, is_matlab: bool = False) -> Iterator[dict[str, Array]]:
    """Open a file and give its arrays, whatever group they lie in; links to other files are not followed.

    Parameters
    ----------
    path : Path
    is_matlab : bool
        Whether MATLAB wrote the file: its axes are stored in reverse. Those of an array with MATLAB's mark always are.
    """
    import h5py
    import numpy as np

    arrays: dict[str, Array] = {}
    whole: list[str] = []  # groups that are one value: their members are not arrays of their own

    def visit(name: str, item: Any) -> None:
        if name.startswith("#") or any(name.startswith(f"{group}/") for group in whole):
            return
        if isinstance(item, h5py.Dataset):
            arrays[name] = _dataset(item, is_matlab)
        elif "pandas_type" in item.attrs:
            raise InputError(f"{path}: {name} was written by pandas; save the table as .parquet or .csv")
        elif "MATLAB_sparse" in item.attrs or set(item) >= _PARTS:
            arrays[name] = _sparse(item)
            whole.append(name)
        elif _matlab_class(item):
            arrays[name] = Array((), np.dtype("V"), bytes, f"of MATLAB's class {_matlab_class(item)}")
            whole.append(name)

    with h5py.File(path, "r") as file:
        file.visititems(visit)
        yield arrays


def _dataset(dataset: Any, is_matlab: bool) -> Array:
    import h5py
    import numpy as np

    dtype, shape = dataset.dtype, dataset.shape
    of_class = _matlab_class(dataset)
    if shape is None or "MATLAB_empty" in dataset.attrs:
        return Array((), np.dtype("V"), bytes, "empty")
    if dataset.external or dataset.is_virtual:
        return Array(shape, np.dtype("V"), bytes, "kept in another file")
    if is_matlab or of_class:
        shape = shape[::-1]
        if of_class == "char":
            return Array(shape[:1], np.dtype("U1"), functools.partial(_words, dataset))
        if of_class == "cell" or h5py.check_ref_dtype(dtype):
            return Array(shape, np.dtype("U1"), functools.partial(_cell, dataset))
        if of_class and of_class not in _NUMBERS:
            return Array(shape, np.dtype("V"), bytes, f"of MATLAB's class {of_class}")
        return Array(shape, dtype, lambda: np.transpose(dataset[()]), dtype_fault(dtype))
    if h5py.check_string_dtype(dtype):
        return Array(shape, np.dtype("U1"), lambda: np.asarray(dataset.asstr()[()], dtype=np.str_))
    return Array(shape, dtype, lambda: dataset[()], dtype_fault(dtype))


def _matlab_class(item: Any) -> str:
    of_class = item.attrs.get("MATLAB_class", "")
    return of_class.decode("ascii", "replace") if isinstance(of_class, bytes) else str(of_class)


def _words(dataset: Any) -> np.ndarray:
    """Return the rows of a matrix of characters as words; MATLAB pads them with spaces."""
    import numpy as np

    return np.array(["".join(map(chr, row)).rstrip() for row in np.transpose(dataset[()])], dtype=np.str_)


def _cell(dataset: Any) -> np.ndarray:
    """Return the words or numbers of a cell array, which holds references to them."""
    import numpy as np

    values: list[Any] = []
    for reference in np.transpose(dataset[()]).ravel():
        item = dataset.file[reference]
        if _matlab_class(item) == "char" and item.shape and min(item.shape) <= 1:
            values.append("".join(map(chr, np.ravel(item[()]))))
        elif _matlab_class(item) in _NUMBERS and item.size == 1:
            values.append(item[()].item())
        else:
            raise not_words_error(dataset.file.filename, dataset.name.lstrip("/"))
    return cell_values(values, dataset.file.filename, dataset.name.lstrip("/"))


def cell_values(values: list[Any], path: object, name: str) -> np.ndarray:
    """Return the values of a cell array as an array: all of them words, or all of them numbers."""
    import numpy as np

    if len({isinstance(value, str) for value in values}) > 1:
        raise not_words_error(path, name)
    return np.array(values)


def not_words_error(path: object, name: str) -> InputError:
    """Return the error for a cell array that holds anything but words or single numbers."""
    return InputError(
        f"{path}: {name} is a cell array of other things than words or single numbers; save one matrix of points "
        "(one view), and labels as numbers or a cell array of words"
    )


def _sparse(group: Any) -> Array:
    """Read the parts of a sparse matrix as MATLAB, AnnData and h5sparse write it."""
    import numpy as np
    import scipy.sparse

    if "MATLAB_sparse" in group.attrs:
        names, layout = ("data", "ir", "jc"), "csc"
        shape: Any = (int(group.attrs["MATLAB_sparse"]), len(group["jc"]) - 1)
        if "data" not in group:
            return Array(shape, np.dtype("V"), bytes, "empty")
    else:
        names = ("data", "indices", "indptr")
        layout = str(group.attrs.get("encoding-type", group.attrs.get("h5sparse_format", "")))[:3]
        shape = group.attrs.get("shape", group.attrs.get("h5sparse_shape"))
        if layout not in ("csr", "csc") or shape is None:
            return Array((), np.dtype("V"), bytes, "sparse without saying whether by rows or by columns")
    shape = tuple(int(side) for side in shape)
    make = scipy.sparse.csr_matrix if layout == "csr" else scipy.sparse.csc_matrix
    return Array(
        shape, group["data"].dtype, lambda: make(tuple(group[name][()] for name in names), shape=shape), is_sparse=True
    )


_READER = ArrayReader(lambda path, _: open_hdf5(path), _MEND)
load, splits_in = _READER.load, _READER.splits_in
