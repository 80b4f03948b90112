"""How to cite the suite."""

from __future__ import annotations

from importlib.metadata import version

ADDRESS = "https://github.com/deepclustbench/deepclustbench"


def bibtex() -> str:
    """Return the BibTeX entry of the suite, with the version that is installed."""
    return "\n".join(
        [
            "@misc{deepclustbench,",
            "  author = {{The deepclustbench authors}},",
            "  title  = {deepclustbench: Does making a deep clustering method stochastic help?},",
            "  year   = {2026},",
            f"  note   = {{Version {version('deepclustbench')}}},",
            f"  url    = {{{ADDRESS}}},",
            "}",
        ]
    )
