"""Published results to show beside ours, with their sources and protocols: ``results/published.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from bench.errors import InputError
from bench.text import shown

#: What ``--against`` may name.
PUBLISHED = "published"

_Mean = list[float]


class Published(BaseModel):
    """A published result of one method on one data set.

    Attributes
    ----------
    dataset, method : str
        By our names.
    acc, nmi, ari : list of float
        Mean, and the standard deviation over runs where the source gives it; empty where it gives neither.
    runs : int or None
        Over how many runs, where the source says so.
    source, protocol : str
        Where it was read, and how it was made.
    url : str
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str
    method: str
    acc: _Mean = Field(default=[], max_length=2)
    nmi: _Mean = Field(default=[], max_length=2)
    ari: _Mean = Field(default=[], max_length=2)
    runs: int | None = None
    source: str
    protocol: str
    url: str = ""

    def of(self, metric: str) -> tuple[float, float]:
        """Return mean and standard deviation of a metric, NaN where they are not known."""
        known = {"acc": self.acc, "nmi": self.nmi, "ari": self.ari}.get(metric, [])
        mean, sd, *_ = (*known, float("nan"), float("nan"))
        return mean, sd


@cache
def published_values() -> tuple[Published, ...]:
    """Return all published values, in the order of the file."""
    package = Path(str(files("bench")))
    in_wheel = package / "_published.toml"
    path = in_wheel if in_wheel.is_file() else package.parent / "results" / "published.toml"
    return tuple(Published(**value) for value in tomllib.loads(path.read_text(encoding="utf-8"))["value"])


def values_against(name: str | None) -> tuple[Published, ...]:
    """Return the values that ``--against`` names; none for None.

    Raises
    ------
    InputError
        If it names none.
    """
    if name is None:
        return ()
    if name != PUBLISHED:
        raise InputError(f"--against {shown(name)}: no values have that name; write --against {PUBLISHED}")
    return published_values()
