"""Whether a run is worse than an earlier one: the gate.

An earlier run's scores are kept in a file, the baseline; every later run is compared with it by data set, method and
metric.
"""

from __future__ import annotations

from bench.regression.baseline import Baseline, load_baseline, write_baseline
from bench.regression.compare import compare
from bench.regression.comparison import Comparison, Row
from bench.regression.render import render_text
from bench.regression.taking import take_baseline

__all__ = [
    "Baseline",
    "Comparison",
    "Row",
    "compare",
    "load_baseline",
    "render_text",
    "take_baseline",
    "write_baseline",
]
