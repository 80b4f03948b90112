"""A comparison in one plain sentence."""

from __future__ import annotations

import math

from bench.metrics import Metric
from bench.report.numbers import format_equation, format_interval, format_score
from bench.statistics.correction import MethodComparison


def twin_sentence(
    comparison: MethodComparison,
    title: str,
    twin_title: str,
    metric: Metric,
    *,
    unit: str = "",
    collapsed: tuple[int, int] = (0, 0),
) -> str:
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
    collapsed : (int, int)
        Runs of the variant, and of its twin, that collapsed.
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
    if 0 < result.n_zero < result.n:
        test += f" of which {result.n_zero} equal"
    if is_equivalent(comparison, collapsed) and result.rope is not None:
        test += f"; equivalent in practice (within ±{format_score(result.rope, metric)})"

    if comparison.outcome in ("better", "worse"):
        claim = f"{title} is {comparison.outcome} than its twin {twin_title} by {numbers}, {test}"
    elif comparison.outcome == "no difference shown":
        claim = f"No difference shown between {title} and its twin {twin_title}: {numbers}, {test}"
    else:
        family = f" in a family of {comparison.family_size}" if comparison.family_size > 1 else ""
        verdict = f"{comparison.verdict} {unit}".rstrip()
        claim = f"{title} against its twin {twin_title} {verdict}{family}: difference {numbers}"
    sentences = [claim]
    for name, lost in zip((title, twin_title), comparison.lost, strict=True):
        if lost:
            sentences.append(f"{name} ended without a score on {lost} more, which count as lost")
    for name, n in zip((title, twin_title), collapsed, strict=True):
        if n:
            sentences.append(f"{n} runs of {name} collapsed" if n > 1 else f"1 run of {name} collapsed")
    return ". ".join(sentences) + "."


def is_equivalent(comparison: MethodComparison, collapsed: tuple[int, int] = (0, 0)) -> bool:
    """Return whether two methods are shown to be equivalent in practice; not where most of their runs collapsed."""
    result = comparison.result
    return result is not None and result.practical == "equivalent" and 2 * max(collapsed) <= result.n
