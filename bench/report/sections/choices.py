"""How configurations were chosen, and notes on the data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bench.data.dataset import NO_CLASS
from bench.records.results import Results
from bench.report.document import Entry, Escape, Section, TextTable, make_table, word_entry
from bench.report.numbers import ABSENT
from bench.selection.choices import (
    LABEL_FREE,
    ORACLE,
    AnyChoice,
    JudgedCandidate,
    Oracle,
    OracleChoice,
    ScoredCandidate,
    Selection,
    describe_choice,
    read_choices,
)
from bench.text import clean_name, one_line


def data_notes(results: Results) -> dict[str, list[str]]:
    """Return sentences on each data set, by its name in the frame: points without a class, the scaling, the address.

    A data set of which nothing was kept has no sentences.
    """
    return {str(dataset): _notes(results, frame) for dataset, frame in results.frame.groupby("dataset")}


def _notes(results: Results, frame: pd.DataFrame) -> list[str]:
    notes = []
    kept = (results.runs[run].dataset(str(frame["fingerprint"].iloc[0])) for run in frame["run"].unique())
    stored: dict[str, np.ndarray] = next(filter(None, kept), {})
    classes = stored.get("classes", np.empty(0))
    without = int((classes == NO_CLASS).sum())
    if without:
        have, left_out = ("have", "they are") if without > 1 else ("has", "it is")
        notes.append(
            f"{without:,} of {len(classes):,} points {have} no class; {left_out} left out of metrics against classes."
        )
    if "scaling" in stored:
        notes.append(f"Values: {one_line(stored['scaling'], 500)}.")
    if "source" in stored:
        notes.append(f"Source: {one_line(stored['source'], 500)}.")
    return notes


_CHOICES = "Choices"


def choices_of(results: Results) -> dict[str, list[AnyChoice]]:
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


def choices_section(choices: Sequence[AnyChoice], escape: Escape) -> Section:
    """Return the section on what was chosen for each entry, and why.

    Parameters
    ----------
    choices : sequence of Choice
    escape : callable
        Rewrites every name that comes from data or plugins.
    """

    def safe(text: str) -> str:  # reasons are the words of plugins
        return escape(clean_name(text))

    sentences = tuple(safe(describe_choice(choice)) + "." for choice in choices)
    seeds = sorted({seed for choice in choices for seed in choice.seeds})
    notes = (
        f"Chosen on the seeds {', '.join(map(str, seeds))}, which no board reports. The points are the same: a fifth "
        "of them was held out of the fits that were chosen by, not of those that are reported.",
    )
    return Section(_CHOICES, sentences, tuple(_candidates(choice, safe) for choice in choices), notes)


def _candidates(choice: AnyChoice, escape: Escape) -> TextTable:
    numbers = ("score",) if isinstance(choice, OracleChoice) else ("strength", "ARI", "place")
    header = ["parameters", *numbers, "chosen", "out because"]
    rows = []
    for c in choice.candidates:
        named = escape(" ".join(f"{name}={value}" for name, value in c.parameters.items()))
        mark = "chosen" if c.config == choice.chosen else ""
        rows.append((word_entry(named), *_numbers(c), word_entry(mark), word_entry(escape("; ".join(c.out)))))
    title = f"Candidates for {escape(choice.title)} on {escape(choice.dataset)}"
    return make_table(title, header, rows, cite=False)


def _numbers(candidate: JudgedCandidate | ScoredCandidate) -> list[Entry]:
    values: list[float | None]
    if isinstance(candidate, ScoredCandidate):
        values, formats = [candidate.score], [".3f"]
    else:
        values = [candidate.prediction_strength, candidate.stability, candidate.rank]
        formats = [".3f", ".3f", ".0f"]
    return [(ABSENT if v is None else f"{v:{form}}", v) for v, form in zip(values, formats, strict=True)]
