"""Preprocessing of values by the steps that a card names, and scaling to [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import InputError

if TYPE_CHECKING:
    from bench.data.card import Step


def preprocess(points: np.ndarray, steps: Sequence[Step], where: str) -> np.ndarray:
    r"""Apply a card's steps to all points, in order.

    ``log1p`` replaces x by log(1 + x). ``variable = m`` keeps the m columns of the largest variance, in their order.
    ``pca = m`` replaces the columns by the m first principal components, centred and not whitened. ``l2`` divides each
    point by its Euclidean norm, after which squared distances are twice one less the cosine; a point of zeros stays.

    Parameters
    ----------
    points : ndarray of shape (n, d)
    steps : sequence of Step
    where : str
        Data set and file, for messages.

    Returns
    -------
    ndarray of shape (n, m)
        float64 where there is a step.

    Raises
    ------
    InputError
        If a step cannot be applied to its input.
    """
    for step in steps:
        points = points.astype(np.float64, copy=False)
        if step == "log1p":
            if points.min() <= -1:
                raise InputError(f"{where}: preprocessing log1p takes values above -1, and there is {points.min():g}")
            points = np.log1p(points)
        elif step == "l2":
            norms = np.linalg.norm(points, axis=1, keepdims=True)
            points = points / np.where(norms == 0, 1.0, norms)
        elif hasattr(step, "variable"):
            points = _variable(points, step.variable, where)
        else:
            points = _components(points, step.pca, where)
    return points


def share_a_unit(steps: Sequence[Step]) -> bool:
    """Return whether the columns share a unit after the last step, so that they must be scaled by one range."""
    return bool(steps) and (steps[-1] == "l2" or hasattr(steps[-1], "pca"))


def keep_shape(steps: Sequence[Step]) -> bool:
    """Return whether images are still images after the steps."""
    return all(isinstance(step, str) for step in steps)


def steps_in_words(steps: Sequence[Step]) -> str:
    """Name the steps in order, each followed by a comma; empty without any."""
    names = [step if isinstance(step, str) else " = ".join(map(str, *step.model_dump().items())) for step in steps]
    return "".join(f"{name}, " for name in names)


def _variable(points: np.ndarray, kept: int, where: str) -> np.ndarray:
    if kept >= points.shape[1]:
        raise InputError(f"{where}: preprocessing variable = {kept}: there are {points.shape[1]} columns; keep fewer")
    variances = points.var(axis=0)
    return points[:, np.sort(np.argsort(-variances, kind="stable")[:kept])]


def _components(points: np.ndarray, kept: int, where: str) -> np.ndarray:
    most = min(points.shape)
    if kept > most:
        raise InputError(
            f"{where}: preprocessing pca = {kept}: {points.shape[0]} points of {points.shape[1]} columns "
            f"have {most} components; take as many or fewer"
        )
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits

    # An exact solver where it can be afforded: a randomized one is not the same on every machine, nor as good.
    exact = math.prod(points.shape) * most <= 10**11
    with threadpool_limits(1):
        return PCA(kept, svd_solver="full" if exact else "randomized", random_state=0).fit_transform(points)


#: Images with no value above this are not taken for images of bytes.
_DARK = 127


def resolve_scaling(points: np.ndarray, scaling: str | float, is_image: bool) -> str | float:
    """Return the rule that ``"auto"`` stands for; any other rule is returned as it is.

    The values decide, not their type: a table of small integers is the same table in bytes and in doubles. Values in
    [0, 1] are kept. Otherwise, images of whole numbers up to 255 are bytes and divided by 255, unless none is above
    127: then they are something else, such as counts. Other images get one range for all pixels, which share a unit,
    and tables one range for each column.

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


def dark_image_warning(points: np.ndarray, rule: str | float) -> str:
    """Return a warning for images of whole numbers that are far below 255; empty for others.

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


def scaling_in_words(rule: str | float, points: np.ndarray) -> str:
    """Describe in words how values are brought to [0, 1].

    Parameters
    ----------
    rule : str or float
        What `resolve_scaling` returned.
    points : ndarray of shape (n, d)
        The values to scale.
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
    """Apply a scaling rule, which never reverses the order of two values of a column.

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
        If all values are equal, or some lie outside of the range of the rule.
    """
    low, high = points.min(), points.max()
    # Floats are divided, and large integers may differ while their floats are equal.
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
