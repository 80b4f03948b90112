"""What a baseline written anew says otherwise than the one it replaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from bench.leaderboard.numbers import ABSENT
from bench.regression.baseline import Baseline, MethodScores, Scores
from bench.regression.quantities import find_quantities
from bench.regression.render import columns
from bench.regression.update import Update
from bench.text import clean_name

HEADER = ("data set", "method", "metric", "old", "new", "tolerance")


def render_update(update: Update) -> str:
    """Write what changed as lines of text; nothing where no baseline was replaced."""
    if update.old is None:
        return ""
    changed = [tuple(map(clean_name, cells)) for cells in changes(update.old, update.new)]
    table = columns([HEADER, *changed]) if changed else "no change"
    return f"{table}\ntolerances set by hand, which stay: {update.kept}"


def changes(old: Baseline, new: Baseline) -> Iterator[tuple[str, ...]]:
    """Yield (data set, method, metric, old, new, tolerance) of all that reads otherwise than it did."""
    before, after = ({(d, v): scores for d, v, scores in b.scores()} for b in (old, new))
    for place in sorted(before.keys() | after.keys()):
        if place not in after:
            yield *place, "", "there", "gone", ""
        elif place not in before:
            yield *place, "", "", "new", ""
        else:
            yield from ((*place, *told) for told in _changed_scores(before[place], after[place]))


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
