"""``selection.json`` and ``oracle.json``: what a run has chosen, by what, from what, and on which boards it stands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.errors import InputError
from bench.plan.plan import Place, Plan, PlannedEntry
from bench.records.store import Run

if TYPE_CHECKING:
    from bench.records.results import CollectedRuns

#: The boards of a report.
FIXED, LABEL_FREE, ORACLE = "fixed", "label-free", "oracle"


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
    """A candidate with the values of the label-free rule; see :class:`bench.selection.rule.RuleVerdict`."""

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


_File = TypeVar("_File", Selection, Oracle)
_Choice = TypeVar("_Choice", LabelFreeChoice, OracleChoice)


def read_choices(run: Run, kind: type[_File]) -> _File:
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


def choices_of(results: CollectedRuns) -> dict[str, list[AnyChoice]]:
    """Return the choices by board that the suites ask for now, where there was something to choose between."""
    by_board: dict[str, list[AnyChoice]] = {LABEL_FREE: [], ORACLE: []}
    for run, suite in zip(results.runs, results.suites, strict=True):
        for board, choices in (
            (LABEL_FREE, read_choices(run, Selection).choices),
            (ORACLE, read_choices(run, Oracle).choices),
        ):
            asked = (c for c in choices if c.entry in suite.methods and c.seeds == suite.selection_seeds)
            by_board[board] += [choice for choice in asked if choice.candidates]
    return {board: choices for board, choices in by_board.items() if choices}


def write_choices(run: Run, file: Selection | Oracle) -> None:
    """Store a run's choices."""
    content = json.loads(json.dumps(file.model_dump(), default=repr))
    run.update_file(file.name, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def merge_choices(before: list[_Choice], now: list[_Choice]) -> list[_Choice]:
    """Return choices in order of data set and entry; new ones replace old ones of the same place."""
    by_place = {choice.place: choice for choice in before + now}
    return [by_place[place] for place in sorted(by_place)]


def describe_choice(choice: AnyChoice) -> str:
    """Return a choice in one line."""
    kind = "oracle" if isinstance(choice, OracleChoice) else "label-free"
    opening = f"{kind} choice for {choice.title} on {choice.dataset}: "
    winner = next((c for c in choice.candidates if c.config == choice.chosen), None)
    if winner is None:
        return f"{opening}none: {choice.reason}"
    named = " ".join(f"{name}={value}" for name, value in winner.parameters.items())
    if isinstance(winner, ScoredCandidate):
        why = f"{choice.metric} {_short(winner.score)}" if isinstance(choice, OracleChoice) else ""
    else:
        why = f"prediction strength {_short(winner.prediction_strength)}, ARI {_short(winner.stability)}"
    out = sum(bool(c.out) for c in choice.candidates)
    return f"{opening}{named} ({why}; {out} of {len(choice.candidates)} candidates excluded)"


def _short(value: float | None) -> str:
    if value is None:
        return "unknown"
    text = f"{value:.2f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def chosen_in(run: Run, plan: Plan) -> dict[str, dict[Place, str]]:
    """Return the choices that a folder holds, as far as they answer what the plan asks now.

    A choice among other candidates, or on other seeds, does not count.

    Returns
    -------
    dict of str to dict
        For `LABEL_FREE` and `ORACLE`, the chosen ``config`` by data set and entry. Empty where the plan chooses
        nothing.
    """
    if not plan.chooses:
        return {}
    by_place = {entry.place: entry for entry in plan.entries}
    files: Mapping[str, Iterable[LabelFreeChoice | OracleChoice]] = {
        LABEL_FREE: read_choices(run, Selection).choices,
        ORACLE: read_choices(run, Oracle).choices,
    }
    seeds = plan.suite.selection_seeds
    return {
        board: {c.place: c.chosen for c in choices if c.chosen and _answers(c, by_place.get(c.place), seeds)}
        for board, choices in files.items()
    }


def boards_by_configuration(plan: Plan, chosen: Mapping[str, Mapping[Place, str]]) -> dict[tuple[str, str], list[str]]:
    """Return the boards on which each configuration stands, by fingerprint of the data and ``config``.

    `FIXED` holds the presets and is the headline; `LABEL_FREE` and `ORACLE` hold what was chosen. An entry with one
    configuration has it on all three; one for which nothing could be chosen is missing on the latter two. Empty where
    the plan chooses nothing: then every configuration that was asked for stands on `FIXED`.

    Parameters
    ----------
    plan : Plan
    chosen : mapping of str to mapping
        As `chosen_in` returns it.
    """
    boards: dict[tuple[str, str], list[str]] = {}
    for entry in plan.entries if plan.chooses else ():
        fixed = entry.fixed.configuration.config
        choices = {board: configs[entry.place] for board, configs in chosen.items() if entry.place in configs}
        standing = {FIXED: fixed, **choices}
        if not entry.candidates:
            standing = dict.fromkeys((FIXED, LABEL_FREE, ORACLE), fixed)
        for board, config in standing.items():
            boards.setdefault((entry.fingerprint, config), []).append(board)
    return boards


def _answers(choice: LabelFreeChoice | OracleChoice, entry: PlannedEntry | None, seeds: list[int] | None) -> bool:
    if entry is None or (choice.fingerprint, choice.seeds) != (entry.fingerprint, seeds):
        return False
    return [c.config for c in choice.candidates] == [pair.configuration.config for pair in entry.candidates]
