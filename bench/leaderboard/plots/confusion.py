"""Figure of the clusters of one run against the classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from bench.leaderboard.content import Figure
from bench.leaderboard.plots.export import export
from bench.leaderboard.plots.style import BETTER, INK, SMALL, WIDE, cluster_names, in_style, label, new_drawing
from bench.metrics.external import with_class
from bench.metrics.table import NOISE

MOST_PRINTED = 12


@in_style
def confusion(
    classes: np.ndarray, labels: np.ndarray, class_names: Sequence[str], *, name: str, title: str
) -> Figure | None:
    """Draw which share of each class went to which cluster, clusters in the order of their matched classes.

    Noise, which is matched to none, stands last.

    Parameters
    ----------
    classes, labels : ndarray of shape (n_samples,)
        Class as index of ``class_names``, and cluster (-1 is noise), of each point. Points without a class are left
        out.
    class_names : sequence of str
    name, title : str
        As in `bench.leaderboard.content.Figure`.

    Returns
    -------
    Figure or None
        None without points that have a class.
    """
    judged = with_class(classes)
    n_left_out = len(classes) - len(judged)
    classes, labels = classes[judged], labels[judged]
    if len(classes) == 0:
        return None
    clusters, column = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(class_names), len(clusters)))
    np.add.at(counts, (classes, column), 1)
    n_noise = int(clusters[0] == NOISE)  # its column is the first
    order = [n_noise + j for j in _matched_order(counts[:, n_noise:])] + [0] * n_noise
    names = cluster_names(labels)
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
        axes.set_xticks(range(len(clusters)), [names[j] for j in order])
    else:
        axes.set_xticks([len(clusters) - 1] * n_noise, ["noise"] * n_noise)
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xlabel("cluster" + f"; {n_left_out} points without a class left out" * (n_left_out > 0))
    axes.set_ylabel("class; rows sum to 1")
    said = [name if name == "noise" else f"in cluster {name}" for name in names]
    best = [
        f"{cls}: {shares[i].max():.2f} {said[order[int(shares[i].argmax())]]}"
        for i, cls in enumerate(class_names)
        if counts[i].any()
    ]
    alt = f"Largest share of each class. {'; '.join(best)}."
    if n_left_out:
        alt += f" {n_left_out} points that have no class are left out."
    return export(drawing, name=name, title=title, alt=alt)


def _matched_order(counts: np.ndarray) -> list[int]:
    """Return the clusters in the order of their classes under the best one-to-one matching, the rest behind."""
    rows, columns = linear_sum_assignment(-counts)
    matched = [int(column) for _, column in sorted(zip(rows, columns, strict=True))]
    return matched + [j for j in range(counts.shape[1]) if j not in matched]
