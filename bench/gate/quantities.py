"""What is compared with a baseline: metrics that have a better end, and what a run costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bench.errors import InputError
from bench.metrics import Metric, all_metrics
from bench.report.numbers import format_megabytes, format_score, format_seconds


@dataclass(frozen=True)
class Quantity:
    """A number that a run has, and how much worse one value is than another.

    Attributes
    ----------
    name, title : str
    greater_is_better : bool
    unit_scale : bool
        As `bench.metrics.Metric` has it.
    format : callable
        Writes a value for a reader.
    share : float or None
        The tolerance of what is compared as a ratio; None for what is compared as a difference.
    least : float
        Smaller values count as this one.
    """

    name: str
    title: str
    greater_is_better: bool
    unit_scale: bool
    format: Callable[[float], str]
    share: float | None = None
    least: float = -math.inf

    @property
    def is_cost(self) -> bool:
        """Whether it is what a run took, and not how good its clusters are."""
        return self.share is not None

    def badness(self, values: Iterable[float]) -> np.ndarray:
        """Return values on the scale on which differences are taken: larger is worse, ratios are logarithms."""
        array = np.maximum(np.fromiter(values, dtype=np.float64), self.least)
        if self.is_cost:
            array = np.log(array)
        return -array if self.greater_is_better else array

    def drop(self, difference: float) -> float:
        """Return a difference of badness in the unit of the tolerance; of costs that is a share of the baseline's."""
        return round(math.expm1(difference) if self.is_cost else difference, 6)

    def rounded(self, value: float) -> float:
        """Return a value as baselines hold it: six decimals of a metric, three digits of a cost."""
        return float(f"{value:.3g}") if self.is_cost else round(value, 6)


def quantities() -> dict[str, Quantity]:
    """Return all that can be compared, by name."""
    return dict(_table(all_metrics()))


def find_quantities(names: Iterable[str]) -> list[Quantity]:
    """Return the quantities of these names, each once.

    Raises
    ------
    InputError
        If one is unknown, or neither of its ends is better.
    """
    table = _table(all_metrics())
    for name in names:
        if name not in table:
            why = "neither of its ends is better" if any(m.name == name for m in all_metrics()) else "it is unknown"
            raise InputError(f"{name!r} cannot be compared with a baseline: {why}; take some of {', '.join(table)}")
    return [table[name] for name in dict.fromkeys(names)]


@lru_cache(maxsize=1)  # computed again only where a metric is added
def _table(known: tuple[Metric, ...]) -> dict[str, Quantity]:
    metrics = [_of_metric(metric) for metric in known if metric.greater_is_better is not None]
    # A time below a second is mostly the machine's mood: it counts as a second.
    time = Quantity("wall_time", "Wall time", False, False, format_seconds, share=0.5, least=1.0)
    memory = Quantity("peak_memory", "Peak memory", False, False, format_megabytes, share=0.2, least=1.0)
    return {quantity.name: quantity for quantity in (*metrics, time, memory)}


def _of_metric(metric: Metric) -> Quantity:
    def write(value: float) -> str:
        return format_score(value, metric)

    return Quantity(metric.name, metric.title, bool(metric.greater_is_better), metric.unit_scale, write)
