"""Puts a report together: the runs of each board, and what every section says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import count

import pandas as pd

from bench.metrics import find_ranking_metric
from bench.records.results import CollectedRuns
from bench.report.between_runs import agreements_of, disagreement_columns, stability_of
from bench.report.board import HEADLINE, TITLES, BoardRuns, without_runs
from bench.report.data_notes import data_notes
from bench.report.document import Board, Report
from bench.report.published import values_against
from bench.report.runs_frame import check_columns
from bench.report.section import Drawn, all_sections, built_in_sections, content_of, installed_sections
from bench.selection.choices import choices_of
from bench.text import counted

QUESTION = "Does stochasticity help?"


def with_between_runs(results: CollectedRuns) -> CollectedRuns:
    """Return results with what compares runs with each other: agreements, and the columns of stability and votes.

    Raises
    ------
    InputError
        If the frame lacks a column.
    """
    check_columns(results.frame)
    results = replace(results, agreements=agreements_of(results), notes=[*results.notes, *_without_outputs(results)])
    between = {str(name): column for name, column in disagreement_columns(results).items()}
    return replace(results, frame=results.frame.assign(stability=stability_of(results), **between))


def _without_outputs(results: CollectedRuns) -> list[str]:
    n = int((results.frame["status"] == "ok").sum() - (results.with_outputs["status"] == "ok").sum())
    what = "stability, disagreement and pictures leave them out"
    return [f"{counted(n, 'finished run')} without raw outputs: {what}."] if n else []


def boards_of(results: CollectedRuns, against: str | None = None) -> list[BoardRuns]:
    """Return the runs of each board that there is, the headline first.

    Parameters
    ----------
    results : CollectedRuns
        As `with_between_runs` returns them.
    against : str, optional
        Name of values to show beside ours.

    Raises
    ------
    InputError
        If methods cannot be ranked by the primary metric, or no values have that name.
    """
    metric, published = find_ranking_metric(results.primary_metric), values_against(against)
    frames, choices = _board_frames(results), choices_of(results)
    about = data_notes(results)
    boards = []
    for name in TITLES:
        frame, made = frames.get(name, pd.DataFrame()), choices.get(name, ())
        if not frame.empty:
            boards.append(BoardRuns(name, frame, metric, results, made, results.agreements, about, published))
        elif made:
            boards.append(without_runs(name, metric, results, made))
    return boards


def report_of(
    results: CollectedRuns, boards: Sequence[BoardRuns], *, draw: bool = True, drawn: Drawn | None = None
) -> Report:
    """Return the whole report of some results.

    Parameters
    ----------
    results : CollectedRuns
    boards : sequence of BoardRuns
        The headline first; at least one.
    draw : bool
        Whether to draw the figures.
    drawn : callable, optional
        Called after each figure.
    """
    faults = [f"Left out: {fault}." for fault in installed_sections()[1]]
    written = []
    names: set[str] = set()
    sections = {board: [s for s in all_sections() if board is boards[0] or s.every_board] for board in boards}
    n_sections, done = sum(map(len, sections.values())), count()
    for board in boards:
        contents = []
        for section in sections[board]:
            of_section = partial(drawn, section.title, next(done) / n_sections) if drawn else None
            content = content_of(section, board, faults, draw=draw, drawn=of_section)
            own = {figure.name for part in content.parts for figure in part.figures} if content else set()
            if own & names and section not in built_in_sections():
                faults.append(f"Left out: section {section.name}: another figure is named {min(own & names)}.")
            elif content is not None:
                contents.append(content)
                names |= own
        written.append(Board(board.name, board.title, board.note, tuple(contents)))
    return Report(
        title=QUESTION,
        subtitle=" + ".join(dict.fromkeys(suite.title or suite.name for suite in results.suites)),
        boards=tuple(written),
        notes=tuple(dict.fromkeys((*results.notes, *faults))),
    )


def _board_frames(results: CollectedRuns) -> dict[str, pd.DataFrame]:
    """Return the runs of each board: those that stand there by plan, and their counterparts.

    A run that chose nothing is on the fixed one with all that its folder holds. Of one that chose, what earlier
    commands left is on none: it may have been chosen by labels.
    """
    frame = results.frame
    plans = [run.plan() for run in results.runs]
    chose = [suite.selection_seeds is not None for suite in results.suites]
    if not any(chose):
        return {HEADLINE: frame}
    places = list(zip(frame["fingerprint"], frame["config"], strict=True))
    members: dict[str, set[tuple[str, str]]] = {HEADLINE: set()}
    for plan in plans:
        for planned in plan:
            for board in planned.boards:
                members.setdefault(board, set()).add((planned.fingerprint, planned.config))
    asked = (frame["role"] == "asked") & ~frame["run"].map(dict(enumerate(chose)))
    members[HEADLINE] |= {place for place, stands in zip(places, asked, strict=True) if stands}
    links = {name: dict(zip(places, frame[name], strict=True)) for name in ("twin", "prior_only", "noise_only")}
    frames = {}
    for board, standing in members.items():
        role_of = {
            (place[0], link.get(place)): "twin" if name == "twin" else "ablation"
            for name, link in reversed(links.items())
            for place in standing
        }
        roles = ["asked" if p in standing else role_of.get(p, "") for p in places]
        frames[board] = frame.assign(role=roles).loc[[role != "" for role in roles]].reset_index(drop=True)
    return frames
