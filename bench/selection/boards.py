"""Which configuration stands for which entry on each board."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bench.selection.contest import Contest, Place
from bench.selection.stored import LabelFreeChoice, Oracle, OracleChoice, Selection, read
from bench.store import Run

FIXED, LABEL_FREE, ORACLE = "fixed", "label-free", "oracle"

#: For each data set and entry of a suite, the id of the configuration that was chosen.
Chosen = dict[Place, str]


def chosen_in(run: Run, contests: Iterable[Contest], seeds: list[int]) -> dict[str, Chosen]:
    """Return what a run has chosen without labels and by them, for the contests that are still the same.

    Parameters
    ----------
    contests : iterable of Contest
        As the suite asks for them now; a choice among other candidates, or on other seeds, is none of theirs.
    seeds : list of int
        The selection seeds.

    Returns
    -------
    dict of str to dict
        For "label-free" and "oracle", the ids by data set and entry.
    """
    by_place = {contest.place: contest for contest in contests}
    files: Mapping[str, Iterable[LabelFreeChoice | OracleChoice]] = {
        LABEL_FREE: read(run, Selection).choices,
        ORACLE: read(run, Oracle).choices,
    }
    return {
        board: {c.place: c.chosen for c in choices if c.chosen and _is_of(c, by_place.get(c.place), seeds)}
        for board, choices in files.items()
    }


def boards_of(contests: Iterable[Contest], chosen: Mapping[str, Chosen]) -> dict[tuple[str, str], list[str]]:
    """Return the boards that each configuration stands on, by fingerprint of the data and id.

    "fixed" holds the presets and is the headline; "label-free" and "oracle" hold what was chosen. An entry with one
    configuration has it on all three, and one for which nothing could be chosen is missing there.
    """
    boards: dict[tuple[str, str], list[str]] = {}
    for contest in contests:
        fixed = contest.fixed.configuration.id
        made = {board: ids[contest.place] for board, ids in chosen.items() if contest.place in ids}
        found = {FIXED: fixed, **made}
        if not contest.candidates:
            found = dict.fromkeys((FIXED, LABEL_FREE, ORACLE), fixed)
        for board, config in found.items():
            boards.setdefault((contest.fingerprint, config), []).append(board)
    return boards


def _is_of(choice: LabelFreeChoice | OracleChoice, contest: Contest | None, seeds: list[int]) -> bool:
    if contest is None or (choice.fingerprint, choice.seeds) != (contest.fingerprint, seeds):
        return False
    return [c.config for c in choice.candidates] == [pair.configuration.id for pair in contest.candidates]
