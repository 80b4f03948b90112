"""Time of figures as SVG: one of each kind, and the learning curves of a long training."""

import numpy as np
import pytest

from bench.report import plots
from tests.report import test_plots, test_plots_uncertainty

pytestmark = pytest.mark.figures


@pytest.mark.parametrize("module", [test_plots, test_plots_uncertainty], ids=["results", "uncertainty"])
def test_a_figure_of_each_kind(benchmark, module):
    benchmark(lambda: [module.draw(kind).svg for kind in module.KINDS])
    benchmark.extra_info["figures"] = len(module.KINDS)


def test_learning_curves_of_six_quantities(benchmark):
    rng = np.random.default_rng(0)
    runs = [
        {"phase": np.repeat(["pretrain", "cluster"], 150)} | {f"loss {i}": rng.random(300) for i in range(6)}
        for _ in range(10)
    ]
    look = plots.Look("#0072B2", "o")
    to = {"name": "curves", "title": "curves"}
    benchmark(lambda: plots.learning_curves(runs, "S-DEC", look, twin_runs=runs, twin="IDEC", **to).svg)
