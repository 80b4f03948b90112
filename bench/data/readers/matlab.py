"""Reader of MATLAB's files: up to version 7 by SciPy, from 7.3 on, which is HDF5, by h5py."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.data.readers.hdf5 import cell_values, not_words_error, open_hdf5
from bench.data.readers.named_arrays import Array, ArrayReader

if TYPE_CHECKING:
    import numpy as np

_MEND = "save the points as fea and the labels as gnd, one row a point, with MATLAB's save or scipy.io.savemat"
_TYPES = {"double": "float64", "single": "float32", "logical": "bool", "char": "U1", "cell": "U1", "sparse": "float64"}
_INTEGERS = {f"{u}int{bits}" for u in ("", "u") for bits in (8, 16, 32, 64)}


@contextmanager
def _open_arrays(path: Path, _kind: str) -> Iterator[dict[str, Array]]:
    import h5py
    import scipy.io

    if h5py.is_hdf5(path):
        with open_hdf5(path, is_matlab=True) as arrays:
            yield arrays
    else:
        variables = scipy.io.whosmat(path, appendmat=False)
        yield {name: _variable(path, name, shape, of_class) for name, shape, of_class in variables}


def _variable(path: Path, name: str, shape: tuple[int, ...], of_class: str) -> Array:
    import numpy as np

    if of_class not in {*_TYPES, *_INTEGERS}:
        return Array(shape, np.dtype("V"), bytes, f"of MATLAB's class {of_class}")
    shape = shape[:1] if of_class == "char" else shape
    dtype = np.dtype(_TYPES.get(of_class, of_class))
    read = functools.partial(_read, path, name, of_class, dtype)
    return Array(shape, dtype, read, is_sparse=of_class == "sparse")


def _read(path: Path, name: str, of_class: str, dtype: np.dtype) -> Any:
    import numpy as np
    import scipy.io

    value = scipy.io.loadmat(path, variable_names=[name], appendmat=False)[name]
    if of_class == "char":
        return np.char.rstrip(value)
    if of_class == "cell":
        return _cell(path, name, value)
    # MATLAB packs whole numbers into a smaller type than theirs. SciPy's mat_dtype would drop an imaginary part, too.
    return value if value.dtype.kind == "c" else value.astype(dtype)


def _cell(path: Path, name: str, cell: np.ndarray) -> np.ndarray:
    values = []
    for item in cell.ravel():
        if item.size != 1 or item.dtype.kind not in "biufU":
            raise not_words_error(path, name)
        values.append(item.item())
    return cell_values(values, path, name)


_READER = ArrayReader(_open_arrays, _MEND)
load, splits_in = _READER.load, _READER.splits_in
