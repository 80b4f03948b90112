"""The values of table cells: what they are, how they are sorted and how they are written in plain text.

A format writes ``text`` in its own markup. It sets what is ``mathematics`` in mathematical type, and escapes the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from bench.metrics import Metric
from bench.report.numbers import (
    ABSENT,
    format_clusters,
    format_difference,
    format_interval,
    format_mean,
    format_megabytes,
    format_p,
    format_ranks,
    format_score,
    format_seconds,
    format_share,
)

#: What a cell is sorted by; None goes last.
SortKey = float | str | None


class Value:
    """What a cell of a table holds.

    Attributes
    ----------
    text : str
        As a reader sees it.
    key : float, str or None
        What it is sorted by.
    mathematics : bool
        Whether the text is a formula: digits, signs and brackets alone.
    """

    mathematics: ClassVar[bool] = True

    @property
    def text(self) -> str:
        """As a reader sees it."""
        raise NotImplementedError

    @property
    def key(self) -> SortKey:
        """What it is sorted by."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Name(Value):
    """Words: the name of a method, a verdict. They may come from data or plugins."""

    words: str
    mathematics: ClassVar[bool] = False

    @property
    def text(self) -> str:
        return self.words

    @property
    def key(self) -> SortKey:
        return self.words.casefold()


@dataclass(frozen=True)
class Code(Name):
    """A command, which readers copy."""


@dataclass(frozen=True)
class Number(Value):
    """A score, or the mean of scores with its standard deviation.

    Attributes
    ----------
    value : float
        NaN where there is none.
    metric : Metric or None
        What it is a score of; None writes three decimals.
    sd : float
        NaN writes the value alone.
    complete : bool
        Whether it is over all planned runs; a star marks one that is not.
    """

    value: float
    metric: Metric | None = None
    sd: float = math.nan
    complete: bool = True

    @property
    def text(self) -> str:
        star = "" if self.complete or not math.isfinite(self.value) else "*"
        return format_mean(self.value, self.sd, self.metric) + star

    @property
    def key(self) -> SortKey:
        return self.value if math.isfinite(self.value) else None


@dataclass(frozen=True)
class Interval(Value):
    """An estimate and its interval, or the interval alone; ``signed`` writes the sign of a difference."""

    value: float
    low: float = math.nan
    high: float = math.nan
    metric: Metric | None = None
    signed: bool = False

    @property
    def text(self) -> str:
        write = format_difference if self.signed else format_score
        interval = format_interval(self.low, self.high, self.metric)
        if interval and not math.isfinite(self.value):
            return interval
        return f"{write(self.value, self.metric)} {interval}".rstrip()

    @property
    def key(self) -> SortKey:
        value = self.value if math.isfinite(self.value) else self.low
        return value if math.isfinite(value) else None


@dataclass(frozen=True)
class P(Value):
    """A p-value."""

    value: float

    @property
    def text(self) -> str:
        return format_p(self.value)

    @property
    def key(self) -> SortKey:
        return self.value if math.isfinite(self.value) else None


@dataclass(frozen=True)
class Ranks(Value):
    """The ranks that the tests leave possible."""

    best: float
    worst: float

    @property
    def text(self) -> str:
        return format_ranks(self.best, self.worst)

    @property
    def key(self) -> SortKey:
        return self.best if math.isfinite(self.best) else None


@dataclass(frozen=True)
class Count(Value):
    """A number of things, or a mean number of them, and of how many where that is another number."""

    value: float
    of: float = math.nan
    mathematics: ClassVar[bool] = False

    @property
    def text(self) -> str:
        return format_clusters(self.value, self.of)

    @property
    def key(self) -> SortKey:
        return self.value if math.isfinite(self.value) else None


@dataclass(frozen=True)
class Tally(Value):
    """Several counts, such as runs that are ok / failed / collapsed; sorted by the first."""

    counts: tuple[int, ...]

    @property
    def text(self) -> str:
        return "/".join(map(str, self.counts))

    @property
    def key(self) -> SortKey:
        return float(self.counts[0])


@dataclass(frozen=True)
class Amount(Value):
    """A quantity with its unit."""

    value: float
    unit: str
    mathematics: ClassVar[bool] = False

    @property
    def text(self) -> str:
        write = {"s": format_seconds, "MB": format_megabytes, "%": format_share}[self.unit]
        return write(self.value)

    @property
    def key(self) -> SortKey:
        return self.value if math.isfinite(self.value) else None


@dataclass(frozen=True)
class Absent(Value):
    """Nothing."""

    mathematics: ClassVar[bool] = False

    @property
    def text(self) -> str:
        return ABSENT

    @property
    def key(self) -> SortKey:
        return None
