"""The user's own arrays: .npz with x and perhaps y, or one .npy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.loaders import Raw, Request
from bench.loaders.reading import reading

if TYPE_CHECKING:
    import numpy as np


def load(request: Request, *, x: str | None = None, y: str | None = None) -> Raw:
    """Read points, and labels where there are any, from a NumPy file.

    Parameters
    ----------
    request : Request
    x : str, optional
        Key of the points in a .npz; ``"x"`` unless said otherwise.
    y : str, optional
        Key of the labels; ``"y"`` where the file has it.

    Returns
    -------
    Raw
        Points as stored: (n, d), (n, height, width) or (n, height, width, channels).

    Raises
    ------
    InputError
        If the file is damaged, holds pickled objects, or lacks a key.
    """
    import numpy as np

    # Objects in a NumPy file are pickles, and reading a pickle runs code: they are refused.
    mend = "save plain numeric arrays again with numpy.savez or numpy.save (objects are not read)"
    with reading(request.path, mend):
        loaded = np.load(request.path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return _single(request, loaded, x, y)
        with loaded:
            if request.kind == "npy":
                raise InputError(f'{request.path}: is a .npz inside; give loader "npz" or name it .npz')
            points = _member(request, loaded, x or "x")
            labels = _member(request, loaded, y or "y") if y or "y" in loaded.files else None
    return Raw(points, labels, str(request.path))


def _single(request: Request, points: np.ndarray, x: str | None, y: str | None) -> Raw:
    if request.kind == "npz":
        raise InputError(f'{request.path}: is a single .npy array; give loader "npy" or name it .npy')
    if x or y:
        raise InputError(f"card {request.card!r}: parameters x and y are for .npz files; a .npy is points only")
    return Raw(points, None, str(request.path))


def _member(request: Request, loaded: Any, key: str) -> np.ndarray:
    if key not in loaded.files:
        raise InputError(
            f"{request.path}: has no array {key!r} but {', '.join(loaded.files) or 'nothing'}; save the "
            "points as x and the labels as y, or name the keys in a card's parameters"
        )
    array: np.ndarray = loaded[key]
    return array
