"""The numbers of a report as CSV files: one a section, one of all scores, one that says which runs there are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bench.report.document import Report

#: Of ``index.csv``.
INDEX_COLUMNS = ("key", "dataset", "method", "variant", "title", "config", "seed", "status", "error")


def as_csv(frame: pd.DataFrame) -> str:
    """Return a table as CSV: numbers to ten digits, lists joined by ";", TRUE and FALSE as R has them."""
    return _as_text(frame).to_csv(index=False, lineterminator="\n", float_format="%.10g")


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Write what is neither a number nor a word."""
    return pd.DataFrame({n: c.map(_text) if c.dtype in (object, bool) else c for n, c in frame.items()})


def _text(value: object) -> object:
    if isinstance(value, list | tuple | np.ndarray):
        return ";".join(map(str, value))
    return str(value).upper() if isinstance(value, bool | np.bool_) else value


def section_files(report: Report) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of the CSV file of each section: its rows on every board and data set."""
    names = dict.fromkeys((section.name, section.csv) for board in report.boards for section in board.sections)
    for name, file in names:
        if not file:
            continue
        parts = [
            part.rows.assign(board=board.name)
            for board in report.boards
            for section in board.sections
            if section.name == name
            for part in section.parts
        ]
        # Not concat of frames: it would warn about, and guess, the types of columns that are all empty.
        rows = pd.DataFrame([row for part in parts for row in part.to_dict("records")])
        first = [column for column in ("board", "dataset") if column in rows]
        yield file, as_csv(rows[[*first, *(column for column in rows if column not in first)]])


def scores_csv(frame: pd.DataFrame) -> str:
    """Return every score, one row a run; by Arrow, which writes ten million numbers in a tenth of pandas' time."""
    import pyarrow as pa
    from pyarrow.csv import write_csv

    shown = _as_text(frame.drop(columns=["run"], errors="ignore"))
    stream = pa.BufferOutputStream()
    write_csv(pa.Table.from_pandas(shown, preserve_index=False), stream)
    return stream.getvalue().to_pybytes().decode()


def index_csv(frame: pd.DataFrame) -> str:
    """Return one row a run: its key, which names its record and its outputs, and how it ended."""
    return as_csv(frame[[column for column in INDEX_COLUMNS if column in frame]])
