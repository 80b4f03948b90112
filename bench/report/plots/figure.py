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
        For the page: no fixed background, text and axes in ``currentColor``; and the file ``figures/NAME.svg``.
    png : bytes
        For print, on white.
    group : str
        The heading that figures of one thing share, such as a method; empty for none.
    group_note : str
        What is to be known of all figures of the group.
    """

    name: str
    title: str
    alt: str
    svg: str
    png: bytes
    group: str = ""
    group_note: str = ""
