"""Every simulation, with its settings and its number of trials."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.simulation.agreement import LIMITS, MODELS, agreement_coverage
from tests.simulation.claims import N_PAIRS, Rate, coverage, family_wise_error, pooling_error, power
from tests.simulation.contrasts import N_CONTRASTS, contrasts_found
from tests.simulation.exact import attainable_coverage, attainable_level, family_wise_bound, power_of_six

FAMILY_SEEDS = (5, 10, 20)
FAMILY_SETTINGS: dict[str, dict[str, Any]] = {
    "normal noise": {},
    "heavy-tailed noise": {"noise": "heavy-tailed"},
    "skewed noise": {"noise": "skewed"},
    "rounded to .01": {"step": 0.01},
    "rounded to .05": {"step": 0.05},
}
TWO_DATASETS: dict[str, Any] = {"n_datasets": 2}

COVERAGE_N = (*range(6, 21), 30, 50)
COVERAGE_SETTINGS: dict[str, dict[str, Any]] = {
    "normal noise": {},
    "heavy-tailed noise": {"noise": "heavy-tailed"},
    "skewed noise": {"noise": "skewed"},
    "rounded to .01": {"step": 0.5},  # the same steps as above, in scales of the noise, which is .02 there
    "rounded to .05": {"step": 2.5},
}

POWER_N = tuple(range(5, 21))
PROTOCOL_POWER = {6: 0.24, 10: 0.58, 15: 0.81, 20: 0.91}

POOLED_SEEDS = (5, 10, 20)
POOLED_DATASETS = (8, 12)
POOLED_INTERACTIONS = (1.0, 2.0)

AGREEMENT_RUNS = (5, 10, 20)
CONTRAST_POWER_SEEDS = (10, 15, 20)
CONTRAST_EFFECT = 0.8

# Monte-Carlo errors of .002, .003, .007, .0005, .0015, .0035 and .011.
FAMILIES = {5: 1_000, 10: 10_000, 20: 10_000}  # at 5 no claim can be made
CONTRAST_FAMILIES = {5: 500, 10: 5_000, 20: 5_000}
CONTRAST_POWER_FAMILIES = 5_000
INTERVALS = 200_000
AGREEMENT_INTERVALS = 20_000
POWER_COMPARISONS = 20_000
POOLED_COMPARISONS = 2_000


@dataclass(frozen=True)
class Finding:
    """One simulated rate.

    Attributes
    ----------
    claim, setting : str
    n : int
        Matched pairs; seeds a data set where data sets are pooled; runs that are compared with each other.
    rate : Rate
    exact : float or None
        What theory says of untied differences: the rate itself, or for the family-wise error its bound.
    """

    claim: str
    setting: str
    n: int
    rate: Rate
    exact: float | None = None


def findings() -> Iterator[Finding]:
    """Simulate everything; about thirteen minutes on one core."""
    contrast_powers = []
    for n in FAMILY_SEEDS:
        bound = family_wise_bound(n, N_PAIRS)
        for setting, options in FAMILY_SETTINGS.items():
            per_family, _ = family_wise_error(n, **options, families=FAMILIES[n])
            yield Finding("family-wise error", setting, n, per_family, None if "step" in options else bound)
        per_family, anywhere = family_wise_error(n, **TWO_DATASETS, families=FAMILIES[n] // 2)
        yield Finding("family-wise error", "two data sets, each family", n, per_family, bound)
        yield Finding("any false claim", "two data sets, either family", n, anywhere)
    for n in FAMILY_SEEDS:
        bound = family_wise_bound(n, N_CONTRASTS)
        for setting, options in FAMILY_SETTINGS.items():
            errors, _ = contrasts_found(n, **options, families=CONTRAST_FAMILIES[n])
            yield Finding("error in contrasts", setting, n, errors, None if "step" in options else bound)
    for n in CONTRAST_POWER_SEEDS:
        errors, found = contrasts_found(n, effect=CONTRAST_EFFECT, families=CONTRAST_POWER_FAMILIES)
        yield Finding("error in contrasts", "noise of one method helps", n, errors, family_wise_bound(n, N_CONTRASTS))
        contrast_powers.append(Finding("power in contrasts", "effect of .8 sd", n, found))
    for n in COVERAGE_N:
        for setting, options in COVERAGE_SETTINGS.items():
            exact = None if "step" in options else attainable_coverage(n)
            yield Finding("coverage", setting, n, coverage(n, **options, intervals=INTERVALS), exact)
    for n in POWER_N:
        exact = power_of_six(0.8) if n == 6 else None
        yield Finding("power", "effect of .8 sd", n, power(n, comparisons=POWER_COMPARISONS), exact)
    yield from contrast_powers
    for model in (*MODELS, *LIMITS):
        for n in AGREEMENT_RUNS:
            held = agreement_coverage(model, n, intervals=AGREEMENT_INTERVALS)
            yield Finding("coverage of mean ARI", model, n, held)
    of_means = []
    for n_datasets, interaction, n in itertools.product(POOLED_DATASETS, POOLED_INTERACTIONS, POOLED_SEEDS):
        pooled, means = pooling_error(n_datasets, n, interaction, comparisons=POOLED_COMPARISONS)
        setting = f"{n_datasets} data sets, interaction {interaction:g} sd"
        yield Finding("error of pooling", setting, n, pooled)
        of_means.append(Finding("error of means", setting, n, means, attainable_level(n_datasets, 0.05)))
    yield from of_means
