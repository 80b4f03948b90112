"""The gate: a run is compared with a baseline, the stored scores of an earlier run, and fails where it is worse.

`bench.gate.compare` compares them by data set, method and metric; `bench.gate.verdicts` has the statistical rule.
"""

from __future__ import annotations

from bench.gate.baseline import Baseline, load_baseline, write_baseline
from bench.gate.compare import Comparison, compare
from bench.gate.from_run import take_baseline
from bench.gate.text import render_text
from bench.gate.verdicts import ComparedRow

__all__ = [
    "Baseline",
    "ComparedRow",
    "Comparison",
    "compare",
    "load_baseline",
    "render_text",
    "take_baseline",
    "write_baseline",
]
