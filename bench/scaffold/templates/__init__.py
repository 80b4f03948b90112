"""The files of a new method with ``$name`` and the like in them: no Python, so that nothing takes them for ours."""

from __future__ import annotations

from importlib.resources import files
from string import Template


def template(name: str) -> Template:
    """Return the template of a file."""
    return Template((files(__name__) / f"{name}.template").read_text(encoding="utf-8"))
