"""Charts with a row for each variant, contrast or score: names on the left, numbers on the right."""

from __future__ import annotations

from typing import Any

from matplotlib.ticker import MaxNLocator

from bench.metrics import find_metric
from bench.report.plots.axes import STEPS, Words, fit, new_axes, new_drawing, widest
from bench.report.plots.style import INK, SMALL, WIDE, label

UNIT = find_metric("acc")
"""For how numbers between 0 and 1 are written."""

ROW_HEIGHT = 0.33
"""Of a variant, in inches."""

MOST_ROWS = 40
"""Variants of a chart."""


_LEAST = 1.6
"""Width of the axes beside the longest names and notes, in inches; the chart grows beyond a page for it."""


class RowChart:
    """A drawing whose rows grow downwards.

    Attributes
    ----------
    drawing : matplotlib.figure.Figure
    axes : Axes
        Its y axis is in rows.
    """

    def __init__(self) -> None:
        self.drawing = new_drawing(WIDE, 1)
        self.axes = new_axes(self.drawing, hidden="y")
        self.axes.spines["left"].set_visible(False)
        self.axes.xaxis.set_major_locator(MaxNLocator(8, steps=STEPS))
        self._names: list[tuple[float, str]] = []
        self._headings: list[tuple[float, str]] = []
        self._notes: list[tuple[float, tuple[str, ...]]] = []

    def row(self, y: float, name: str, *notes: str) -> None:
        """Name a row, as its label is to be written, and note its numbers."""
        self._names.append((y, name))
        self._notes.append((y, notes))

    def heading(self, y: float, text: str) -> None:
        """Name the rows below."""
        self._headings.append((y, label(text, 44, 1)))

    def finish(self, first: float, last: float, *, row_height: float = ROW_HEIGHT, top: float = 0.0) -> None:
        """Write names and notes and give the drawing its height.

        Parameters
        ----------
        first, last : float
            Upper and lower end of the rows.
        row_height, top : float
            Of one row, and of what stands above them, in inches.
        """
        axes, side = self.axes, self.axes.get_yaxis_transform()
        left = right = 0.0
        for lines, weight in ((self._names, "normal"), (self._headings, "bold")):
            if lines:
                places, texts = [(0.0, y) for y, _ in lines], [text for _, text in lines]
                left = max(left, widest(texts, SMALL, weight) + 9 / 72)
                style: dict[str, Any] = {"offset": (-6, 0), "ha": "right", "weight": weight}
                axes.add_artist(Words(places, texts, side, size=SMALL, color=INK, **style))
        for column in range(max((len(notes) for _, notes in self._notes), default=0)):
            noted = [(y, notes[column]) for y, notes in self._notes if len(notes) > column]
            places, texts = [(1.0, y) for y, _ in noted], [text for _, text in noted]
            axes.add_artist(Words(places, texts, side, size=SMALL, color=INK, offset=(8 + 72 * right, 0)))
            right += widest(texts, SMALL) + 10 / 72
        axes.set_ylim(last, first)
        height = row_height * (last - first) + top + axes.xaxis.room()["bottom"] + 0.1
        self.drawing.set_size_inches(max(WIDE, left + right + _LEAST), height)
        fit(axes, left=left, right=right, top=top)


def first_rows(title: str, n_rows: int, what: str = "first") -> str:
    """Return a title that says so where not all rows are drawn."""
    return f"{title} (the {what} {MOST_ROWS} of {n_rows} variants)" if n_rows > MOST_ROWS else title
