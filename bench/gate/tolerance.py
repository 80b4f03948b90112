"""The drop that is tolerated by default: what other seeds alone bring about."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.gate.quantities import Quantity

#: Sds over the baseline's seeds in a tolerance. A shift of twice the tolerance must be found at ten other seeds
#: nine times in ten: drawn from 50 seeds of the suite quick, 2 finds that of the hardest method and metric in 88 %,
#: 2.25 in 91 %, this in 93 % (tests/simulation/gate.py). What has not changed fails in under .1 % of checks.
SPREADS = 2.4
#: No change smaller than these is worth a red build: on the unit scale, and as a share of the mean elsewhere, where
#: none is below the least either.
FLOOR, RELATIVE_FLOOR, LEAST = 0.01, 0.05, 0.001
#: Fewer seeds give no interval: the mean drop decides alone, against a spread that is hardly known.
ENOUGH = 6
#: How often the mean of so few may lie beyond the tolerance though nothing has changed, by Student's t. A check has
#: many rows, and scores are not normal: of eight methods by three metrics with 2 to 5 seeds, .002 lets 6 to 9 % of
#: checks fail, .001 4 to 6 %, and this 2 to 4 % (20,000 checks each, drawn from the same scores).
RARE = 0.0005
#: For two seeds t would tolerate more than the unit scale is long, and a single one shows no spread at all. So no more
#: than this is granted for want of seeds, on the unit scale and as a share of the mean elsewhere. With single seeds 1 %
#: of checks fail; at .1 it would be 15 %.
FEW, RELATIVE_FEW = 0.15, 0.5


def default_tolerance(quantity: Quantity, values: Sequence[float], *, seeded: bool) -> float:
    """Return the drop that is tolerated by default, from the baseline's values of a method.

    Parameters
    ----------
    quantity : Quantity
    values : sequence of float
        One a seed, at least one.
    seeded : bool
        Whether the method takes a seed; if not, its single value would be the same again.
    """
    if quantity.share is not None:
        return quantity.share
    mean = abs(float(np.mean(values)))
    floor, most = (FLOOR, FEW) if quantity.unit_scale else (max(LEAST, RELATIVE_FLOOR * mean), RELATIVE_FEW * mean)
    tolerance = max(floor, _spread(values, most) if seeded else 0.0)
    return _round_up(tolerance, 3 if quantity.unit_scale else 2 - math.floor(math.log10(tolerance)))


def _spread(values: Sequence[float], most: float) -> float:
    """Return what other seeds may bring about; ``most`` bounds what is granted because the seeds are few."""
    n = len(values)
    if n == 1:
        return most
    sd = float(np.std(values, ddof=1))
    if n >= ENOUGH:
        return SPREADS * sd
    from scipy.stats import t

    return max(SPREADS * sd, min(most, float(t.ppf(1 - RARE, n - 1)) * math.sqrt(2 / n) * sd))


def _round_up(value: float, decimals: int) -> float:
    scale = 10.0**decimals
    return round(math.ceil(value * scale - 1e-9) / scale, decimals)
