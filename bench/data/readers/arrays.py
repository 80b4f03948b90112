"""Reader of NumPy's files: named arrays or a sparse matrix of SciPy's in a .npz, points alone in a .npy."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.data.readers import Raw, Request
from bench.data.readers.named_arrays import Array, ArrayReader, dtype_fault
from bench.errors import InputError

if TYPE_CHECKING:
    import numpy as np

# Objects in a NumPy file are pickles, and reading a pickle runs code: they are refused.
_MEND = "save plain numeric arrays again with numpy.savez or numpy.save (objects are not read)"
# The members of a .npz of scipy.sparse.save_npz that are always there.
_SPARSE = {"format", "shape", "data"}


@contextmanager
def _open_arrays(path: Path, kind: str) -> Iterator[dict[str, Array]]:
    import numpy as np

    with path.open("rb") as file:
        if not file.read(6).startswith((b"\x93NUMPY", b"PK")):
            raise InputError(f"{path}: is no file of NumPy's; name it by what it is, such as .csv, or {_MEND}")
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        if kind == "npz":
            raise InputError(f'{path}: is a single .npy array; give loader "npy" or name it .npy')
        yield {"x": _array(loaded.shape, loaded.dtype, lambda: loaded)}
        return
    with loaded:
        if kind == "npy":
            raise InputError(f'{path}: is a .npz inside; give loader "npz" or name it .npz')
        names = list(loaded.files)
        arrays = {}
        if set(names) >= _SPARSE:
            arrays["x"] = _sparse(path, loaded)
            names = [name for name in names if name not in _SPARSE | {"indices", "indptr", "row", "col", "offsets"}]
        for name in names:
            arrays[name] = _member(loaded, name)
        yield arrays


def _sparse(path: Path, loaded: Any) -> Array:
    import scipy.sparse

    shape = tuple(int(side) for side in loaded["shape"])
    return Array(shape, _member(loaded, "data").dtype, lambda: scipy.sparse.load_npz(path), is_sparse=True)


def _member(loaded: Any, name: str) -> Array:
    """Read the header of an array, and leave its values where they are."""
    import numpy as np

    in_zip = f"{name}.npy" if f"{name}.npy" in loaded.zip.namelist() else name
    with loaded.zip.open(in_zip) as file:
        try:
            version = np.lib.format.read_magic(file)
        except ValueError:
            return Array((), np.dtype("V"), bytes, "no array")
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(file)
    return _array(shape, dtype, functools.partial(loaded.__getitem__, name))


def _array(shape: tuple[int, ...], dtype: np.dtype, read: Any) -> Array:
    return Array(shape, dtype, read, dtype_fault(dtype))


_READER = ArrayReader(_open_arrays, _MEND)
splits_in = _READER.splits_in


@functools.wraps(_READER.load)
def load(request: Request, **options: Any) -> Raw:
    """Read as `ArrayReader.load`; a .npy has no names."""
    if request.kind == "npy" and (options.get("x") or options.get("y") not in (None, "none")):
        raise InputError(f"card {request.card!r}: x and y (--label) are for .npz files; a .npy is points only")
    return _READER.load(request, **options)
