"""Components of the variance of a score: latent draws, seeds, hyper-parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Component:
    """What one source adds to the variance of a score.

    Attributes
    ----------
    variance : float
        Estimated without bias, then cut off at 0.
    share : float
        Of the sum of all components that could be estimated; NaN where nothing varies.
    truncated : bool
        Whether the estimate was below 0, as happens where a component is small beside its error.
    """

    variance: float
    share: float
    truncated: bool

    @property
    def sd(self) -> float:
        """The component in units of the score."""
        return math.sqrt(self.variance)


@dataclass(frozen=True)
class VarianceComponents:
    """The variance of the score of one draw, of one seed, of one configuration, in its parts.

    Attributes
    ----------
    draws : Component or None
        Between the latent draws of a run; None for deterministic methods.
    seeds : Component or None
        Between the seeds of a configuration; None where none has two.
    hyper_parameters : Component or None
        Between configurations; None for a single one, or where no two of them have different seeds.
    """

    draws: Component | None
    seeds: Component | None
    hyper_parameters: Component | None


def variance_components(scores: ArrayLike, draw_sds: ArrayLike | None, n_draws: int) -> VarianceComponents:
    r"""Split the variance of a score by the method of moments.

    The score of draw d with seed s and configuration c is :math:`\mu + h_c + s_{cs} + e_{csd}`. Draws have
    the mean of the squared ``draw_sds``. Two seeds of one configuration differ by seeds and draws; two seeds of two
    configurations by hyper-parameters besides:

    .. math::
        \tfrac12 E(\bar y_{cs} - \bar y_{cs'})^2 = \sigma_s^2 + \sigma_e^2 / n_{draws}, \quad
        \tfrac12 E(\bar y_{cs} - \bar y_{c's'})^2 = \sigma_h^2 + \sigma_s^2 + \sigma_e^2 / n_{draws}

    Two configurations are never compared at one seed, which gives both the same start: a plain nested analysis
    would take for a lack of differences what they share by design. Complete tables give the same as the two-way
    analysis of variance.

    Parameters
    ----------
    scores : array-like of shape (n_configs, n_seeds)
        Means over the draws of a run, a column for each seed; NaN where a run is missing. Any numbers of seeds.
    draw_sds : array-like of shape (n_configs, n_seeds) or None
        Sample standard deviations (one degree of freedom less) between the draws of a run; None for a
        deterministic method.
    n_draws : int
        Draws that each mean is over; of no account without ``draw_sds``.

    Raises
    ------
    ValueError
        If the tables differ in shape, a run has a score but no sd, or there are no draws.

    References
    ----------
    Koch, "A general approach to the estimation of variance components", Technometrics 9(1), 1967.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2:
        raise ValueError(f"scores must be of shape (n_configs, n_seeds); got {scores.shape}")
    present = np.isfinite(scores)
    of_draws: float | None = None
    if draw_sds is not None:
        draw_sds = np.asarray(draw_sds, dtype=np.float64)
        if draw_sds.shape != scores.shape or not np.isfinite(draw_sds[present]).all() or n_draws < 1:
            raise ValueError("every score needs the standard deviation between its draws, of which there are some")
        of_draws = float((draw_sds[present] ** 2).mean()) if present.any() else None

    within = _within(scores)
    between = _between(scores)
    of_seeds = None if within is None else within - (of_draws or 0.0) / max(n_draws, 1)
    of_configs = None if within is None or between is None else between - within
    estimates = [of_draws, of_seeds, of_configs]
    total = sum(max(value, 0.0) for value in estimates if value is not None)
    return VarianceComponents(*(_component(value, total) for value in estimates))


def _within(scores: np.ndarray) -> float | None:
    """Return the variance between the seeds of a configuration, pooled; None where none has two."""
    seeds = [row[np.isfinite(row)] for row in scores]
    freedom = sum(max(len(row) - 1, 0) for row in seeds)
    return sum(float(((row - row.mean()) ** 2).sum()) for row in seeds if len(row)) / freedom if freedom else None


def _between(scores: np.ndarray) -> float | None:
    """Return half the mean squared difference of runs with neither configuration nor seed in common, if there are."""
    present = np.isfinite(scores)
    values = np.where(present, scores - scores[present].mean(), 0.0) if present.any() else scores
    of_config, of_seed = present.sum(axis=1), present.sum(axis=0)
    n = present.sum()
    # of all ordered pairs, less those of one configuration and those of one seed; a run with itself is in both
    n_pairs = n**2 - (of_config**2).sum() - (of_seed**2).sum() + n
    if not n_pairs:
        return None
    squares = n * (values**2).sum() - values.sum() ** 2
    for axis, count in ((1, of_config), (0, of_seed)):
        squares -= (count * (values**2).sum(axis=axis) - values.sum(axis=axis) ** 2).sum()
    return float(squares / n_pairs)


def _component(value: float | None, total: float) -> Component | None:
    if value is None:
        return None
    variance = max(value, 0.0)
    return Component(variance, variance / total if total else math.nan, value < 0)
