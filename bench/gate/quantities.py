"""The quantities that are compared with a baseline, metrics and costs, and the drop that each tolerates by default."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bench.errors import InputError
from bench.metrics import Metric, all_metrics
from bench.report.numbers import format_megabytes, format_score, format_seconds

#: Standard deviations over the baseline's seeds in a default tolerance. The gate shall detect a drop of twice the
#: tolerance at ten other seeds nine times in ten. In draws from 50 seeds of the suite quick, a factor of 2 detects it
#: in 88 % for the hardest method and metric, 2.25 in 91 %, 2.4 in 93 % (tests/simulation/gate.py). With unchanged code,
#: under .1 % of checks fail.
_N_SDS = 2.4
#: The least tolerance: on the unit scale, as a share of the mean on other scales, and on other scales in all.
_FLOOR, _RELATIVE_FLOOR, _LEAST = 0.01, 0.05, 0.001
#: With fewer seeds there is no interval: the mean drop is compared, and the standard deviation is poorly known.
_ENOUGH_SEEDS = 6
#: How often the mean of so few seeds may exceed the tolerance with unchanged code, by Student's t. A check has many
#: rows, and scores are not normal: with eight methods, three metrics and 2 to 5 seeds, .002 lets 6 to 9 % of checks
#: fail, .001 4 to 6 %, .0005 2 to 4 % (20,000 checks each, drawn from the same scores).
_FEW_SEEDS_ALPHA = 0.0005
#: The most that is tolerated because seeds are few, on the unit scale and as a share of the mean on other scales: for
#: two seeds Student's t exceeds the unit scale, and one seed has no standard deviation. With single seeds 1 % of checks
#: fail; at .1 it would be 15 %.
_FEW_SEEDS_CAP, _RELATIVE_FEW_SEEDS_CAP = 0.15, 0.5


@dataclass(frozen=True)
class Quantity:
    """A number that every run has, with its better end and the scale on which two values are compared.

    Attributes
    ----------
    name, title : str
    greater_is_better : bool
    unit_scale : bool
        As in `bench.metrics.Metric`.
    format : callable
        Formats a value for tables.
    share : float or None
        The default tolerance of a quantity that is compared as a ratio; None for one compared as a difference.
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
        """Whether it is a cost of the run (time, memory) and not a metric of its clusters."""
        return self.share is not None

    def badness(self, values: Iterable[float]) -> np.ndarray:
        """Return values on the scale on which differences are taken: larger is worse, costs are logarithms."""
        array = np.maximum(np.fromiter(values, dtype=np.float64), self.least)
        if self.is_cost:
            array = np.log(array)
        return -array if self.greater_is_better else array

    def drop(self, difference: float) -> float:
        """Return a difference of badness in the unit of the tolerance; for costs, a share of the baseline's cost."""
        return round(math.expm1(difference) if self.is_cost else difference, 6)

    def rounded(self, value: float) -> float:
        """Return a value as baselines store it: a metric with six decimals, a cost with three digits."""
        return float(f"{value:.3g}") if self.is_cost else round(value, 6)


def quantities() -> dict[str, Quantity]:
    """Return all quantities by name: the metrics that have a better end, then the costs."""
    return dict(_table(all_metrics()))


def find_quantities(names: Iterable[str]) -> list[Quantity]:
    """Return the quantities of these names, each once.

    Raises
    ------
    InputError
        If a name is unknown, or neither end of the metric is better.
    """
    table = _table(all_metrics())
    for name in names:
        if name not in table:
            why = (
                "neither higher nor lower values are better"
                if any(m.name == name for m in all_metrics())
                else "it is unknown"
            )
            raise InputError(f"{name!r} cannot be compared with a baseline: {why}; choose from {', '.join(table)}")
    return [table[name] for name in dict.fromkeys(names)]


@lru_cache(maxsize=1)  # computed again only where a metric is added
def _table(known: tuple[Metric, ...]) -> dict[str, Quantity]:
    metrics = [_from_metric(metric) for metric in known if metric.greater_is_better is not None]
    # Times below a second vary mostly with the machine's load, so they count as one second.
    time = Quantity("wall_time", "Wall time", False, False, format_seconds, share=0.5, least=1.0)
    memory = Quantity("peak_memory", "Peak memory", False, False, format_megabytes, share=0.2, least=1.0)
    return {quantity.name: quantity for quantity in (*metrics, time, memory)}


def _from_metric(metric: Metric) -> Quantity:
    def write(value: float) -> str:
        return format_score(value, metric)

    return Quantity(metric.name, metric.title, bool(metric.greater_is_better), metric.unit_scale, write)


def default_tolerance(quantity: Quantity, values: Sequence[float], *, seeded: bool) -> float:
    r"""Return the drop that is tolerated by default: what a change of seeds alone may cause.

    .. math:: \max(\text{floor},\; 2.4\, s,\; \min(\text{cap},\; t_{n-1, .9995} \sqrt{2 / n}\, s))

    where s is the standard deviation over the n seeds and the last term applies for n < 6. The result is rounded up.
    Costs have a fixed tolerance instead, their ``share``.

    Parameters
    ----------
    quantity : Quantity
    values : sequence of float
        The baseline's values of a method, one a seed, at least one.
    seeded : bool
        Whether the method takes a seed; without one, its single value repeats and the floor is enough.
    """
    if quantity.share is not None:
        return quantity.share
    mean = abs(float(np.mean(values)))
    floor, cap = _FLOOR, _FEW_SEEDS_CAP
    if not quantity.unit_scale:
        floor, cap = max(_LEAST, _RELATIVE_FLOOR * mean), _RELATIVE_FEW_SEEDS_CAP * mean
    tolerance = max(floor, _change_by_seeds(values, cap) if seeded else 0.0)
    return _round_up(tolerance, 3 if quantity.unit_scale else 2 - math.floor(math.log10(tolerance)))


def _change_by_seeds(values: Sequence[float], cap: float) -> float:
    """Return the change that other seeds may cause; ``cap`` bounds what is added because seeds are few."""
    n = len(values)
    if n == 1:
        return cap
    sd = float(np.std(values, ddof=1))
    if n >= _ENOUGH_SEEDS:
        return _N_SDS * sd
    from scipy.stats import t

    return max(_N_SDS * sd, min(cap, float(t.ppf(1 - _FEW_SEEDS_ALPHA, n - 1)) * math.sqrt(2 / n) * sd))


def _round_up(value: float, decimals: int) -> float:
    scale = 10.0**decimals
    return round(math.ceil(value * scale - 1e-9) / scale, decimals)
