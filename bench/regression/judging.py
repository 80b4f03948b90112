"""The rule: one quantity of one method, now and in the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.regression.quantities import Quantity
from bench.statistics.rank_sum import shift_estimate, shift_interval
from bench.statistics.signed_rank import hodges_lehmann, hodges_lehmann_interval

#: The worst first.
Verdict = Literal["fail", "cannot compare", "warn", "pass", "not compared"]


@dataclass(frozen=True)
class Judgement:
    """What is made of two sets of scores.

    Attributes
    ----------
    verdict : {"fail", "warn", "pass"}
    reason : str
    drop : float
        By how much the run is worse: positive is worse, whichever end is better; of costs, as a share.
    low, high : float or None
        The 95 % interval of the drop, where there is one.
    n : int
        Scores of the run that were compared.
    """

    verdict: Verdict
    reason: str
    drop: float
    low: float | None
    high: float | None
    n: int


def judge(
    quantity: Quantity,
    tolerance: float,
    baseline: Mapping[int, float],
    run: Mapping[int, float],
    *,
    paired: bool,
) -> Judgement:
    """Compare scores by seed.

    It fails what is worse by more than the tolerance beyond doubt: where the whole Hodges-Lehmann interval of the drop
    lies beyond the tolerance, or, where the scores are too few for an interval, where the mean drop does.

    Parameters
    ----------
    quantity : Quantity
    tolerance : float
    baseline, run : mapping of int to float
        Scores by seed, none of them empty.
    paired : bool
        Whether a seed stands for the same start on both sides; then they have the same seeds.
    """
    seeds = baseline if paired else run
    was, now = quantity.badness(baseline.values()), quantity.badness(run[seed] for seed in seeds)
    if paired:
        differences = np.round(now - was, 6)
        interval, how = hodges_lehmann_interval(differences), f"{len(now)} paired seeds"
    else:
        interval, how = shift_interval(now, was), f"{len(now)} seeds against {len(was)} others"
    if interval is None:
        drop = quantity.drop(float(now.mean() - was.mean()))
        how = f"by the mean alone: {how} are too few for a test"
        if drop > tolerance:
            return Judgement("fail", f"worse by more than the tolerance, {how}", drop, None, None, len(now))
        return Judgement("pass", how, drop, None, None, len(now))
    drop = quantity.drop(hodges_lehmann(differences) if paired else shift_estimate(now, was))
    low, high = (quantity.drop(end) for end in interval)
    verdict, reason = _place(low, high, tolerance)
    if quantity.is_cost and high <= tolerance:
        verdict, reason = "pass", "within the tolerance"  # a machine is never as fast as yesterday, to the per cent
    return Judgement(verdict, f"{reason}, {how}", drop, low, high, len(now))


def _place(low: float, high: float, tolerance: float) -> tuple[Verdict, str]:
    """Say on which side of the tolerance an interval lies."""
    if low > tolerance:
        return "fail", "worse by more than the tolerance"
    if high > tolerance:
        return "warn", "inconclusive: the interval holds the tolerance"
    if low > 0:
        return "warn", "worse, within the tolerance"
    return "pass", "within the tolerance"
