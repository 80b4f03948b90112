"""Figure of a latent space: what each of its dimensions carries."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from bench.leaderboard.content import Figure
from bench.leaderboard.plots.export import export
from bench.leaderboard.plots.style import INK, NARROW, SMALL, Look, in_style, new_drawing, plain_log_axis

MOST_MARKED = 40
"""Dimensions beyond which there are lines without markers."""

_TINY = float(np.finfo(np.float32).tiny)


@in_style
def latent_structure(
    embedding: np.ndarray, variance: np.ndarray | None, look: Look, *, name: str, title: str
) -> Figure | None:
    r"""Draw by latent dimension the spread of the means and the encoder's noise, the share of variance, and the KL.

    The KL divergence is from the standard normal, the mean over points of

    .. math:: \tfrac12 (\mu_d^2 + \sigma_d^2 - 1 - \log \sigma_d^2)

    in nats. It is one yardstick for all methods, and no method's own prior if that is a mixture.

    Parameters
    ----------
    embedding : ndarray of shape (n_samples, n_latent)
        Codes, for stochastic encoders their means.
    variance : ndarray of shape (n_samples, n_latent) or None
        sigma² of each code, for stochastic encoders; without it there is no noise and no KL.
    look : Look
    name, title : str
        As in `bench.leaderboard.content.Figure`.

    Returns
    -------
    Figure or None
        None if no dimension varies over the points that are finite.
    """
    if embedding.ndim != 2:
        return None
    if variance is not None and variance.shape != embedding.shape:
        variance = None
    there = np.isfinite(embedding).all(axis=1)
    if variance is not None:
        there &= np.isfinite(variance).all(axis=1)
    means = embedding[there].astype(np.float64)
    spread = means.var(axis=0) if len(means) else np.empty(0)
    if not (spread > 0).any():
        return None
    order = np.argsort(-spread, kind="stable")
    spread = spread[order]
    panels = 2 if variance is None else 3
    drawing = new_drawing(NARROW, 0.6 + 1.15 * panels)
    first, *others = drawing.subplots(panels, 1, sharex=True)
    marked = len(spread) <= MOST_MARKED
    thin: dict[str, Any] = {"color": look.color, "lw": 0.8, "ms": 4, "mfc": look.face}
    dimensions = np.arange(1, len(spread) + 1)
    first.plot(dimensions, _positive(spread), "-", marker=look.marker if marked else "", **thin)
    words = f"{len(spread)} dimensions; variance of the means from {spread[0]:.3g} to {spread[-1]:.3g}"
    if variance is not None:
        squares = variance[there][:, order].astype(np.float64)
        noise = squares.mean(axis=0)
        first.plot(dimensions, _positive(noise), "--", marker="d" if marked else "", **{**thin, "mfc": "none"})
        above = int((spread > noise).sum())
        words += (
            f"; mean sigma² from {noise.min():.3g} to {noise.max():.3g}; in {above} of {len(spread)} dimensions "
            "the means vary by more than the noise"
        )
    plain_log_axis(first, "y", np.concatenate([line.get_ydata() for line in first.lines]))
    first.set_title("variance of the means" + ("" if variance is None else "; dashed: mean σ²"))
    share = spread / spread.sum()
    total = np.cumsum(share)
    _bars(others[0], share, look)
    others[0].plot(dimensions, total, color=INK, marker="." if marked else "", ms=3.5, lw=0.9)
    others[0].set_ylim(0, 1.05)
    others[0].set_title("share of the variance; line: cumulative")
    needed = int(np.searchsorted(total, 0.9 * total[-1]) + 1)
    words += f"; the first {needed} hold 90 % of the variance, the largest {share[0]:.0%}"
    if variance is not None:
        divergence = 0.5 * (means[:, order] ** 2 + squares - 1 - np.log(np.maximum(squares, _TINY))).mean(axis=0)
        _bars(others[1], divergence, look)
        others[1].set_ylim(0, 1.05 * max(float(divergence.max()), 1e-3))
        others[1].set_title("KL from N(0, 1), in nats")
        words += (
            f"; KL from N(0, 1), the yardstick for all methods, from {divergence.min():.3g} to {divergence.max():.3g} "
            f"nats, in sum {divergence.sum():.3g}"
        )
        title = f"{title} (N(0, 1) is one yardstick for all, and not every method's prior)"
    others[-1].set_xlabel("latent dimension, by variance of the means")
    others[-1].set_xticks(dimensions if len(dimensions) <= 12 else dimensions[:: len(dimensions) // 8])
    others[-1].set_xlim(0.4, len(spread) + 0.6)
    for axes in (first, *others):
        axes.grid(axis="y")
        axes.tick_params(labelsize=SMALL)
    return export(drawing, name=name, title=title, alt=words + ".")


def _bars(axes: Axes, heights: np.ndarray, look: Look) -> None:
    """Draw a bar for each dimension: one path for all."""
    edges = np.arange(len(heights) + 1) + 0.5
    axes.stairs(heights, edges, fill=True, color=look.color, alpha=0.4, lw=0)
    if len(heights) <= MOST_MARKED:
        axes.stairs(heights, edges, color=look.color, lw=0.8)


def _positive(values: np.ndarray) -> np.ndarray:
    """Zeros have no place on a log axis."""
    return np.where(values > 0, values, np.nan)
