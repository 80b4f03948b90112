"""Which configuration stands for which entry on each board."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bench.selection.contest import Contest, Place
from bench.selection.stored import LabelFreeChoice, Oracle, OracleChoice, Selection, read
from bench.store import Run

if TYPE_CHECKING:
    import pandas as pd

#: For each data set and entry of a suite, the id of the configuration that stands for it.
Board = dict[Place, str]

FIXED, LABEL_FREE, ORACLE = "fixed", "label-free", "oracle"


def boards_of(run: Run) -> dict[str, Board]:
    """Return the boards of a run by name, in the order in which they are shown.

    "fixed" holds the presets and is the headline; "label-free" and "oracle" hold what was chosen without and by
    labels, the latter an upper bound. An entry with one configuration has it on all three, and one for which
    nothing could be chosen is missing. A run that chose nothing has "fixed" alone, without entries: all its
    configurations are on it.

    Raises
    ------
    InputError
        If a file of choices cannot be read or is not valid.
    """
    choices = read(run, Selection).choices
    if not choices:
        return {FIXED: {}}
    single = {c.place: c.fixed for c in choices if not c.candidates}
    chosen: Iterable[tuple[str, Iterable[LabelFreeChoice | OracleChoice]]]
    chosen = ((LABEL_FREE, choices), (ORACLE, read(run, Oracle).choices))
    boards = {name: {c.place: c.chosen for c in found if c.chosen} | single for name, found in chosen}
    return {FIXED: {c.place: c.fixed for c in choices}, **boards}


def board_frames(run: Run, frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of each board, by its name.

    Parameters
    ----------
    frame : DataFrame
        The run's cells, one row each, as :func:`bench.results.frame_of` returns them.

    Returns
    -------
    dict of str to DataFrame
        Left out of a board are the candidates and presets that stand for no entry there, and the twins that they
        alone have. What was never chosen between is on all boards. The ``role`` is that on the board: one entry's
        choice may be another's twin.
    """
    boards = boards_of(run)
    choices = read(run, Selection).choices
    if not choices or frame.empty:
        return {FIXED: frame}
    fingerprints = {c.place: c.fingerprint for c in choices}
    contested = {(c.fingerprint, config) for c in choices for config in (c.fixed, *(x.config for x in c.candidates))}
    return {
        name: _board(frame, contested, {(fingerprints[place], config) for place, config in board.items()})
        for name, board in boards.items()
    }


def chosen_in(run: Run, contests: Iterable[Contest], seeds: list[int]) -> dict[Place, set[str]]:
    """Return the ids that a run has chosen, for the contests whose candidates and seeds are still the same."""
    found: dict[Place, set[str]] = {}
    by_place = {contest.place: contest for contest in contests}
    for choice in (*read(run, Selection).choices, *read(run, Oracle).choices):
        contest = by_place.get(choice.place)
        if contest is None or not choice.chosen or (choice.fingerprint, choice.seeds) != (contest.fingerprint, seeds):
            continue
        if [c.config for c in choice.candidates] == [pair.configuration.id for pair in contest.candidates]:
            found.setdefault(choice.place, set()).add(choice.chosen)
    return found


def _board(frame: pd.DataFrame, contested: set[Place], members: set[Place]) -> pd.DataFrame:
    """Return a frame without contested configurations, by fingerprint and id, that are not members."""
    ids = list(zip(frame["fingerprint"], frame["config"], strict=True))
    twins = list(zip(frame["fingerprint"], frame["twin"], strict=True))
    out = contested - members
    kept_twins = {twin for i, twin in zip(ids, twins, strict=True) if i not in out}
    lost_twins = {twin for i, twin in zip(ids, twins, strict=True) if i in out}
    out = (out | lost_twins) - members - kept_twins  # a twin may be another entry's candidate
    rows = zip(ids, frame["role"], strict=True)
    roles = ["asked" if i in members else "twin" if i in kept_twins else role for i, role in rows]
    return frame.assign(role=roles).loc[[i not in out for i in ids]].reset_index(drop=True)
