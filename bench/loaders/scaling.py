"""Bringing raw values to [0, 1], where the methods' sigmoid outputs live."""

from __future__ import annotations

import math

import numpy as np

from bench.errors import InputError


def resolve_scaling(points: np.ndarray, scaling: str | float, is_image: bool) -> str | float:
    """Say which rule ``"auto"`` stands for; any other rule stands for itself.

    Bytes are divided by 255, values already in [0, 1] are kept. Of the rest, images get one range for all
    pixels, since pixels share a unit, and tables one for each column, since columns do not.

    Parameters
    ----------
    points : ndarray of shape (n, d)
    scaling : str or float
        The card's ``scaling``.
    is_image : bool

    Returns
    -------
    str or float
        "unit", "uint8", "minmax", "minmax-feature" or a divisor.
    """
    if scaling != "auto":
        return scaling
    if points.dtype == np.uint8:
        return "uint8"
    if points.min() >= 0 and points.max() <= 1:
        return "unit"
    return "minmax" if is_image else "minmax-feature"


def scale(points: np.ndarray, rule: str | float, where: str) -> np.ndarray:
    """Apply a scaling rule; it never reverses the order of two values of a column.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Finite integers or floats.
    rule : str or float
        What `resolve_scaling` returned.
    where : str
        Data set and file, for messages.

    Returns
    -------
    ndarray of shape (n, d)
        float32 in [0, 1], C-contiguous.

    Raises
    ------
    InputError
        If all values are equal, or lie outside of what the rule allows.
    """
    low, high = points.min(), points.max()
    # As floats, since that is what is divided: large integers may differ and their floats not.
    if float(low) == float(high):
        raise InputError(f"{where}: all values equal {low}; there is nothing to cluster, give data that vary")
    if rule == "minmax":
        return _to_range(points, low, high, where)
    if rule == "minmax-feature":
        return _to_range(points, points.min(axis=0), points.max(axis=0), where)
    divisor = {"unit": 1.0, "uint8": 255.0}.get(rule, rule) if isinstance(rule, str) else rule
    divisor = float(divisor)
    if low < 0 or high > divisor:
        raise InputError(
            f"{where}: values go from {low} to {high}, outside of [0, {divisor:g}] which "
            f'scaling = {rule!r} promises; give scaling = "minmax" in the card'
        )
    # A byte over 255 rounds to the same float32 either way; single precision spares big images the memory.
    width = np.float32 if points.dtype == np.uint8 and divisor == 255 else np.float64
    return np.ascontiguousarray(np.divide(points, divisor, dtype=width), dtype=np.float32)


def _to_range(points: np.ndarray, low: np.ndarray, high: np.ndarray, where: str) -> np.ndarray:
    """Map [low, high] to [0, 1]; a constant column becomes 0."""
    low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    with np.errstate(over="ignore"):
        span = high - low
    if not math.isfinite(span.max()):
        raise InputError(f"{where}: values span more than a double can hold; divide them by a large number")
    shifted = np.subtract(points, low, dtype=np.float64)
    np.divide(shifted, np.where(span == 0, 1.0, span), out=shifted)
    return np.ascontiguousarray(shifted, dtype=np.float32)
