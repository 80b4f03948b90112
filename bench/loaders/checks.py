"""What raw points and labels must be before they are used; each fault is one line with its mend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.errors import InputError

if TYPE_CHECKING:
    from bench.loaders import Raw


def check_points(raw: Raw, where: str) -> np.ndarray:
    """Check the points of one split.

    Parameters
    ----------
    raw : Raw
    where : str
        Data set and file, for messages.

    Returns
    -------
    ndarray of shape (n, d), (n, height, width) or (n, height, width, channels)
        The same values as a native integer or float type of at most eight bytes.

    Raises
    ------
    InputError
        If the points are not numbers, have a wrong dimension, or are NaN or infinite.
    """
    points = np.asarray(raw.points)
    if points.ndim not in (2, 3, 4):
        raise InputError(
            f"{where}: points have shape {points.shape}; give (n, features), (n, height, width) or "
            "(n, height, width, channels)"
        )
    if points.ndim == 4 and points.shape[3] not in (1, 3, 4):
        raise InputError(
            f"{where}: images have shape {points.shape}; give (n, height, width, channels) with 1, 3 or 4 "
            "channels, or flatten them to (n, features)"
        )
    if 0 in points.shape:
        raise InputError(f"{where}: holds no values (shape {points.shape}); give at least two points")
    if points.dtype.kind not in "biuf":
        raise InputError(f"{where}: points are {points.dtype}, not numbers; save them as integers or floats")
    if points.dtype.kind == "b":
        points = points.astype(np.float32)
    elif points.dtype.itemsize > 8:
        points = points.astype(np.float64)  # a long double's width and padding differ between machines
    points = points.astype(points.dtype.newbyteorder("="), copy=False)
    _check_finite(points.reshape(len(points), -1), where, raw.columns)
    return points


def _check_finite(points: np.ndarray, where: str, columns: tuple[str, ...] | None) -> None:
    if points.dtype.kind != "f":
        return
    bad = ~np.isfinite(points)
    if not bad.any():
        return
    row, column = np.unravel_index(int(bad.argmax()), bad.shape)
    name = repr(columns[column]) if columns else int(column)
    raise InputError(
        f"{where}: {int(bad.sum())} values are NaN or infinite, the first in row {int(row)}, column {name} "
        "(counted from 0); fill or remove them"
    )


def check_length(points: np.ndarray, labels: np.ndarray | None, where: str) -> None:
    """Raise `InputError` unless there is one label for each point, or none at all."""
    if labels is not None and len(labels) != len(points):
        raise InputError(f"{where}: {len(points)} points but {len(labels)} labels; give one label a point")
