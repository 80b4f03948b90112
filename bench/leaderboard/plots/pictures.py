"""Figures of one run: its clusters against the classes, its reconstructions, its latent dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from bench.leaderboard.content import Figure
from bench.leaderboard.plots.export import export
from bench.leaderboard.plots.style import (
    BETTER,
    INK,
    NARROW,
    SMALL,
    WIDE,
    Look,
    in_style,
    label,
    new_drawing,
    plain_log_axis,
)

MOST_PRINTED = 12
SAMPLE_PIXELS = 24_000
"""Pixel values of the originals shown in one figure; it bounds the bytes of a page."""


@in_style
def confusion(
    classes: np.ndarray, labels: np.ndarray, class_names: Sequence[str], *, name: str, title: str
) -> Figure | None:
    """Draw which share of each class went to which cluster, clusters in the order of their matched classes.

    Parameters
    ----------
    classes, labels : ndarray of shape (n_samples,)
        Class as index of ``class_names``, and cluster (-1 is noise), of each point.
    class_names : sequence of str
    name, title : str
        As in `bench.leaderboard.content.Figure`.

    Returns
    -------
    Figure or None
        None without points.
    """
    if len(classes) == 0:
        return None
    clusters, column = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(class_names), len(clusters)))
    np.add.at(counts, (classes, column), 1)
    order = _matched_order(counts)
    shares = counts[:, order] / np.maximum(counts.sum(1, keepdims=True), 1)
    cell = min(0.32, (WIDE - 2) / len(clusters))
    drawing = new_drawing(min(WIDE, 1.5 + cell * max(len(clusters), 8)), 0.75 + max(cell, 0.14) * len(class_names))
    axes = drawing.add_subplot()
    # One colour, its opacity the share: the page's own background is zero, be it light or dark.
    image = np.zeros((*shares.shape, 4))
    image[..., :3] = np.array([int(BETTER[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    image[..., 3] = shares
    axes.imshow(image, interpolation="none", aspect="auto")
    if max(shares.shape) <= MOST_PRINTED:
        for i, j in zip(*np.nonzero(shares >= 0.005), strict=True):
            color = "white" if shares[i, j] > 0.8 else INK  # below, ink reads better on either page
            text = f"{shares[i, j]:.2f}".removeprefix("0")
            axes.text(j, i, text, ha="center", va="center", size=SMALL, color=color)
    every = max(1, len(class_names) // 30)
    axes.set_yticks(range(0, len(class_names), every), [label(str(c), 20, 1) for c in class_names[::every]])
    if len(clusters) <= 30:
        axes.set_xticks(range(len(clusters)), [str(clusters[j]) if clusters[j] >= 0 else "noise" for j in order])
    else:
        axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xlabel("cluster")
    axes.set_ylabel("class; rows sum to 1")
    best = [
        f"{cls}: {shares[i].max():.2f} in cluster {clusters[order[int(shares[i].argmax())]]}"
        for i, cls in enumerate(class_names)
        if counts[i].any()
    ]
    return export(drawing, name=name, title=title, alt=f"Largest share of each class. {'; '.join(best)}.")


def _matched_order(counts: np.ndarray) -> list[int]:
    """Return the clusters in the order of their classes under the best one-to-one matching, the rest behind."""
    rows, columns = linear_sum_assignment(-counts)
    matched = [int(column) for _, column in sorted(zip(rows, columns, strict=True))]
    return matched + [j for j in range(counts.shape[1]) if j not in matched]


@in_style
def samples(originals: np.ndarray, reconstructions: np.ndarray, *, name: str, title: str) -> Figure | None:
    """Draw points of the data above what the method makes of them.

    Parameters
    ----------
    originals : ndarray of shape (m, height, width) or (m, height, width, channels)
        Images, values in [0, 1].
    reconstructions : ndarray of shape (m, n_features)
        As the method's ``reconstruct`` returned them; clipped to [0, 1].
    name, title : str
        As in `bench.leaderboard.content.Figure`.

    Returns
    -------
    Figure or None
        None if the two do not match, or there is nothing.
    """
    if originals.size == 0 or originals.size != reconstructions.size or len(originals) != len(reconstructions):
        return None
    n = int(np.clip(SAMPLE_PIXELS // originals[0].size, min(4, len(originals)), len(originals)))
    reconstructed = reconstructions.reshape(originals.shape)[:n]
    error = float(np.mean((reconstructed - originals[:n]) ** 2))
    height, width = originals.shape[1:3]
    tile = min(0.6, (WIDE - 1) / n)
    drawing = new_drawing(1 + tile * n, 0.1 + 2 * tile * height / width)
    for i, (images, text) in enumerate(((originals[:n], "data"), (reconstructed, "rebuilt"))):
        axes = drawing.add_subplot(2, 1, i + 1)
        axes.imshow(_mosaic(images), interpolation="none", aspect="equal")
        axes.set_yticks([height / 2], [text])
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    words = f"{n} points of the data above their reconstructions; mean squared error {error:.3g}."
    return export(drawing, name=name, title=title, alt=words)


def _mosaic(images: np.ndarray) -> np.ndarray:
    """Return images side by side as RGBA bytes, the gaps transparent."""
    n, height, width = images.shape[:3]
    gap = max(1, width // 14)
    rgb = images if images.ndim == 4 and images.shape[3] == 3 else images.reshape(n, height, width, -1)[..., :1]
    mosaic = np.zeros((height, n * (width + gap) - gap, 4), dtype=np.uint8)
    for i, image in enumerate(np.nan_to_num(rgb)):
        tile = mosaic[:, i * (width + gap) : i * (width + gap) + width]
        tile[..., :3] = np.round(255 * np.clip(image, 0, 1))
        tile[..., 3] = 255
    return mosaic


@in_style
def latent_variance(
    embedding: np.ndarray, variance: np.ndarray | None, look: Look, *, name: str, title: str
) -> Figure | None:
    """Draw for each latent dimension how far the means spread over points, and how wide the encoder's noise is.

    Parameters
    ----------
    embedding : ndarray of shape (n_samples, n_latent)
        Codes, for stochastic encoders their means.
    variance : ndarray of shape (n_samples, n_latent) or None
        sigma² of each code, for stochastic encoders.
    look : Look
    name, title : str
        As in `bench.leaderboard.content.Figure`.

    Returns
    -------
    Figure or None
        None if no dimension has a positive, finite variance.
    """
    if embedding.ndim != 2:
        return None
    spread = embedding.var(axis=0, dtype=np.float64)
    order = np.argsort(-np.nan_to_num(spread), kind="stable")
    spread = spread[order]
    if not (np.isfinite(spread) & (spread > 0)).any():
        return None
    drawing = new_drawing(NARROW, 2.3)
    axes = drawing.add_subplot()
    axes.grid(axis="y")
    dimensions = np.arange(1, len(spread) + 1)
    thin: dict[str, Any] = {"color": look.color, "lw": 0.8, "ms": 4, "mfc": look.face}
    axes.plot(dimensions, _positive(spread), look.marker + "-", **thin, label="variance of the means")
    words = f"{len(spread)} dimensions; variance of the means from {spread[0]:.3g} to {spread[-1]:.3g}"
    if variance is not None and variance.shape == embedding.shape:
        noise = variance.mean(axis=0, dtype=np.float64)[order]
        axes.plot(dimensions, _positive(noise), "d--", **{**thin, "mfc": "none"}, label="mean σ² of the encoder")
        above = int((spread > noise).sum())
        words += (
            f"; mean sigma² from {noise.min():.3g} to {noise.max():.3g}; in {above} of {len(spread)} dimensions "
            "the means vary by more than the noise"
        )
    plain_log_axis(axes, "y", np.concatenate([line.get_ydata() for line in axes.lines]))
    axes.set_xlabel("latent dimension, by variance")
    axes.set_xticks(dimensions if len(dimensions) <= 12 else dimensions[:: len(dimensions) // 8])
    if len(axes.lines) > 1:
        drawing.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2, columnspacing=1)
    else:
        axes.set_ylabel("variance of the codes")
    return export(drawing, name=name, title=title, alt=words + ".")


def _positive(values: np.ndarray) -> np.ndarray:
    """Zeros have no place on a log axis."""
    return np.where(values > 0, values, np.nan)
