"""What a comparison says, in one plain sentence."""

from __future__ import annotations

import math

from bench.leaderboard.numbers import format_equation, format_interval, format_score
from bench.metrics import Metric
from bench.statistics.correction import MethodComparison


def twin_sentence(comparison: MethodComparison, title: str, twin_title: str, metric: Metric, *, unit: str = "") -> str:
    """Answer "does stochasticity help?" for one variant and its twin.

    Parameters
    ----------
    comparison : MethodComparison
        The variant against its twin.
    title, twin_title : str
    metric : Metric
        The metric compared.
    unit : str
        What n counts, where that is not the seeds: "data sets".
    """
    result = comparison.result
    if result is None or comparison.p_adjusted is None:
        return f"{title} is not compared with its twin {twin_title}: {comparison.reason}."

    estimate, (low, high) = result.hodges_lehmann, result.hodges_lehmann_interval or (math.nan, math.nan)
    if comparison.outcome in ("better", "worse") and result.rank_biserial < 0:
        # "worse by .031", not "worse by -.031"
        estimate, low, high = -estimate, -high, -low
    numbers = f"{format_score(estimate, metric)} {format_interval(low, high, metric)}".rstrip()
    test = f"{format_equation(comparison.p_adjusted)} (Holm), {comparison.n} {unit}".rstrip()
    practice = ""
    if result.practical == "equivalent" and result.rope is not None:
        practice = f"; equivalent in practice (within ±{format_score(result.rope, metric)})"

    if comparison.outcome in ("better", "worse"):
        return f"{title} is {comparison.outcome} than its twin {twin_title} by {numbers}, {test}{practice}."
    if comparison.outcome == "no difference shown":
        return f"No difference shown between {title} and its twin {twin_title}: {numbers}, {test}{practice}."
    family = f" in a family of {comparison.family_size}" if comparison.family_size > 1 else ""
    verdict = f"{comparison.verdict} {unit}".rstrip()
    return f"{title} against its twin {twin_title} {verdict}{family}: difference {numbers}{practice}."
