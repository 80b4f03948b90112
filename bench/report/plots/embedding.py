"""Figures of an embedding: what each dimension carries, and a map in the plane."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox

from bench.report.plots.axes import STEPS, Words, drawing_of, fit, new_axes, new_drawing, widest
from bench.report.plots.figure import Figure
from bench.report.plots.style import (
    FONT,
    INK,
    NARROW,
    OKABE_ITO,
    Look,
    dots,
    in_style,
    label,
    plain_log_axis,
)
from bench.text import clean_name

_MOST_MARKED = 40
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
        As in `bench.report.document.Figure`.

    Returns
    -------
    Figure or None
        None if no dimension varies over the points that are finite.
    """
    if embedding.ndim != 2:
        return None
    if variance is not None and variance.shape != embedding.shape:
        variance = None
    finite = np.isfinite(embedding).all(axis=1)
    if variance is not None:
        finite &= np.isfinite(variance).all(axis=1)
    means = embedding[finite].astype(np.float64)
    spread = means.var(axis=0) if len(means) else np.empty(0)
    if not (spread > 0).any():
        return None
    order = np.argsort(-spread, kind="stable")
    spread = spread[order]
    panels = 2 if variance is None else 3
    height = 0.4 + 1.2 * panels
    drawing = new_drawing(NARROW, height)
    first, *others = (new_axes(drawing) for _ in range(panels))
    marked = len(spread) <= _MOST_MARKED
    thin: dict[str, Any] = {"color": look.color, "lw": 0.8, "ms": 4, "mfc": look.face}
    dimensions = np.arange(1, len(spread) + 1)
    first.plot(dimensions, _positive(spread), "-", marker=look.marker if marked else "", **thin)
    words = f"{len(spread)} dimensions; variance of the means from {spread[0]:.3g} to {spread[-1]:.3g}"
    if variance is not None:
        squares = variance[finite][:, order].astype(np.float64)
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
    for axes in (first, *others):
        axes.set_xlim(0.4, len(spread) + 0.6)
        axes.set_xticks(dimensions if len(dimensions) <= 12 else dimensions[:: len(dimensions) // 8])
        axes.tick_params(labelbottom=axes is others[-1])
        axes.grid(axis="y")
    for axes in others:
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=STEPS))
    left = max(axes.yaxis.room()["left"] for axes in (first, *others))
    for i, axes in enumerate((first, *others)):
        top = height - 1.2 * i
        low = 0.0 if axes is others[-1] else top - 1.2
        fit(axes, left=left - axes.yaxis.room()["left"], within=(0, low, NARROW, top))
    return Figure(name, clean_name(title), clean_name(words + "."), drawing)


def _bars(axes: Axes, heights: np.ndarray, look: Look) -> None:
    """Draw a bar for each dimension: one path for all."""
    edges = np.arange(len(heights) + 1) + 0.5
    axes.stairs(heights, edges, fill=True, color=look.color, alpha=0.4, lw=0)
    if len(heights) <= _MOST_MARKED:
        axes.stairs(heights, edges, color=look.color, lw=0.8)


def _positive(values: np.ndarray) -> np.ndarray:
    """Zeros have no place on a log axis."""
    return np.where(values > 0, values, np.nan)


_MOST_POINTS = 2000
_SEED = 20_241
# Beyond six, colours that go with the others; every group is also named where it lies.
_COLORS = (*OKABE_ITO, "#AA4466", "#999933", "#8A8A8A", "#9467BD")
_MOST_NAMED = 20


@in_style
def embedding_map(
    embedding: np.ndarray, groups: np.ndarray, group_names: Sequence[str], *, name: str, title: str, seed: int = _SEED
) -> Figure | None:
    """Draw an embedding in two dimensions, each group in a colour and named at its median.

    Parameters
    ----------
    embedding : ndarray of shape (n_samples, n_latent)
    groups : ndarray of shape (n_samples,)
        Class or cluster of each point, as index of ``group_names``.
    group_names : sequence of str
    name, title : str
        As in `bench.report.document.Figure`; how the map was made is added to the title.
    seed : int
        Of the choice of at most `_MOST_POINTS` points, and of openTSNE.

    Returns
    -------
    Figure or None
        None if fewer than three points have a finite embedding of positive spread.

    Notes
    -----
    openTSNE where it is installed, else the first two principal components; two dimensions are drawn as they are.
    """
    if embedding.ndim != 2 or len(embedding) != len(groups):
        return None
    shown = np.flatnonzero(np.isfinite(embedding).all(axis=1))
    if len(shown) > _MOST_POINTS:
        shown = np.sort(np.random.default_rng(seed).choice(shown, _MOST_POINTS, replace=False))
    codes = embedding[shown].astype(np.float64)
    if len(codes) < 3 or not codes.std(axis=0).any():
        return None
    points, how = project(codes, seed)
    groups = groups[shown]
    drawing = new_drawing(NARROW, NARROW)
    axes = new_axes(drawing, hidden="xy")
    axes.spines[:].set_visible(False)
    axes.set_aspect("equal", adjustable="datalim")
    present = np.unique(groups)
    for i, group in enumerate(present):
        dots(axes, points[groups == group], _COLORS[i % len(_COLORS)])
    axes.autoscale_view()
    fit(axes)
    axes.apply_aspect()
    if len(present) <= _MOST_NAMED:
        middles = np.array([np.median(points[groups == group], axis=0) for group in present])
        _name_groups(axes, middles, [label(str(group_names[group]), 16, 1) for group in present])
    sizes = ", ".join(f"{group_names[group]} {int((groups == group).sum())}" for group in present)
    words = f"{how} map of {len(points)} points in {embedding.shape[1]} latent dimensions; points by group: {sizes}."
    return Figure(name, clean_name(f"{title} ({how})"), clean_name(words), drawing)


def _name_groups(axes: Axes, middles: np.ndarray, names: Sequence[str]) -> None:
    """Write names at points (n, 2), the upper of two that would overlap moved up."""
    drawing = drawing_of(axes)
    points = axes.transData.transform(middles) * 72 / drawing.dpi
    taken: list[Bbox] = []
    shown: list[int] = []
    shifts: list[tuple[float, float]] = []
    for i in np.argsort(middles[:, 1], kind="stable"):
        width, height = 72 * widest([names[i]], FONT, "bold"), 0.8 * FONT
        for up in range(0, 50, 2):
            box = Bbox.from_bounds(points[i, 0] - width / 2, points[i, 1] + up - height / 2, width, height)
            if not any(box.overlaps(other) for other in taken):
                taken.append(box)
                shown.append(int(i))
                shifts.append((0.0, float(up)))
                break
    style: dict[str, Any] = {"size": FONT, "color": INK, "weight": "bold", "ha": "center"}
    axes.add_artist(Words(middles[shown], [names[i] for i in shown], axes.transData, offset=shifts, **style))


def project(codes: np.ndarray, seed: int) -> tuple[np.ndarray, str]:
    """Return codes (n, d) as points (n, 2) of the plane, and the name of how they came there."""
    if codes.shape[1] <= 2:
        return np.pad(codes, ((0, 0), (0, 2 - codes.shape[1]))), "latent plane"
    try:
        tsne = importlib.import_module("openTSNE").TSNE  # an extra: PCA needs nothing
    except ImportError:
        pass
    else:
        return np.asarray(tsne(random_state=seed, n_jobs=1).fit(codes)), "t-SNE"
    centred = codes - codes.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    # An axis has no sign of its own; the largest component is made positive, so that maps do not flip.
    axes = axes[:2] * np.sign(axes[np.arange(2), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    return centred @ axes.T, "PCA"
