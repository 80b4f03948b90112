"""Error rates of the gate, measured on the scores of 50 seeds of the suite ``quick`` (`tests/gate/quick-scores.csv`).

A baseline is ten or fewer seeds drawn from the fifty, a run as many of the others: only the seeds differ, unless a drop
is planted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bench.gate import Baseline, compare, take_baseline
from bench.metrics import METRICS_VERSION
from bench.records.record import Record

METRICS = ("acc", "nmi", "ari")
_STORED = Path(__file__).parents[1] / "gate" / "quick-scores.csv"


@dataclass(frozen=True)
class Rates:
    """Shares of checks.

    Attributes
    ----------
    alarms : float
        Of checks of a run in which nothing had changed, those that failed.
    found : dict of (str, str) to float
        By variant and metric, of checks of a run in which all had dropped by twice the tolerance, those in which this
        row failed.
    """

    alarms: float
    found: Mapping[tuple[str, str], float]


def make_record(variant: str, seed: int, metrics: Mapping[str, float | None], **changes: object) -> Record:
    """Return the record of a cell with these scores."""
    content: dict[str, object] = {
        "key": f"{variant}-{seed}", "dataset": "digits", "fingerprint": "f" * 64, "method": variant,
        "version": 1, "preset": "quick", "variant": variant, "title": variant.upper(), "kind": "deterministic",
        "config": f"config of {variant}", "seeded": True, "twin": None, "params": {"beta": 0.01, "random_state": seed},
        "seed": seed, "status": "ok", "metrics": dict(metrics), "metrics_version": METRICS_VERSION,
        "timings": {"fit": 10.0 + seed % 3}, "peak_memory": 500.0, "versions": {"python": "3.11"},
        "hardware": {"device": "cpu", "processor": "a processor", "threads": 1}, "commit": "c" * 40,
    }  # fmt: skip
    return Record.model_validate(content | changes)


def measure(checks: int, *, same_seeds: bool, n_seeds: int = 10, random_state: int = 0) -> Rates:
    """Carry out many whole checks, over all variants and metrics.

    Parameters
    ----------
    checks : int
        Baselines drawn; each is compared with a run that is as good and with one that is not.
    same_seeds : bool
        Whether the run's seeds, all others, bear the numbers of the baseline's: then the gate takes them for pairs,
        as after a change that leaves the seeds alone and draws other numbers from them.
    n_seeds : int
        Of the baseline, and of the run.
    """
    table = pd.read_csv(_STORED)
    stored = {str(variant): rows[list(METRICS)].to_numpy() for variant, rows in table.groupby("variant")}
    generator = np.random.default_rng(random_state)
    alarms, found = 0, Counter[tuple[str, str]]()
    for _ in range(checks):
        order = generator.permutation(50)
        was, now = order[:n_seeds], order[n_seeds : 2 * n_seeds]
        numbers = range(n_seeds) if same_seeds else range(n_seeds, 2 * n_seeds)
        baseline = take_baseline(
            _records({name: scores[was] for name, scores in stored.items()}, range(n_seeds)),
            suite="quick",
            primary_metric="acc",
        )
        as_good = {name: scores[now] for name, scores in stored.items()}
        worse = {name: scores - 2 * _tolerances(baseline, name) for name, scores in as_good.items()}
        alarms += compare(_records(as_good, numbers), baseline).exit_code == 1
        found.update((row.variant, row.metric) for row in compare(_records(worse, numbers), baseline).failures)
    places = [(variant, metric) for variant in stored for metric in METRICS]
    return Rates(alarms / checks, {place: found[place] / checks for place in places})


def _records(scores: Mapping[str, np.ndarray], seeds: range) -> list[Record]:
    return [
        make_record(variant, seed, dict(zip(METRICS, row.tolist(), strict=True)))
        for variant, rows in scores.items()
        for seed, row in zip(seeds, rows, strict=True)
    ]


def _tolerances(baseline: Baseline, variant: str) -> np.ndarray:
    return np.array([baseline.methods["digits"][variant].metrics[metric].tolerance for metric in METRICS])
