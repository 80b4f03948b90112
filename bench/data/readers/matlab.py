"""The user's own arrays in MATLAB's files: up to version 7 by SciPy, from 7.3 on, which is HDF5, by h5py."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.data.readers import Raw, Request, reading
from bench.data.readers.hdf5 import array_of, arrays_in, not_words
from bench.data.readers.named_arrays import Array, names_of_splits, take

if TYPE_CHECKING:
    import numpy as np

_MEND = "save the points as fea and the labels as gnd, one row a point, with MATLAB's save or scipy.io.savemat"
_TYPES = {"double": "float64", "single": "float32", "logical": "bool", "char": "U1", "cell": "U1", "sparse": "float64"}
_INTEGERS = {f"{u}int{bits}" for u in ("", "u") for bits in (8, 16, 32, 64)}


def load(
    request: Request, *, x: str | None = None, y: int | str | None = None, samples: Literal["first", "last"] = "first"
) -> Raw:
    """Read points, and labels where there are any, from a MATLAB file of any version.

    Parameters
    ----------
    request : Request
    x, y : str, optional
        Names of the points and of the labels; see `bench.data.readers.named_arrays.take`.
    samples : {"first", "last"}
        Which axis of the points, as MATLAB shows it, counts them.

    Returns
    -------
    Raw
        Points as MATLAB shows them: (n, d), (n, height, width) or (n, height, width, channels).

    Raises
    ------
    InputError
        If the file is damaged, or does not say plainly which variable is which.
    """
    with reading(request.path, _MEND), _arrays(request.path) as arrays:
        return take(request, arrays, x, y, samples)


def splits_in(path: Path) -> tuple[str, ...]:
    """Return the splits that the names of the variables tell, such as those of Xtrain, Ytrain, Xtest, Ytest."""
    with reading(path, _MEND), _arrays(path) as arrays:
        return names_of_splits(arrays)


@contextmanager
def _arrays(path: Path) -> Iterator[dict[str, Array]]:
    import h5py
    import scipy.io

    if h5py.is_hdf5(path):
        with arrays_in(path, is_matlab=True) as arrays:
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
            raise not_words(path, name)
        values.append(item.item())
    return array_of(values, path, name)
