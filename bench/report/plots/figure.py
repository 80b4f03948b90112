"""A figure of a report."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure


@dataclass(frozen=True)
class Figure:
    """A picture.

    Attributes
    ----------
    name : str
        Stem of its file, unique in a report; letters, digits, "-", "_" and "." alone.
    title : str
        One line.
    alt : str
        What the picture shows, in words and numbers, for those who do not see it.
    drawing : matplotlib.figure.Figure or str
        A string is an SVG, from whatever drew it.
    group : str
        The heading that figures of one thing share, such as a method; empty for none.
    group_note : str
        What is to be known of all figures of the group.
    """

    name: str
    title: str
    alt: str
    drawing: MatplotlibFigure | str
    group: str = ""
    group_note: str = ""

    @cached_property
    def svg(self) -> str:
        """For the page: no fixed background, text and axes in ``currentColor``."""
        if isinstance(self.drawing, str):
            return self.drawing
        from bench.report.plots.export import as_svg  # matplotlib, for a report that has drawings

        return as_svg(self.drawing, self.name, self.alt)

    @property
    def png(self) -> bytes:
        """For print, on white.

        Raises
        ------
        TypeError
            If the drawing is an SVG already.
        """
        if isinstance(self.drawing, str):
            raise TypeError(f"figure {self.name!r} is an SVG; it has no PNG")
        from bench.report.plots.export import as_png

        return as_png(self.drawing)
