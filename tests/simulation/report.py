"""The findings in one table."""

from __future__ import annotations

from collections.abc import Sequence

from bench.statistics.power import signed_rank_power
from tests.simulation.contrasts import N_CONTRASTS
from tests.simulation.exact import attainable_coverage, family_wise_bound
from tests.simulation.study import (
    CONTRAST_EFFECT,
    CONTRAST_FAMILIES,
    CONTRAST_POWER_SEEDS,
    FAMILY_SEEDS,
    PROTOCOL_POWER,
    Finding,
)

COLUMNS = (5, 6, 7, 8, 10, 12, 15, 20, 30, 50)

TEXT = """# The statistics, simulated

![Family-wise errors, pooling, coverage and power](simulation.png)

`python -m tests.simulation`, in a checkout, writes this folder: thirteen minutes on one core, the same numbers
every time. `simulation.csv` has all of them with counts and Monte-Carlo errors; `pytest -m slow
tests/statistics/test_simulation.py` asserts them.

Rates in per cent, by the number of matched seeds, or of runs that are compared with each other.

{table}

- **Family-wise error.** Six equally good methods, all 15 pairs, Holm at 5 %; scores share an effect of their seed.
  {families:,} families a figure; bars in the figure are two Monte-Carlo errors either way. The limit is 5.5 %. Five
  seeds can claim nothing. A family is one data set: with two, a false claim on either is about twice as likely.
- **Error in contrasts.** The family of a data set: total, noise given the prior, and prior without noise of three
  methods are nine contrasts; each total is the sum of the two others of its method. All arms are equally good;
  {contrast_families:,} families a figure. *Noise of one method helps*: by .8 sd, so two contrasts are not null, and a
  false claim is one on the other seven.
- **Coverage.** Only some levels exist at small n; the interval takes the next above 95 %, so it holds the truth
  slightly too often. Scores of few digits tie: then it is wider than it need be.
- **Power.** One comparison, nothing to correct for; the differences are normal with a mean of .8 of *their own*
  standard deviation. Five pairs can reach no significance.
- **Power in contrasts.** Noise adds .8 standard deviations of the paired differences to one method, and Holm corrects
  for nine contrasts: ten seeds find it in {contrast_power_10} % of cases, twenty in {contrast_power_20} %. *First step*
  is the power of one test at 5 % / 9, which `deepclustbench plan` goes by. Holm has hardly more where one method
  differs.
- **Pooling.** Two methods that differ on each data set and not on average. *Interaction* is the standard deviation of
  the true difference over data sets, in standard deviations of the noise of one difference. Taking every seed of every
  data set for a pair of its own claims an average effect in {pooled} % of cases at 5 to 10 seeds; one mean
  a data set, in {of_means} %.
- **Coverage of mean ARI.** The agreement between runs, with its interval of 95 %; the truth is the expected ARI of two
  runs. Promised are 93 to 97 % for the first five models: a partition of which each run puts a share of the points into
  clusters at random (29 % on average, or 2 %); runs that end in one of two local optima; k-means from one random start.
  Two limits: runs that end elsewhere too rarely to be among those at hand are in no interval, as where one in ten
  fails; and where runs agree by chance the interval is too wide.
"""


def readme(findings: Sequence[Finding]) -> str:
    """Return the page of the findings in Markdown."""
    families = max(f.rate.trials for f in findings if f.claim == "family-wise error")
    powers = {f.n: f.rate.value for f in findings if f.claim == "power in contrasts"}
    return TEXT.format(
        table=_table(findings),
        families=families,
        contrast_families=max(CONTRAST_FAMILIES.values()),
        **{f"contrast_power_{n}": f"{100 * powers[n]:.0f}" for n in (10, 20)},
        pooled=_range(findings, "error of pooling"),
        of_means=_range(findings, "error of means"),
    )


def _range(findings: Sequence[Finding], claim: str) -> str:
    rates = [100 * f.rate.value for f in findings if f.claim == claim and f.n in (5, 10)]
    return f"{min(rates):.1f} to {max(rates):.1f}"


def _table(findings: Sequence[Finding]) -> str:
    rows: dict[tuple[str, str], dict[int, float]] = {}
    for f in findings:
        rows.setdefault((f.claim, f.setting), {})[f.n] = f.rate.value
    first_steps = {n: signed_rank_power(n, CONTRAST_EFFECT, 0.05 / N_CONTRASTS) for n in CONTRAST_POWER_SEEDS}
    # What must come out stands above what did.
    expected = {
        "family-wise error": ("*bound, untied*", {n: family_wise_bound(n, 15) for n in FAMILY_SEEDS}),
        "error in contrasts": ("*bound, untied*", {n: family_wise_bound(n, N_CONTRASTS) for n in FAMILY_SEEDS}),
        "power in contrasts": ("*first step*", first_steps),
        "coverage": ("*exact, untied*", {n: attainable_coverage(n) for n in COLUMNS if n > 5}),
        "power": ("*protocol*", PROTOCOL_POWER),
    }
    lines = [
        f"| | | {' | '.join(map(str, COLUMNS))} |",
        f"|---|---|{'---:|' * len(COLUMNS)}",
    ]
    named = ""
    for (claim, setting), values in rows.items():
        if claim != named and claim in expected:
            lines.append(_line(claim, *expected[claim]))
            named = claim
        lines.append(_line("" if claim == named else claim, setting, values))
        named = claim
    return "\n".join(lines)


def _line(claim: str, setting: str, values: dict[int, float]) -> str:
    cells = [f"{100 * values[n]:.1f}" if n in values else "" for n in COLUMNS]
    return f"| {claim} | {setting} | {' | '.join(cells)} |"
