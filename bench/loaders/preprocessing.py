"""What a card says to do to values before they are scaled: steps that fields with wide data take for granted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import InputError

if TYPE_CHECKING:
    from bench.loaders.card import Step


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
        If a step cannot be applied to the values that come to it.
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
    """Tell whether the columns share a unit after the last step, so that a range for each would distort them."""
    return bool(steps) and (steps[-1] == "l2" or hasattr(steps[-1], "pca"))


def keep_shape(steps: Sequence[Step]) -> bool:
    """Tell whether what was an image is one after the steps."""
    return all(isinstance(step, str) for step in steps)


def in_words(steps: Sequence[Step]) -> str:
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
