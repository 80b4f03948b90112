"""The numbers of a report as CSV files: one a section, one of all scores, one that says which runs there are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bench.report.document import Report, Table
from bench.report.values import Amount, Count, Interval, Number, P, Value

#: Of ``index.csv``.
INDEX_COLUMNS = ("key", "dataset", "method", "variant", "title", "config", "seed", "status", "error")


def csv_text(frame: pd.DataFrame, float_format: str | None = "%.10g") -> str:
    """Return a table as CSV: numbers to ten digits, lists joined by ";", TRUE and FALSE as R has them.

    Parameters
    ----------
    frame : DataFrame
    float_format : str, optional
        None writes every digit, which takes a tenth of the time.
    """
    return _plain(frame).to_csv(index=False, lineterminator="\n", float_format=float_format)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of numbers and text."""
    mixed = [
        name
        for name, column in frame.items()
        if column.dtype in (object, bool) and pd.api.types.infer_dtype(column) not in ("string", "empty")
    ]
    return frame.assign(**{str(name): frame[name].map(_text) for name in mixed})


def _text(value: object) -> object:
    if isinstance(value, list | tuple | np.ndarray):
        return ";".join(map(str, value))
    return str(value).upper() if isinstance(value, bool | np.bool_) else value


def table_csv(table: Table) -> str:
    """Return a table as it is shown as CSV: a number a field, so that ``ACC ± sd`` are two and an interval is three."""
    columns = []
    for i, column in enumerate(table.columns):
        cells = [_fields(row[i]) for row in table.rows]
        parts = list(dict.fromkeys(part for cell in cells for part in cell)) or [""]
        name = column.heading.split(" ±")[0].split(" [")[0] if len(parts) > 1 else column.heading
        columns += [
            pd.Series([c.get(part) for c in cells], name=f"{name} {part}".rstrip(), dtype=object) for part in parts
        ]
    return pd.concat(columns, axis=1).to_csv(index=False, lineterminator="\n") if columns else ""


def _fields(value: Value) -> dict[str, object]:
    """Return what a cell holds, by the ending of its column."""
    match value:
        case Number():
            fields = {"": value.value, "sd": value.sd} if np.isfinite(value.sd) else {"": value.value}
        case Interval():
            fields = {"": value.value, "low": value.low, "high": value.high}
            fields = fields if np.isfinite(value.low) else {"": value.value}
        case Count() | P() | Amount():
            fields = {"": value.value}
        case _:
            return {} if value.key is None else {"": value.text}
    return {part: f"{number:.10g}" for part, number in fields.items() if np.isfinite(number)}


def section_names(report: Report) -> dict[str, str]:
    """Return of each CSV file, by its name, the section that it holds."""
    return {section.csv: section.name for board in report.boards for section in board.sections if section.csv}


def section_files(report: Report) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of the CSV file of each section: its rows on every board and data set."""
    for file, name in section_names(report).items():
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
        yield file, csv_text(rows[[*first, *(column for column in rows if column not in first)]])


def scores_csv(frame: pd.DataFrame) -> str:
    """Return every score, one row a run, with every digit; by Arrow, which takes a tenth of pandas' time."""
    import pyarrow as pa
    from pyarrow.csv import write_csv

    stream = pa.BufferOutputStream()
    written = _plain(frame.drop(columns=["run"], errors="ignore"))
    write_csv(pa.Table.from_pandas(written, preserve_index=False), stream)
    return stream.getvalue().to_pybytes().decode()


def index_csv(frame: pd.DataFrame) -> str:
    """Return one row a run: its key, which names its record and its outputs, and how it ended."""
    return csv_text(frame[[column for column in INDEX_COLUMNS if column in frame]])
