"""A figure of a report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A picture.

    Attributes
    ----------
    name : str
        Stem of its files, unique in a report; letters, digits, "-", "_" and "." alone.
    title : str
        One line.
    alt : str
        What the picture shows, in words and numbers, for those who do not see it.
    svg : str
        For the page: no fixed background, text and axes in ``currentColor``.
    group : str
        The method whose pictures it is one of; empty for none.
    """

    name: str
    title: str
    alt: str
    svg: str
    png_bytes: bytes = b""
    group: str = ""

    def png(self) -> bytes:
        """Return it as PNG, on white."""
        return self.png_bytes
