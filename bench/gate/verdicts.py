"""The statistical rule of the gate, and the verdicts on one method: on its scores, failures, seeds and repetition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from math import comb
from typing import Any, Literal

import numpy as np

from bench.gate.baseline import MethodScores
from bench.gate.quantities import Quantity, find_quantities
from bench.statistics.wilcoxon import hodges_lehmann, hodges_lehmann_interval, shift_estimate, shift_interval
from bench.text import counted

#: The outcome of one row of a comparison.
GateVerdict = Literal["fail", "cannot compare", "warn", "pass", "not compared"]

_ALPHA = 0.05


@dataclass(frozen=True, kw_only=True)
class ComparedRow:
    """One row of a comparison: something that was compared, or could not be.

    Attributes
    ----------
    dataset : str
    variant, metric : str
        Empty in a row on a whole data set, or a whole variant. The metric is "runs" in the row on how runs ended,
        "seeds" in the row on whether seeds differ, "repeat" in the row on whether equal seeds gave equal scores.
    verdict : {"fail", "cannot compare", "warn", "pass", "not compared"}
    reason : str
    baseline, run : float or None
        Means over seeds.
    drop, low, high : float or None
        By how much the run is worse, and the 95 % interval; for costs, as a share.
    tolerance : float or None
    n : int or None
        Number of the run's scores that were compared.
    """

    dataset: str
    variant: str = ""
    metric: str = ""
    verdict: GateVerdict
    reason: str
    baseline: float | None = None
    run: float | None = None
    drop: float | None = None
    low: float | None = None
    high: float | None = None
    tolerance: float | None = None
    n: int | None = None

    @property
    def excess(self) -> float:
        """The drop as a multiple of the tolerance."""
        return (self.drop or 0.0) / self.tolerance if self.tolerance else (self.drop or 0.0)


@dataclass(frozen=True)
class Judgement:
    """The verdict on two sets of scores.

    Attributes
    ----------
    verdict : {"fail", "warn", "pass"}
    reason : str
    drop : float
        By how much the run is worse: positive is worse, whichever end is better; for costs, as a share.
    low, high : float or None
        The 95 % interval of the drop; None for too few scores.
    n : int
        Number of the run's scores that were compared.
    """

    verdict: GateVerdict
    reason: str
    drop: float
    low: float | None
    high: float | None
    n: int


def compare_scores(
    quantity: Quantity,
    tolerance: float,
    baseline: Mapping[int, float],
    run: Mapping[int, float],
    *,
    paired: bool,
) -> Judgement:
    r"""Compare the scores of a run with those of the baseline.

    A run fails if the whole 95 % interval [low, high] of the Hodges-Lehmann estimate of its drop exceeds the tolerance:

    .. math:: \text{low} > \text{tolerance}, \qquad
              \text{drop} = \operatorname{median}_{i \le j} \frac{d_i + d_j}{2}

    where d_i is by how much the run is worse at seed i. With other seeds than the baseline's, the drop is the median
    of all differences between a score of the run and one of the baseline. With too few scores for an interval, the
    run fails if the difference of the means exceeds the tolerance. It warns if only high > tolerance, or if low > 0;
    the latter not for costs.

    Parameters
    ----------
    quantity : Quantity
    tolerance : float
    baseline, run : mapping of int to float
        Scores by seed, neither of them empty.
    paired : bool
        Whether equal seeds mean equal starts; then both have the same seeds.
    """
    seeds = baseline if paired else run
    old, new = quantity.badness(baseline.values()), quantity.badness(run[seed] for seed in seeds)
    if paired:
        differences = np.round(new - old, 6)
        interval, how = hodges_lehmann_interval(differences), f"{len(new)} paired seeds"
    else:
        interval, how = shift_interval(new, old), f"{len(new)} seeds against {len(old)} others"
    if interval is None:
        drop = quantity.drop(float(new.mean() - old.mean()))
        how = f"by the mean alone: {how} are too few for a test"
        if drop > tolerance:
            return Judgement("fail", f"worse by more than the tolerance, {how}", drop, None, None, len(new))
        return Judgement("pass", how, drop, None, None, len(new))
    drop = quantity.drop(hodges_lehmann(differences) if paired else shift_estimate(new, old))
    low, high = (quantity.drop(end) for end in interval)
    verdict, reason = _verdict_of_interval(low, high, tolerance)
    if quantity.is_cost and high <= tolerance:
        verdict, reason = "pass", "within the tolerance"  # times always differ by some per cent between runs
    return Judgement(verdict, f"{reason}, {how}", drop, low, high, len(new))


def _verdict_of_interval(low: float, high: float, tolerance: float) -> tuple[GateVerdict, str]:
    if low > tolerance:
        return "fail", "worse by more than the tolerance"
    if high > tolerance:
        return "warn", "inconclusive: the interval contains the tolerance"
    if low > 0:
        return "warn", "worse, within the tolerance"
    return "pass", "within the tolerance"


def method_rows(
    dataset: str, variant: str, before: MethodScores, now: MethodScores, *, paired: bool, repeats: bool = False
) -> list[ComparedRow]:
    """Return the rows of a variant: one for each of the baseline's quantities, one on its runs and one on its seeds.

    Parameters
    ----------
    dataset, variant : str
    before, now : MethodScores
        The scores of the baseline and of the run, which has at least as many seeds.
    paired : bool
        Whether they have the same seeds.
    repeats : bool
        Whether seeds, parameters, versions and hardware are all equal; then equal scores are expected, in one more row.
    """
    row = partial(ComparedRow, dataset=dataset, variant=variant)
    rows = [row(metric=q.name, **_compare_quantity(q, before, now, paired)) for q in find_quantities(before.metrics)]
    rows.append(row(metric="runs", **_compare_run_counts(before, now)))
    seeds_differ = _check_seeds_differ(before, now)
    if seeds_differ is not None:
        rows.append(row(metric="seeds", **seeds_differ))
    if repeats:
        rows.append(row(metric="repeat", **_check_equal_scores(before, now)))
    return rows


def _compare_quantity(quantity: Quantity, before: MethodScores, now: MethodScores, paired: bool) -> dict[str, Any]:
    old = before.metrics[quantity.name].scored()
    new = now.metrics[quantity.name].scored() if quantity.name in now.metrics else {}
    tolerance = before.metrics[quantity.name].tolerance
    row: dict[str, Any] = {"baseline": _mean(old), "run": _mean(new), "tolerance": tolerance}
    if quantity.is_cost and (len(before.hardware) > 1 or before.hardware != now.hardware):
        both = ((before.hardware, "baseline"), (now.hardware, "run"))
        sides = "; ".join(f"{' and '.join(names)} in the {side}" for names, side in both)
        return {"verdict": "not compared", "reason": f"other hardware: {sides}", **row}
    if paired:
        shared = sorted(old.keys() & new.keys())
        old, new = ({seed: scores[seed] for seed in shared} for scores in (old, new))
    if not old or not new:
        # If every run failed, the row on the runs says so.
        verdict = "not compared" if quantity.is_cost or not now.status.ok else "cannot compare"
        return {"verdict": verdict, "reason": "no score to compare", **row}
    row |= asdict(compare_scores(quantity, tolerance, old, new, paired=paired))
    lost = 0 if quantity.is_cost else _n_unscored(quantity, now) - _n_unscored(quantity, before)
    loss = f"{counted(lost, 'more run')} than in the baseline without this score"
    if lost > 0 and row["low"] is None:
        row |= {"verdict": "cannot compare", "reason": f"{loss}; {len(new)} left, too few for a test"}
    elif lost > 0 and row["verdict"] == "pass":
        row |= {"verdict": "warn", "reason": f"{loss}; {row['reason']}"}
    return row


def _n_unscored(quantity: Quantity, scores: MethodScores) -> int:
    """Return the number of successful runs without a score."""
    return scores.status.ok - len(scores.metrics[quantity.name].scored())


def _compare_run_counts(before: MethodScores, now: MethodScores) -> dict[str, Any]:
    """Compare how the runs ended: any larger share of failures fails, more collapsed runs by Fisher's exact test."""
    n_was, n_now = len(before.seeds), len(now.seeds)
    failed = f"{now.status.failed} of {n_now} runs failed, {before.status.failed} of {n_was} in the baseline"
    if now.status.failed * n_was > before.status.failed * n_now:
        return {"verdict": "fail", "reason": failed}
    was, collapsed = before.status.collapsed, now.status.collapsed
    if collapsed * n_was > was * n_now:
        from scipy.stats import fisher_exact

        counts = np.array([[collapsed, n_now - collapsed], [was, n_was - was]])
        p = fisher_exact(counts, alternative="greater").pvalue
        reason = f"{collapsed} of {n_now} runs collapsed, {was} of {n_was} in the baseline (exact test, p = {p:.3g})"
        return {"verdict": "fail" if p < _ALPHA else "warn", "reason": reason}
    return {"verdict": "pass", "reason": failed if before.status.failed else f"{now.status.ok} of {n_now} runs ended"}


def _check_seeds_differ(before: MethodScores, now: MethodScores) -> dict[str, Any] | None:
    """Detect a method that ignores its seed: all seeds of the run score equally, those of the baseline do not.

    With few possible outcomes this may be chance. It fails only if p < .05, where p is the share of all partitions of
    both sides' scores that give the run equal ones; two or three seeds can therefore only warn. A changed version or
    changed parameters also only warn: every start may now reach one optimum. None where nothing can be said.
    """
    old, new = _seed_scores(before), _seed_scores(now)
    if len(new) < 2 or len(set(old)) < 2:
        return None
    if len(set(new)) > 1:
        return {"verdict": "pass", "reason": "seeds differ"}
    counts = Counter([*old, *new])
    p = sum(comb(count, len(new)) for count in counts.values()) / comb(len(old) + len(new), len(new))
    reason = f"{len(new)} seeds gave one score: the method ignores its seed, or every start now gives the same result"
    on_purpose = before.version != now.version or before.params != now.params
    return {"verdict": "fail" if p < _ALPHA and not on_purpose else "warn", "reason": reason}


def _check_equal_scores(before: MethodScores, now: MethodScores) -> dict[str, Any]:
    """Warn of seeds whose scores changed: equal code gives equal labels."""
    pairs = [(before.metrics[q.name].scored(), now.metrics[q.name].scored()) for q in _metrics_of(now)]
    changed = {seed for old, new in pairs for seed in old.keys() & new.keys() if old[seed] != new[seed]}
    if not changed:
        return {"verdict": "pass", "reason": "the same seeds gave the same scores"}
    changes = f"{len(changed)} of {len(now.seeds)} seeds gave different scores"
    reason = f"{changes} with the same versions, hardware and parameters: the code has changed"
    return {"verdict": "warn", "reason": reason}


def _seed_scores(scores: MethodScores) -> list[tuple[float, ...]]:
    """Return the scores in all metrics of every seed that has them all, costs aside."""
    columns = [scores.metrics[q.name].scored() for q in _metrics_of(scores)]
    seeds = set.intersection(*(set(column) for column in columns)) if columns else set()
    return [tuple(column[seed] for column in columns) for seed in sorted(seeds)]


def _metrics_of(scores: MethodScores) -> list[Quantity]:
    return [quantity for quantity in find_quantities(scores.metrics) if not quantity.is_cost]


def _mean(scores: dict[int, float]) -> float | None:
    return float(np.mean(list(scores.values()))) if scores else None
