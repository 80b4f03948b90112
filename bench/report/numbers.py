"""How numbers are written."""

from __future__ import annotations

import math

from bench.metrics import Metric

ABSENT = "–"


def format_score(value: float, metric: Metric | None = None) -> str:
    """Write a score: three decimals without the leading zero on the unit scale, else four digits.

    Parameters
    ----------
    value : float
    metric : Metric, optional
        What it is a score of; without one the scale is the unit one.
    """
    if not math.isfinite(value):
        return ABSENT
    if metric is not None and not metric.unit_scale:
        return _with_minus(f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}")
    return _without_zero(f"{value:.3f}")


def format_difference(value: float, metric: Metric | None = None) -> str:
    """Write a difference as a score, with its sign: ``+.009``."""
    text = format_score(value, metric)
    return f"+{text}" if value > 0 and text.strip("0.") else text


def format_mean(mean: float, sd: float, metric: Metric | None = None) -> str:
    """Write ``mean ± sd``, or the mean alone where one run has no sd."""
    if not math.isfinite(mean) or not math.isfinite(sd):
        return format_score(mean, metric)
    return f"{format_score(mean, metric)} ± {format_score(sd, metric)}"


def format_interval(low: float, high: float, metric: Metric | None = None) -> str:
    """Write ``[low, high]``, or nothing where there is no interval."""
    if not math.isfinite(low):
        return ""
    return f"[{format_score(low, metric)}, {format_score(high, metric)}]"


def format_margin(margin: float, metric: Metric | None = None) -> str:
    """Write the half width of a region about zero: ``±.01``."""
    text = format_score(margin, metric)
    return f"±{text.rstrip('0').rstrip('.') if '.' in text else text}"


def format_p(p: float) -> str:
    """Write a p-value to three decimals, or to four where three would hide on which side of .05 it is."""
    if not math.isfinite(p):
        return ABSENT
    if p < 0.001:
        return "< .001"
    decimals = 4 if p != 0.05 and f"{p:.3f}" == "0.050" else 3
    return _without_zero(f"{p:.{decimals}f}")


def format_equation(p: float) -> str:
    """Write ``p = .006`` or ``p < .001``."""
    text = format_p(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def format_ranks(best: float, worst: float) -> str:
    """Write the ranks that are possible: ``1``, or ``1-3`` where no order is shown among three."""
    if not math.isfinite(best):
        return ABSENT
    return f"{best:.0f}" if best == worst else f"{best:.0f}-{worst:.0f}"


def format_clusters(mean: float, asked: float) -> str:
    """Write a mean number of clusters, and how many were asked for where that is another number."""
    if not math.isfinite(mean):
        return ABSENT
    written = f"{mean:.0f}" if mean == round(mean) else f"{mean:.1f}"
    return written if mean == asked or not math.isfinite(asked) else f"{written} of {asked:.0f}"


def format_share(share: float) -> str:
    """Write a share in per cent; one that is not nothing does not look like it."""
    if not math.isfinite(share):
        return ABSENT
    if share == 0:
        return "0 %"
    return "< 0.1 %" if share < 0.0005 else f"{100 * share:.1f} %"


def format_seconds(seconds: float) -> str:
    """Write a duration in the unit a reader would choose."""
    if not math.isfinite(seconds):
        return ABSENT
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def format_megabytes(megabytes: float) -> str:
    """Write a size of memory."""
    return f"{megabytes:,.0f} MB" if math.isfinite(megabytes) else ABSENT


def _without_zero(text: str) -> str:
    """Drop the zero before the point, the sign of a zero, and write a true minus."""
    digits = text.removeprefix("-")
    sign = "−" if text.startswith("-") and float(digits) != 0 else ""
    return sign + (digits[1:] if digits.startswith("0.") else digits)


def _with_minus(text: str) -> str:
    return text.replace("-", "−")
