"""A baseline written anew: what a person set in the old one stays, and what changed is told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from bench.leaderboard.numbers import ABSENT
from bench.regression.baseline import Baseline, MethodScores, Scores, load_baseline, write_baseline
from bench.regression.quantities import find_quantities
from bench.regression.taking import take_baseline
from bench.results import suite_of
from bench.store import Run


def update_baseline(
    run: Run,
    path: str | Path,
    *,
    metrics: Sequence[str] | None = None,
    tolerances: Mapping[str, float] | None = None,
) -> tuple[Baseline, Baseline | None, int]:
    """Write a baseline from a run; what a person chose in the old one stays, unless it is chosen anew.

    Parameters
    ----------
    run : Run
    path : path
    metrics, tolerances
        As `bench.regression.taking.take_baseline` has them.

    Returns
    -------
    new : Baseline
    old : Baseline or None
        What it replaces.
    kept : int
        How many tolerances were taken over, because a person had set them.

    Raises
    ------
    InputError
        If the run gives no baseline, the old file is something else, or the new one cannot be written.
    """
    suite = suite_of(run)
    old = load_baseline(path) if Path(path).exists() else None
    new = take_baseline(
        run.records(),
        suite=suite.name,
        primary_metric=suite.primary_metric,
        metrics=metrics or (old.chosen_metrics if old else None),
        tolerances=tolerances,
        commands=run.commands(),
    )
    kept = 0
    if old is not None:
        new, kept = keep_tolerances(new, old, set_now=tolerances or {})
    write_baseline(path, new)
    return new, old, kept


def keep_tolerances(new: Baseline, old: Baseline, set_now: Collection[str] = ()) -> tuple[Baseline, int]:
    """Return the new baseline with the tolerances that a person set in the old one, and how many these are.

    A tolerance that is not what the rule gives for the old scores was set by a person.

    Parameters
    ----------
    new, old : Baseline
    set_now : collection of str
        Metrics whose tolerances were just asked for: they are kept as they are.
    """
    made = new.model_copy(deep=True)
    kept = 0
    for dataset, variant, before in _methods(old):
        scores = made.methods.get(dataset, {}).get(variant)
        if scores is None:
            continue
        for quantity in find_quantities(before.metrics):
            was, now = before.metrics[quantity.name], scores.metrics.get(quantity.name)
            by_hand = was.tolerance != quantity.tolerance(list(was.scored().values()))
            if now is not None and by_hand and quantity.name not in set_now:
                now.tolerance = was.tolerance
                kept += 1
    return made, kept


def changes(old: Baseline, new: Baseline) -> Iterator[tuple[str, ...]]:
    """Yield (data set, method, metric, old, new, tolerance) of all that reads otherwise than it did."""
    before, after = ({(d, v): scores for d, v, scores in _methods(b)} for b in (old, new))
    for place in sorted(before.keys() | after.keys()):
        if place not in after:
            yield *place, "", "there", "gone", ""
        elif place not in before:
            yield *place, "", "", "new", ""
        else:
            yield from ((*place, *told) for told in _changed_scores(before[place], after[place]))


def _methods(baseline: Baseline) -> Iterator[tuple[str, str, MethodScores]]:
    for dataset, methods in baseline.methods.items():
        for variant, scores in methods.items():
            yield dataset, variant, scores


def _changed_scores(before: MethodScores, after: MethodScores) -> Iterator[tuple[str, ...]]:
    for quantity in find_quantities([*before.metrics, *after.metrics]):
        was, now = (_said(scores.metrics.get(quantity.name), quantity.format) for scores in (before, after))
        if was != now:
            yield quantity.title, was[0], now[0], " -> ".join(dict.fromkeys((was[1], now[1])))
    if before.seeds != after.seeds:
        yield "seeds", f"{len(before.seeds)} from {before.seeds[0]}", f"{len(after.seeds)} from {after.seeds[0]}", ""
    if before.status != after.status:
        yield "runs", _ended(before), _ended(after), ""


def _said(scores: Scores | None, write: Callable[[float], str]) -> tuple[str, str]:
    """Return the mean and the tolerance as they read."""
    if scores is None:
        return ABSENT, ABSENT
    return write(float(np.mean(list(scores.scored().values())))), f"{scores.tolerance:g}"


def _ended(scores: MethodScores) -> str:
    status = scores.status
    return f"{status.ok} ok, {status.failed} failed, {status.collapsed} collapsed"
