"""What is to be known of the data behind results: points without a class, the scaling, the address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.data.dataset import NO_CLASS
from bench.text import one_line

if TYPE_CHECKING:
    import pandas as pd

    from bench.records.results import CollectedRuns


def data_notes(results: CollectedRuns) -> dict[str, list[str]]:
    """Return sentences on each data set, by its name in the frame.

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
        notes.append(f"Scaling: {one_line(stored['scaling'], 500)}.")
    if "source" in stored:
        notes.append(f"Source: {one_line(stored['source'], 500)}.")
    return notes
