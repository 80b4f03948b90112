"""A map of an embedding in the plane."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from bench.leaderboard.content import Figure
from bench.leaderboard.plots.export import export
from bench.leaderboard.plots.style import FONT, NARROW, OKABE_ITO, dots, in_style, label, new_drawing, note

MOST_POINTS = 2000
SEED = 20_241
# Beyond six, colours that go with the others; every group is also named where it lies.
COLORS = (*OKABE_ITO, "#882255", "#999933", "#8A8A8A", "#AA4499")
MOST_NAMED = 20


@in_style
def embedding_map(
    embedding: np.ndarray, groups: np.ndarray, group_names: Sequence[str], *, name: str, title: str, seed: int = SEED
) -> Figure | None:
    """Draw an embedding in two dimensions, each group in a colour and named at its median.

    Parameters
    ----------
    embedding : ndarray of shape (n_samples, n_latent)
    groups : ndarray of shape (n_samples,)
        Class or cluster of each point, as index of ``group_names``.
    group_names : sequence of str
    name, title : str
        As in `bench.leaderboard.content.Figure`; how the map was made is added to the title.
    seed : int
        Of the choice of at most `MOST_POINTS` points, and of openTSNE.

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
    there = np.flatnonzero(np.isfinite(embedding).all(axis=1))
    if len(there) > MOST_POINTS:
        there = np.sort(np.random.default_rng(seed).choice(there, MOST_POINTS, replace=False))
    codes = embedding[there].astype(np.float64)
    if len(codes) < 3 or not codes.std(axis=0).any():
        return None
    points, how = project(codes, seed)
    groups = groups[there]
    drawing = new_drawing(NARROW, NARROW)
    axes = drawing.add_subplot(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_aspect("equal", adjustable="datalim")
    present = np.unique(groups)
    for i, group in enumerate(present):
        dots(axes, points[groups == group], COLORS[i % len(COLORS)])
    axes.autoscale_view()
    if len(present) <= MOST_NAMED:
        middles = np.array([np.median(points[groups == group], axis=0) for group in present])
        drawing.draw_without_rendering()
        _name_groups(axes, middles, [label(str(group_names[group]), 16, 1) for group in present])
    sizes = ", ".join(f"{group_names[group]} {int((groups == group).sum())}" for group in present)
    words = f"{how} map of {len(points)} points in {embedding.shape[1]} latent dimensions; points by group: {sizes}."
    return export(drawing, name=name, title=f"{title} ({how})", alt=words)


def _name_groups(axes: Axes, middles: np.ndarray, names: Sequence[str]) -> None:
    """Write names at points (n, 2), the upper of two that would overlap moved up."""
    taken: list[Bbox] = []
    for i in np.argsort(middles[:, 1], kind="stable"):
        for up in range(0, 50, 2):
            x, y = middles[i]
            text = note(axes, names[i], (x, y), (0, up), ha="center", weight="bold", size=FONT)
            box = text.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                break
            text.remove()
        else:
            continue
        taken.append(box)


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
