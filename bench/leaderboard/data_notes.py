"""What a reader of scores must know of the data, from what runs kept of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.dataset import NO_CLASS
from bench.results import Results
from bench.text import one_line


def data_notes(results: Results) -> dict[str, list[str]]:
    """Return sentences on each data set, by its name in the frame: points without a class, the scaling, the address.

    A data set of which nothing was kept has no sentences.
    """
    return {str(dataset): _notes(results, cells) for dataset, cells in results.frame.groupby("dataset")}


def _notes(results: Results, cells: pd.DataFrame) -> list[str]:
    notes = []
    kept = (results.runs[run].dataset(str(cells["fingerprint"].iloc[0])) for run in cells["run"].unique())
    found: dict[str, np.ndarray] = next(filter(None, kept), {})
    classes = found.get("classes", np.empty(0))
    without = int((classes == NO_CLASS).sum())
    if without:
        have, left_out = ("have", "they are") if without > 1 else ("has", "it is")
        notes.append(
            f"{without:,} of {len(classes):,} points {have} no class; {left_out} left out of metrics against classes."
        )
    if "scaling" in found:
        notes.append(f"Values: {one_line(found['scaling'], 500)}.")
    if "source" in found:
        notes.append(f"Source: {one_line(found['source'], 500)}.")
    return notes
