"""Seeded draws whose truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# The three share little but the null: paired differences of two equally distributed scores are symmetric about
# zero whatever the shape of one score, because A − B and B − A are then distributed alike. That symmetry is all
# the signed-rank test assumes. Methods of equal mean and unequal shape are another null: nothing is promised there.
NOISES: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "heavy-tailed": lambda rng, shape: rng.standard_t(2, shape),  # without a variance
    "skewed": lambda rng, shape: rng.lognormal(0, 1, shape),  # skewness 6.2
}

#: Of the effect of a seed, and of the noise of a method's own.
SCALE = 0.02


def generator(*axes: object) -> np.random.Generator:
    """Return the generator of one study, named by its axes."""
    return np.random.default_rng(list(" ".join(map(str, axes)).encode()))


def equal_methods(
    rng: np.random.Generator, n_methods: int, n_seeds: int, noise: str, step: float | None
) -> dict[str, dict[int, float]]:
    """Draw scores of methods that are all equally good, seed by seed.

    The score is a mean, an effect of the seed that all methods share (same points, same pretrained network) and
    a noise of their own, each of a scale of `SCALE`.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_methods, n_seeds : int
    noise : str
        One of `NOISES`.
    step : float or None
        Scores are rounded to multiples of this.
    """
    scores = 0.75 + SCALE * rng.standard_normal(n_seeds) + SCALE * NOISES[noise](rng, (n_methods, n_seeds))
    if step is not None:
        scores = np.round(scores / step) * step
    return {f"method {i}": dict(enumerate(row)) for i, row in enumerate(scores.tolist())}
