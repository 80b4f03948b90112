"""A baseline written anew: what a person set in the old one stays."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError
from bench.experiment import reported
from bench.regression.baseline import Baseline, load_baseline, write_baseline
from bench.regression.taking import take_baseline
from bench.regression.variants import planned_keys
from bench.results import suite_of
from bench.store import Run


@dataclass(frozen=True)
class Update:
    """A baseline that was written.

    Attributes
    ----------
    new : Baseline
    old : Baseline or None
        What it replaces.
    kept : int
        How many tolerances were taken over, because a person had set them.
    """

    new: Baseline
    old: Baseline | None
    kept: int


def update_baseline(
    run: Run,
    path: str | Path,
    *,
    metrics: Sequence[str] | None = None,
    tolerances: Mapping[str, float] | None = None,
) -> Update:
    """Write a baseline from a run; what a person chose in the old one stays, unless it is chosen anew.

    Parameters
    ----------
    run : Run
    path : path
    metrics, tolerances
        As `bench.regression.taking.take_baseline` has them.

    Raises
    ------
    InputError
        If the run is not finished or gives no baseline, the old file is something else, or the new one cannot be
        written.
    """
    suite, records, planned = suite_of(run), list(reported(run)), planned_keys(run)
    left = planned - {record.key for record in records}
    if left:
        raise InputError(
            f"{run.folder}: {len(left)} of {len(planned)} planned cells have not been run, and a baseline without them "
            "would compare less; give the run's command again, which runs what is left"
        )
    old = load_baseline(path) if Path(path).exists() else None
    new = take_baseline(
        records,
        suite=suite.name,
        primary_metric=suite.primary_metric,
        metrics=metrics if metrics is not None or old is None else old.chosen_metrics,
        tolerances=tolerances,
        commands=run.commands(),
        planned=planned,
    )
    kept = 0
    if old is not None:
        new, kept = keep_tolerances(new, old, set_now=tolerances or {})
    write_baseline(path, new)
    return Update(new, old, kept)


def keep_tolerances(new: Baseline, old: Baseline, set_now: Collection[str] = ()) -> tuple[Baseline, int]:
    """Return the new baseline with the tolerances that a person set in the old one, and how many these are.

    A tolerance that is not what the rule gave when the old scores were taken was set by a person.

    Parameters
    ----------
    new, old : Baseline
    set_now : collection of str
        Metrics whose tolerances were just asked for: they are kept as they are.
    """
    made = new.model_copy(deep=True)
    kept = 0
    for dataset, variant, before in old.scores():
        scores = made.methods.get(dataset, {}).get(variant)
        if scores is None:
            continue
        for name, was in before.metrics.items():
            now, by_hand = scores.metrics.get(name), was.tolerance != was.default_tolerance
            if now is not None and by_hand and name not in set_now:
                now.tolerance = was.tolerance
                kept += 1
    return made, kept
