"""Records with given scores, for the tests of the gate."""

import json

import numpy as np

from bench.gate import compare, take_baseline
from tests.simulation.gate import make_record

SPREAD = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9.0]) / 1000  # sd .003: the tolerance is the floor, .01


def run_of(scores, *, metric="acc", seeds=None, variant="dec", **changes):
    """Return records of a variant, one for each score; None is a failed run."""
    return [
        make_record(variant, seed, {} if score is None else {metric: score},
                    **({"status": "failed", "error": "it broke"} if score is None else {}) | changes)
        for seed, score in zip(seeds or range(len(scores)), scores, strict=True)
    ]  # fmt: skip


def baseline_of(records, **options):
    return take_baseline(records, **{"suite": "quick", "primary_metric": "acc"} | options)


def check(before, now, **options):
    return compare(now, baseline_of(before), **options)


def row_of(comparison, metric):
    (row,) = (row for row in comparison.rows if row.metric == metric)
    return row


def plan(run, variant, keys):
    """Write a plan into a run's folder: its last command planned the runs with these keys."""
    planned = {"dataset": "digits", "fingerprint": "f" * 64, "method": variant, "version": 1, "preset": "quick",
            "variant": variant, "title": variant.upper(), "kind": "deterministic", "config": f"config of {variant}",
            "seeded": True, "twin": None, "role": "asked", "boards": ["fixed"]}  # fmt: skip
    run.write_file("plan.json", json.dumps([planned | {"keys": dict(enumerate(keys))}]))


BEFORE = run_of(0.8 + SPREAD)
