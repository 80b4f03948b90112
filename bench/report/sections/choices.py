"""How configurations were chosen, and notes on the data."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.data.dataset import NO_CLASS
from bench.records.results import CollectedRuns
from bench.selection.choices import (
    LABEL_FREE,
    ORACLE,
    AnyChoice,
    Oracle,
    Selection,
    read_choices,
)
from bench.text import one_line


def data_notes(results: CollectedRuns) -> dict[str, list[str]]:
    """Return sentences on each data set, by its name in the frame: points without a class, the scaling, the address.

    A data set of which nothing was kept has no sentences.
    """
    return {str(dataset): _notes(results, frame) for dataset, frame in results.frame.groupby("dataset")}


def _notes(results: CollectedRuns, frame: pd.DataFrame) -> list[str]:
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
