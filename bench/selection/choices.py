"""``selection.json`` and ``oracle.json``: what a run has chosen, by what, from what, and on which boards it stands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.errors import InputError
from bench.plan.candidates import Contest, Place
from bench.records.store import Run


class Candidate(BaseModel):
    """A configuration that could be chosen.

    Attributes
    ----------
    config, variant : str
        As in the records.
    parameters : dict
        Those in which the candidates differ.
    out : list of str
        Why it cannot be chosen.
    """

    model_config = ConfigDict(extra="forbid")

    config: str
    variant: str
    parameters: dict[str, Any]
    out: list[str] = []


class JudgedCandidate(Candidate):
    """A candidate with what the label-free rule found; :class:`bench.selection.rule.Verdict` says what it means."""

    prediction_strength: float | None = None
    stability: float | None = None
    rank_sum: float | None = None
    tie_break: float | None = None
    rank: int | None = None


class ScoredCandidate(Candidate):
    """A candidate with the mean of the primary metric over its selection runs, on the held-out points."""

    score: float | None = None


class Choice(BaseModel):
    """What was chosen for an entry of the suite on a data set.

    Attributes
    ----------
    dataset, fingerprint, entry, title : str
    seeds : list of int
        The selection seeds.
    candidates : list of Candidate
        In the order of the plan.
    chosen : str or None
        Id of a configuration.
    reason : str or None
        Why none was.
    """

    model_config = ConfigDict(extra="forbid")

    dataset: str
    fingerprint: str
    entry: str
    title: str
    seeds: list[int]
    candidates: Sequence[Candidate]
    chosen: str | None = None
    reason: str | None = None

    @property
    def place(self) -> Place:
        """Data set and entry."""
        return self.dataset, self.entry


class LabelFreeChoice(Choice):
    """A choice made without labels.

    Attributes
    ----------
    fixed : str
        Id of the configuration of the preset.
    candidates : list of JudgedCandidate
        None where the entry has one configuration, which is then ``fixed``.
    """

    fixed: str
    candidates: list[JudgedCandidate]


class OracleChoice(Choice):
    """A choice made by the labels; only of what there was to choose between.

    Attributes
    ----------
    metric : str
        The primary metric.
    """

    metric: str
    candidates: list[ScoredCandidate]


AnyChoice = LabelFreeChoice | OracleChoice


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: ClassVar[str]


class Selection(_Stored):
    """The label-free choices of a run."""

    name = "selection.json"
    choices: list[LabelFreeChoice] = []


class Oracle(_Stored):
    """The oracle's choices of a run: an upper bound."""

    name = "oracle.json"
    choices: list[OracleChoice] = []


File = TypeVar("File", Selection, Oracle)
AChoice = TypeVar("AChoice", LabelFreeChoice, OracleChoice)


def read(run: Run, kind: type[File]) -> File:
    """Read a run's choices; there are none where the file is not there.

    Raises
    ------
    InputError
        If the file cannot be read or is not valid; it is named.
    """
    path = run.folder / kind.name
    if not path.is_file():
        return kind()
    mend = "delete it and run the same command again, which chooses from the records"
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {key + ': ' if key else ''}{first['msg']}; {mend}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error}); {mend}") from error


def write(run: Run, file: Selection | Oracle) -> None:
    """Write a run's choices; equal ones are the same bytes, and then the file is left alone."""
    content = json.loads(json.dumps(file.model_dump(), default=repr))
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    path = run.folder / file.name
    if not path.is_file() or path.read_text() != text:
        run.write_file(file.name, text)


def merged(before: list[AChoice], now: list[AChoice]) -> list[AChoice]:
    """Return choices by data set and entry, the new in place of the old: a run can be extended by part of a suite."""
    by_place = {choice.place: choice for choice in before + now}
    return [by_place[place] for place in sorted(by_place)]


def sentence(choice: AnyChoice) -> str:
    """Return a choice in a line."""
    oracle = isinstance(choice, OracleChoice)
    opening = f"{'oracle' if oracle else 'label-free'} choice for {choice.title} on {choice.dataset}: "
    winner = next((c for c in choice.candidates if c.config == choice.chosen), None)
    if winner is None:
        return f"{opening}none, {choice.reason}"
    named = " ".join(f"{name}={value}" for name, value in winner.parameters.items())
    if isinstance(winner, ScoredCandidate):
        why = f"{choice.metric} {_short(winner.score)}" if isinstance(choice, OracleChoice) else ""
    else:
        why = f"prediction strength {_short(winner.prediction_strength)}, ARI {_short(winner.stability)}"
    out = sum(bool(c.out) for c in choice.candidates)
    return f"{opening}{named} ({why}; {out} of {len(choice.candidates)} candidates {'out' if oracle else 'gated out'})"


def _short(value: float | None) -> str:
    if value is None:
        return "unknown"
    text = f"{value:.2f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


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
