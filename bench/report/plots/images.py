"""Figures of images: points of the data, what one run makes of them, and those it is most and least certain of."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from bench.report.plots.axes import fit, new_axes, new_drawing, widest
from bench.report.plots.figure import Figure
from bench.report.plots.style import NARROW, SMALL, WIDE, WORSE, in_style, label
from bench.text import clean_name

_SAMPLE_PIXELS = 24_000
"""Pixel values of the originals shown in one figure; it bounds the bytes of a page."""

_CERTAIN_PIXELS = 80_000
"""Pixel values of all images of `certain_points`; larger images are shown as thumbnails."""

_LEVELS = 16
"""Of brightness: at the size of these images no eye asks for more, and they take half the bytes."""

MOST_CLUSTER_ROWS = 12


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
        As in `bench.report.document.Figure`.

    Returns
    -------
    Figure or None
        None if the two do not match, or there is nothing.
    """
    if not _match(originals, reconstructions):
        return None
    n = _how_many(originals)
    reconstructed = reconstructions.reshape(originals.shape)[:n]
    error = float(np.mean((reconstructed - originals[:n]) ** 2))
    words = f"{n} points of the data above their reconstructions; mean squared error {error:.3g}."
    rows = [("data", originals[:n]), ("rebuilt", reconstructed)]
    return _rows_of_images(rows, "", name=name, title=title, alt=words)


@in_style
def drawn_samples(
    originals: np.ndarray, mean: np.ndarray, deviation: np.ndarray, *, name: str, title: str
) -> Figure | None:
    """Draw points of the data above the mean and the standard deviation of their reconstructions over latent draws.

    Parameters
    ----------
    originals : ndarray of shape (m, height, width) or (m, height, width, channels)
        Images, values in [0, 1].
    mean, deviation : ndarray of shape (m, n_features)
        Over latent draws. All deviations have one scale, from zero (black) to the largest shown (white).
    name, title : str
        As in `bench.report.document.Figure`.

    Returns
    -------
    Figure or None
        None if the three do not match, or there is nothing.
    """
    if not (_match(originals, mean) and _match(originals, deviation)):
        return None
    n = _how_many(originals)
    spread = np.nan_to_num(deviation.reshape(originals.shape)[:n])
    largest = float(spread.max())
    means = mean.reshape(originals.shape)[:n]
    error = float(np.mean((means - originals[:n]) ** 2))
    rows = [
        ("data", originals[:n]),
        ("mean", means),
        ("sd", spread / largest if largest > 0 else spread),
    ]
    scale = f"sd: black 0, white {largest:.2g}" if largest > 0 else "sd: 0 everywhere"
    words = (
        f"{n} points of the data above the mean and the standard deviation of their reconstructions over latent "
        f"draws; mean squared error of the mean {error:.3g}; on one scale for all, the largest standard deviation of "
        f"a pixel is {largest:.3g}, the mean {float(spread.mean()):.3g}."
    )
    return _rows_of_images(rows, scale, name=name, title=title, alt=words)


@in_style
def certain_points(
    images: np.ndarray,
    points: np.ndarray,
    clusters: Sequence[str],
    wrong: np.ndarray | None,
    *,
    name: str,
    title: str,
) -> Figure | None:
    """Draw for each cluster its most certain points on the left and its least certain ones on the right.

    Parameters
    ----------
    images : ndarray of shape (n_clusters, 2, n_shown, height, width) or (..., height, width, channels)
        Bytes: for each cluster the most certain points, then the least certain ones.
    points : ndarray of shape (n_clusters, 2, n_shown)
        Their indices, -1 where a cluster has fewer.
    clusters : sequence of str
        What the clusters are called, those behind the n_clusters for which there are images too.
    wrong : ndarray of bool of shape (n_clusters, 2, n_shown), or None
        Which of them are mis-clustered: these have a frame. None where there are no classes.
    name, title : str
        As in `bench.report.document.Figure`. At most `MOST_CLUSTER_ROWS` clusters are drawn, and the title says
        so.

    Returns
    -------
    Figure or None
        None without points, or if the shapes do not match.
    """
    if images.shape[:3] != points.shape or images.ndim < 5 or len(points) > len(clusters) or not (points >= 0).any():
        return None
    images, points = images[:MOST_CLUSTER_ROWS], points[:MOST_CLUSTER_ROWS]
    if len(clusters) > len(points):
        title = f"{title} (the first {len(points)} of {len(clusters)} clusters)"
    step = math.isqrt(max(1, math.ceil(images.size / _CERTAIN_PIXELS)) - 1) + 1
    images = images[:, :, :, ::step, ::step] / np.float32(255)
    (n_clusters, _, shown), (height, width) = points.shape, images.shape[3:5]
    gap = _gap(width)
    half = shown * (width + gap) - gap
    picture = np.zeros((n_clusters * (height + gap) - gap, 2 * half + width, 4), dtype=np.uint8)
    for cluster, (row, present) in enumerate(zip(images, points >= 0, strict=True)):
        lines = picture[cluster * (height + gap) :][:height]
        lines[:, :half], lines[:, half + width :] = _mosaic(row[0], present[0]), _mosaic(row[1], present[1])
    tile = (NARROW - 0.6) / (2 * shown + 1)
    drawing = new_drawing(NARROW, 0.5 + tile * n_clusters * (height + gap) / (width + gap))
    axes = new_axes(drawing)
    axes.imshow(picture, interpolation="none", aspect="equal")
    middles = np.arange(n_clusters) * (height + gap) + (height - 1) / 2
    axes.set_yticks(middles, [label(text, 10, 1) for text in clusters[:n_clusters]])
    axes.set_xticks([half / 2, half + width + half / 2], ["most certain", "least certain"])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_ylabel("cluster")
    words = f"The most and the least certain points of {n_clusters} clusters, {shown} each."
    if wrong is not None:
        wrong = wrong[:n_clusters] & (points >= 0)
        _frame(axes, wrong, (height, width), gap)
        axes.set_xlabel("framed: in a cluster matched to another class")
        most, least = (int(wrong[:, side].sum()) for side in (0, 1))
        all_most, all_least = (int((points[:, side] >= 0).sum()) for side in (0, 1))
        words += f" Mis-clustered, in a frame: {most} of the {all_most} most certain, {least} of the {all_least} least."
    fit(axes)
    return Figure(name, clean_name(title), clean_name(words), drawing)


def _frame(axes: Axes, wrong: np.ndarray, size: tuple[int, int], gap: int) -> None:
    """Draw a frame around each marked image, on the edge between it and the gap."""
    height, width = size
    frames = []
    for cluster, side, place in zip(*np.nonzero(wrong), strict=True):
        left = place * (width + gap) + side * (wrong.shape[2] * (width + gap) - gap + width)
        top = cluster * (height + gap)
        x0, x1, y0, y1 = left - 0.5, left + width - 0.5, top - 0.5, top + height - 0.5
        frames.append([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)])
    axes.add_collection(LineCollection(frames, colors=WORSE, linewidths=1.6, capstyle="projecting"))
    axes.autoscale(False)


def _match(originals: np.ndarray, others: np.ndarray) -> bool:
    return originals.size > 0 and originals.size == others.size and len(originals) == len(others)


def _how_many(originals: np.ndarray) -> int:
    """Return how many images fit the bytes of a figure, at least four where there are as many."""
    return int(np.clip(_SAMPLE_PIXELS // originals[0].size, min(4, len(originals)), len(originals)))


def _rows_of_images(rows: Sequence[tuple[str, np.ndarray]], under: str, *, name: str, title: str, alt: str) -> Figure:
    """Draw rows of images (m, height, width[, channels]), each row with its name, and a line of text under them."""
    n, height, width = rows[0][1].shape[:3]
    tile = min(0.6, (WIDE - 1) / n)
    step = tile * height / width + 0.04
    floor = 0.2 if under else 0.0
    left = widest([text for text, _ in rows], SMALL) + 0.1
    size = left + 0.05 + tile * n, 0.06 + len(rows) * step + floor
    drawing = new_drawing(*size)
    for i, (text, images) in enumerate(rows):
        axes = new_axes(drawing)
        axes.imshow(_mosaic(images), interpolation="none", aspect="equal")
        axes.set_yticks([height / 2], [text])
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        place = (left, size[1] - 0.03 - (i + 1) * step + 0.02, tile * n, step - 0.04)
        axes.set_position(tuple(part / size[j % 2] for j, part in enumerate(place)))
    if under:
        axes.set_xlabel(under)
    return Figure(name, clean_name(title), clean_name(alt), drawing)


def _gap(width: int) -> int:
    return max(1, width // 14)


def _mosaic(images: np.ndarray, present: np.ndarray | None = None) -> np.ndarray:
    """Return images side by side as RGBA bytes, the gaps and those that are not there transparent."""
    n, height, width = images.shape[:3]
    gap = _gap(width)
    rgb = images if images.ndim == 4 and images.shape[3] == 3 else images.reshape(n, height, width, -1)[..., :1]
    mosaic = np.zeros((height, n * (width + gap) - gap, 4), dtype=np.uint8)
    for i, image in enumerate(np.nan_to_num(rgb)):
        tile = mosaic[:, i * (width + gap) : i * (width + gap) + width]
        tile[..., :3] = np.round(np.clip(image, 0, 1) * (_LEVELS - 1)) * (255 // (_LEVELS - 1))
        tile[..., 3] = 255 if present is None or present[i] else 0
    return mosaic
