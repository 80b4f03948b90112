"""Whether a run is worse than an earlier one: the gate.

An earlier run's scores are kept in a file, the baseline; every later run is compared with it by data set, method and
metric.
"""

from __future__ import annotations

from bench.gate.baseline import Baseline, load_baseline, write_baseline
from bench.gate.compare import compare
from bench.gate.comparison import Comparison, Row
from bench.gate.from_run import take_baseline
from bench.gate.text import render_text

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
