"""The verdicts on one method: each quantity now and in the baseline, how the runs ended, and their seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from math import comb
from typing import Any

import numpy as np

from bench.gate.baseline import MethodScores
from bench.gate.comparison import REPEAT, RUNS, SEEDS, Row, Verdict
from bench.gate.quantities import Quantity, find_quantities
from bench.statistics.wilcoxon import hodges_lehmann, hodges_lehmann_interval, shift_estimate, shift_interval


@dataclass(frozen=True)
class Judgement:
    """What is made of two sets of scores.

    Attributes
    ----------
    verdict : {"fail", "warn", "pass"}
    reason : str
    drop : float
        By how much the run is worse: positive is worse, whichever end is better; of costs, as a share.
    low, high : float or None
        The 95 % interval of the drop, where there is one.
    n : int
        Scores of the run that were compared.
    """

    verdict: Verdict
    reason: str
    drop: float
    low: float | None
    high: float | None
    n: int


def judge(
    quantity: Quantity,
    tolerance: float,
    baseline: Mapping[int, float],
    run: Mapping[int, float],
    *,
    paired: bool,
) -> Judgement:
    """Compare scores by seed.

    It fails what is worse by more than the tolerance beyond doubt: where the whole Hodges-Lehmann interval of the drop
    lies beyond the tolerance, or, where the scores are too few for an interval, where the mean drop does.

    Parameters
    ----------
    quantity : Quantity
    tolerance : float
    baseline, run : mapping of int to float
        Scores by seed, none of them empty.
    paired : bool
        Whether a seed stands for the same start on both sides; then they have the same seeds.
    """
    seeds = baseline if paired else run
    was, now = quantity.badness(baseline.values()), quantity.badness(run[seed] for seed in seeds)
    if paired:
        differences = np.round(now - was, 6)
        interval, how = hodges_lehmann_interval(differences), f"{len(now)} paired seeds"
    else:
        interval, how = shift_interval(now, was), f"{len(now)} seeds against {len(was)} others"
    if interval is None:
        drop = quantity.drop(float(now.mean() - was.mean()))
        how = f"by the mean alone: {how} are too few for a test"
        if drop > tolerance:
            return Judgement("fail", f"worse by more than the tolerance, {how}", drop, None, None, len(now))
        return Judgement("pass", how, drop, None, None, len(now))
    drop = quantity.drop(hodges_lehmann(differences) if paired else shift_estimate(now, was))
    low, high = (quantity.drop(end) for end in interval)
    verdict, reason = _place(low, high, tolerance)
    if quantity.is_cost and high <= tolerance:
        verdict, reason = "pass", "within the tolerance"  # a machine is never as fast as yesterday, to the per cent
    return Judgement(verdict, f"{reason}, {how}", drop, low, high, len(now))


def _place(low: float, high: float, tolerance: float) -> tuple[Verdict, str]:
    """Say on which side of the tolerance an interval lies."""
    if low > tolerance:
        return "fail", "worse by more than the tolerance"
    if high > tolerance:
        return "warn", "inconclusive: the interval holds the tolerance"
    if low > 0:
        return "warn", "worse, within the tolerance"
    return "pass", "within the tolerance"


ALPHA = 0.05


def judge_method(
    dataset: str, variant: str, before: MethodScores, now: MethodScores, *, paired: bool, repeats: bool = False
) -> list[Row]:
    """Return a row for every quantity that the baseline holds of a method, and for its runs and their seeds.

    Parameters
    ----------
    dataset, variant : str
    before, now : MethodScores
        Of the baseline and of the run, which has at least as many seeds.
    paired : bool
        Whether they have the same seeds.
    repeats : bool
        Whether nothing is known to have changed: the same seeds, parameters, versions and hardware.
    """
    row = partial(Row, dataset=dataset, variant=variant)
    rows = [row(metric=q.name, **_judge_quantity(q, before, now, paired)) for q in find_quantities(before.metrics)]
    rows.append(row(metric=RUNS, **_judge_status(before, now)))
    ignored = _judge_seeds(before, now)
    if ignored is not None:
        rows.append(row(metric=SEEDS, **ignored))
    if repeats:
        rows.append(row(metric=REPEAT, **_judge_repeat(before, now)))
    return rows


def _judge_quantity(quantity: Quantity, before: MethodScores, now: MethodScores, paired: bool) -> dict[str, Any]:
    was = before.metrics[quantity.name].scored()
    there = now.metrics[quantity.name].scored() if quantity.name in now.metrics else {}
    tolerance = before.metrics[quantity.name].tolerance
    row: dict[str, Any] = {"baseline": _mean(was), "run": _mean(there), "tolerance": tolerance}
    if quantity.is_cost and (len(before.hardware) > 1 or before.hardware != now.hardware):
        told = "; ".join(f"{' and '.join(names)} in the {of}" for names, of in
                         ((before.hardware, "baseline"), (now.hardware, "run")))  # fmt: skip
        return {"verdict": "not compared", "reason": f"other hardware: {told}", **row}
    if paired:
        both = was.keys() & there.keys()
        was, there = ({seed: s[seed] for seed in sorted(both)} for s in (was, there))
    if not was or not there:
        # Where every run failed, that is the row on the runs.
        verdict = "not compared" if quantity.is_cost or not now.status.ok else "cannot compare"
        return {"verdict": verdict, "reason": "no score to compare", **row}
    row |= asdict(judge(quantity, tolerance, was, there, paired=paired))
    lost = 0 if quantity.is_cost else _unscored(quantity, now) - _unscored(quantity, before)
    told = f"{lost} more run{'s' * (lost != 1)} than before ended without such a score"
    if lost > 0 and row["low"] is None:
        row |= {"verdict": "cannot compare", "reason": f"{told}; {len(there)} left, too few for a test"}
    elif lost > 0 and row["verdict"] == "pass":
        row |= {"verdict": "warn", "reason": f"{told}; {row['reason']}"}
    return row


def _unscored(quantity: Quantity, scores: MethodScores) -> int:
    """Count the runs that ended well and have no score all the same."""
    return scores.status.ok - len(scores.metrics[quantity.name].scored())


def _judge_status(before: MethodScores, now: MethodScores) -> dict[str, Any]:
    """Compare how the runs ended: failures by their share, for one is too many; collapses by an exact test."""
    n_was, n_now = len(before.seeds), len(now.seeds)
    failed = f"{now.status.failed} of {n_now} runs gave no labels, {before.status.failed} of {n_was} in the baseline"
    if now.status.failed * n_was > before.status.failed * n_now:
        return {"verdict": "fail", "reason": failed}
    was, collapsed = before.status.collapsed, now.status.collapsed
    if collapsed * n_was > was * n_now:
        from scipy.stats import fisher_exact

        counts = np.array([[collapsed, n_now - collapsed], [was, n_was - was]])
        p = fisher_exact(counts, alternative="greater").pvalue
        reason = f"{collapsed} of {n_now} runs collapsed, {was} of {n_was} in the baseline (exact test, p = {p:.3g})"
        return {"verdict": "fail" if p < ALPHA else "warn", "reason": reason}
    return {"verdict": "pass", "reason": failed if before.status.failed else f"{now.status.ok} of {n_now} runs ended"}


def _judge_seeds(before: MethodScores, now: MethodScores) -> dict[str, Any] | None:
    """Find a seed that is ignored: the run's all score alike where the baseline's did not.

    A method of few possible outcomes may do so by chance. So it fails only where that is rarer than one in twenty
    among all ways to deal both sides' scores out anew; two or three seeds can therefore only warn. So can a method
    that was changed on purpose: its starts may all reach one optimum now.
    """
    was, there = _outcomes(before), _outcomes(now)
    if len(there) < 2 or len(set(was)) < 2:
        return None
    if len(set(there)) > 1:
        return {"verdict": "pass", "reason": "seeds differ"}
    counts = Counter([*was, *there])
    p = sum(comb(count, len(there)) for count in counts.values()) / comb(len(was) + len(there), len(there))
    reason = f"{len(there)} seeds gave one score: the seed is ignored, or every start now ends alike"
    on_purpose = before.version != now.version or before.params != now.params
    return {"verdict": "fail" if p < ALPHA and not on_purpose else "warn", "reason": reason}


def _judge_repeat(before: MethodScores, now: MethodScores) -> dict[str, Any]:
    """Find a change that no score condemns: the same seeds give the same labels, unless what computes is another."""
    scores = [(before.metrics[q.name].scored(), now.metrics[q.name].scored()) for q in find_quantities(now.metrics)
              if not q.is_cost]  # fmt: skip
    changed = {seed for was, there in scores for seed in was.keys() & there.keys() if was[seed] != there[seed]}
    if not changed:
        return {"verdict": "pass", "reason": "the same seeds gave the same scores"}
    told = f"{len(changed)} of {len(now.seeds)} seeds gave other scores with the same versions, hardware and parameters"
    return {"verdict": "warn", "reason": f"{told}: what computes has changed"}


def _outcomes(scores: MethodScores) -> list[tuple[float, ...]]:
    """Return of every scored seed all its scores; what a run costs says nothing of its outcome."""
    columns = [scores.metrics[q.name].scored() for q in find_quantities(scores.metrics) if not q.is_cost]
    seeds = set.intersection(*(set(column) for column in columns)) if columns else set()
    return [tuple(column[seed] for column in columns) for seed in sorted(seeds)]


def _mean(scores: dict[int, float]) -> float | None:
    return float(np.mean(list(scores.values()))) if scores else None
