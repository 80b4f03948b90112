"""Bringing raw values to [0, 1], where the methods' sigmoid outputs live."""

from __future__ import annotations

import math

import numpy as np

from bench.errors import InputError

#: Whole numbers up to here, or less, are no bytes of an image that uses its range.
_DARK = 127


def resolve_scaling(points: np.ndarray, scaling: str | float, is_image: bool) -> str | float:
    """Say which rule ``"auto"`` stands for; any other rule stands for itself.

    The values decide, never the type that they are stored in: a table of small integers is the same table in bytes and
    in doubles. Values in [0, 1] are kept. Of the rest, whole numbers up to 255 in images are bytes and divided by 255,
    unless none is above 127: then they are something else, such as counts. Other images get one range for all pixels,
    since pixels share a unit, and tables one for each column, since columns do not.

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
    low, high = points.min(), points.max()
    if low >= 0 and high <= 1:
        return "unit"
    if not is_image:
        return "minmax-feature"
    return "uint8" if low >= 0 and _DARK < high <= 255 and _are_whole(points) else "minmax"


def darkness(points: np.ndarray, rule: str | float) -> str:
    """Say what is odd about images of whole numbers that are far below 255; nothing where nothing is.

    Parameters
    ----------
    points : ndarray of shape (n, d)
        Images.
    rule : str or float
        What `resolve_scaling` returned.
    """
    high = points.max()
    if rule not in ("uint8", "minmax") or not (1 < high <= _DARK and points.min() >= 0 and _are_whole(points)):
        return ""
    did = "divided by 255 all the same" if rule == "uint8" else "scaled by the range that they have"
    mend = "minmax" if rule == "uint8" else "uint8"
    return f'the largest pixel is {high:g}, far below 255: {did}; scaling = "{mend}" in a card does otherwise'


def in_words(rule: str | float, points: np.ndarray) -> str:
    """Say how values come to [0, 1].

    Parameters
    ----------
    rule : str or float
        What `resolve_scaling` returned.
    points : ndarray of shape (n, d)
        The values that it is applied to.
    """
    if rule == "unit":
        return "values in [0, 1] as they are"
    if rule == "minmax":
        return f"one range for all values, {points.min():g} to {points.max():g}, to [0, 1]"
    if rule == "minmax-feature":
        return "the range of each column to [0, 1]"
    return f"values divided by {255 if rule == 'uint8' else rule:g}"


def _are_whole(points: np.ndarray) -> bool:
    return points.dtype.kind in "iu" or bool((points == np.rint(points)).all())


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
