"""Figures of agreement: of runs with each other, cluster by cluster and point by point, and with the classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from bench.metrics.external import with_class
from bench.metrics.registry import NOISE
from bench.metrics.stability import DISSOLVED, HIGHLY_STABLE, STABLE
from bench.report.numbers import format_score
from bench.report.plots.axes import Words, fit, new_axes, new_drawing
from bench.report.plots.figure import Figure
from bench.report.plots.rows import MOST_ROWS, UNIT, RowChart, first_rows
from bench.report.plots.style import (
    BETTER,
    INK,
    MANY,
    SMALL,
    WIDE,
    Look,
    cluster_names,
    dots,
    hover,
    in_style,
    label,
    look_of,
    note,
    score_axis,
)
from bench.text import clean_name


@in_style
def cluster_stability(
    jaccard: Mapping[str, Sequence[float]],
    looks: Mapping[str, Look],
    labels: Mapping[str, str],
    *,
    name: str,
    title: str,
) -> Figure | None:
    """Draw for each variant the Jaccard coefficient of every cluster, with the landmarks at .5, .75 and .85.

    Parameters
    ----------
    jaccard : mapping of str to sequence of float
        By variant: for each cluster of its medoid run, the mean Jaccard coefficient with the best match in the other
        runs.
    looks : mapping of str to Look
        By variant.
    labels : mapping of str to str
        What each variant is called.
    name, title : str
        As in `bench.report.document.Figure`.

    Returns
    -------
    Figure or None
        None if no cluster has a finite one. Beyond `MOST_ROWS` variants the first are drawn, and the title says so.
    """
    rows = {variant: np.sort(np.asarray(values, dtype=np.float64)) for variant, values in jaccard.items()}
    rows = {variant: values[np.isfinite(values)] for variant, values in rows.items()}
    rows = {variant: values for variant, values in rows.items() if len(values)}
    if not rows:
        return None
    title, rows = first_rows(title, len(rows)), dict(list(rows.items())[:MOST_ROWS])
    chart = _unit_rows()
    axes = chart.axes
    many = sum(map(len, rows.values())) > MANY
    descriptions = []
    for y, (variant, values) in enumerate(rows.items()):
        look, heights = look_of(looks, variant), y + _spread(values)
        if many:
            dots(axes, np.column_stack([values, heights]), look.color, size=4.2, alpha=0.8)
        else:
            (marks,) = axes.plot(values, heights, **look.line(), ms=4.2, mew=0.9, alpha=0.8)
            hover(marks, [f"{labels[variant]}, a cluster: Jaccard {format_score(value, UNIT)}" for value in values])
        dissolved, stable = int((values <= DISSOLVED).sum()), int((values >= STABLE).sum())
        highly = int((values >= HIGHLY_STABLE).sum())
        text = f"{stable} of {len(values)} stable" + (f", {dissolved} dissolved" if dissolved else "")
        chart.row(y, label(labels[variant]), text.replace(", ", "\n"))
        descriptions.append(
            f"{labels[variant]}: {len(values)} clusters from {format_score(values[0], UNIT)} to "
            f"{format_score(values[-1], UNIT)}, {dissolved} dissolved, {stable} stable, {highly} of them highly"
        )
    for at in (DISSOLVED, STABLE, HIGHLY_STABLE):
        axes.axvline(at, color=INK, lw=0.7, alpha=0.6, ls=":", zorder=1)
    top = axes.get_xaxis_transform()
    words_at = ((DISSOLVED, -3, "right", "≤ .5 dissolved"), (STABLE, -3, "right", "≥ .75 stable"),
                (HIGHLY_STABLE, 3, "left", "≥ .85 highly"))  # fmt: skip
    for at, offset, ha, text in words_at:
        note(axes, text, (at, 1), (offset, 6), top, ha=ha)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("Jaccard of each cluster with its best match in the other runs, better →")
    chart.finish(-0.6, len(rows) - 0.4, top=0.18)
    words = f"Jaccard of clusters over runs. {'; '.join(descriptions)}."
    return Figure(name, clean_name(title), clean_name(words), chart.drawing)


@in_style
def point_agreement(
    agreement: Mapping[str, np.ndarray],
    looks: Mapping[str, Look],
    labels: Mapping[str, str],
    *,
    name: str,
    title: str,
) -> Figure | None:
    """Draw for each variant how the agreement of its runs is spread over the points.

    Parameters
    ----------
    agreement : mapping of str to ndarray of shape (n_samples,)
        By variant: for each point the agreement of the runs on its cluster, in [0, 1].
    looks, labels : mapping
        As in `cluster_stability`.
    name, title : str
        As in `bench.report.document.Figure`.

    Returns
    -------
    Figure or None
        None if no point has a finite one. Beyond `MOST_ROWS` variants the first are drawn, and the title says so.
    """
    rows = {variant: values[np.isfinite(values)] for variant, values in agreement.items()}
    rows = {variant: values for variant, values in rows.items() if len(values)}
    if not rows:
        return None
    title, rows = first_rows(title, len(rows)), dict(list(rows.items())[:MOST_ROWS])
    chart = _unit_rows()
    axes = chart.axes
    descriptions = []
    for y, (variant, values) in enumerate(rows.items()):
        look = look_of(looks, variant)
        low, quarter, middle, three_quarters, high = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
        axes.plot([low, high], [y, y], color=look.color, lw=1, solid_capstyle="butt", zorder=1)
        axes.plot([quarter, three_quarters], [y, y], color=look.color, lw=7, alpha=0.35, solid_capstyle="butt")
        (mark,) = axes.plot([middle], [y], **look.line(), ms=5)
        whole = float((values >= 1 - 1e-9).mean())
        text = f"{whole:.0%} alike in all runs"
        chart.row(y, label(labels[variant]), text)
        numbers = [format_score(float(v), UNIT) for v in (low, middle, high)]
        words = f"{labels[variant]}: median {numbers[1]}, 90 % from {numbers[0]} to {numbers[2]}, {text}"
        hover(mark, [words])
        descriptions.append(words)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("agreement of the runs on a point; marker: median, bar: half of the points, line: 90 %")
    chart.finish(-0.6, len(rows) - 0.4)
    words = f"Agreement of runs by point. {'; '.join(descriptions)}."
    return Figure(name, clean_name(title), clean_name(words), chart.drawing)


def _unit_rows() -> RowChart:
    """Return an empty chart on a scale from 0 to 1."""
    chart = RowChart()
    chart.axes.grid(axis="x")
    score_axis(chart.axes, UNIT)
    return chart


def _spread(values: np.ndarray) -> np.ndarray:
    """Return a height within its row for each of sorted values, so that equal ones do not hide each other."""
    return 0.26 * (np.arange(len(values)) % 5 - 2) / 2 if len(values) > 1 else np.zeros(len(values))


_MOST_PRINTED = 12


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
        As in `bench.report.document.Figure`.

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
    height = max(1.75, 0.55 + max(cell, 0.14) * len(class_names))
    drawing = new_drawing(min(WIDE, 1.5 + cell * max(len(clusters), 8)), height)
    axes = new_axes(drawing)
    # One colour, its opacity the share: the page's own background is zero, be it light or dark.
    image = np.zeros((*shares.shape, 4))
    image[..., :3] = np.array([int(BETTER[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    image[..., 3] = shares
    axes.imshow(image, interpolation="none", aspect="auto")
    if max(shares.shape) <= _MOST_PRINTED:
        at = np.argwhere(shares >= 0.005)
        printed = shares[at[:, 0], at[:, 1]]
        texts = [f"{share:.2f}".removeprefix("0") for share in printed]
        colors = ["white" if share > 0.8 else INK for share in printed]  # below, ink reads better on either page
        axes.add_artist(Words(at[:, ::-1], texts, axes.transData, size=SMALL, color=colors, ha="center"))
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
    places = [name if name == "noise" else f"in cluster {name}" for name in names]
    best = [
        f"{cls}: {shares[i].max():.2f} {places[order[int(shares[i].argmax())]]}"
        for i, cls in enumerate(class_names)
        if counts[i].any()
    ]
    alt = f"Largest share of each class. {'; '.join(best)}."
    if n_left_out:
        alt += f" {n_left_out} points that have no class are left out."
    fit(axes)
    return Figure(name, clean_name(title), clean_name(alt), drawing)


def _matched_order(counts: np.ndarray) -> list[int]:
    """Return the clusters in the order of their classes under the best one-to-one matching, the rest behind."""
    rows, columns = linear_sum_assignment(-counts)
    matched = [int(column) for _, column in sorted(zip(rows, columns, strict=True))]
    return matched + [j for j in range(counts.shape[1]) if j not in matched]
