"""Files of tables, as data frames: text with separators, and parquet."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import itertools
import lzma
import re
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.data.readers import reading
from bench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def read_parquet(path: Path, ignore: Sequence[int | str] = (), labels: Collection[str] = ()) -> pd.DataFrame:
    """Read a parquet table, one value in each row and column; an index of pandas is dropped unless it holds labels.

    Parameters
    ----------
    path : Path
    ignore : sequence of int or str
        Columns, by position or name, that may hold anything.
    labels : collection of str
        Usual names of labels, in lower case.

    Raises
    ------
    InputError
        If a column holds lists, records, maps or bytes.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet

    schema = pa.parquet.read_schema(path)
    for position, field in enumerate(schema):
        kind = getattr(field.type, "storage_type", field.type)
        is_odd = pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
        if is_odd and not {field.name, position, position - len(schema)} & set(ignore):
            raise InputError(
                f"{path}: column {field.name!r} holds {kind} in each row, not a number or a word; spread it over one "
                "column a feature, or put it in ignore in a card's parameters"
            )
    frame = pd.read_parquet(path)
    named_so = [name for name in frame.index.names if str(name).lower() in labels]
    return frame.reset_index(named_so) if named_so else frame


#: Suffix of a compressed file → the function that opens it.
COMPRESSED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
#: Suffix of a file → its separator, unless one is given; in files with other suffixes the first line tells.
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_WHITE_SPACE = " "
_NAMES = {";": "semicolons", "\t": "tabs", ",": "commas", "|": "bars", _WHITE_SPACE: "spaces"}
#: Number of rows that are used to tell names from values.
_LOOKED_AT = 50


@dataclass(frozen=True)
class Layout:
    """How a text table is laid out.

    Attributes
    ----------
    separator : str
        One character; a space means any white space.
    skipped : int
        Lines before the first point.
    names : list of str or None
        Names of the columns; None where the first row is a point.
    n_columns : int
    row_names : bool
        Whether the first column, which has no name, names the rows, as R writes them.
    """

    separator: str
    skipped: int
    names: list[str] | None
    n_columns: int
    row_names: bool = False


def read_text_table(
    path: Path, *, header: Literal["first", "none"] | None, separator: str | None, missing: Sequence[str]
) -> tuple[pd.DataFrame, Layout]:
    """Read a text table, compressed or not.

    Parameters
    ----------
    path : Path
    header : {"first", "none"} or None
        Whether the first row names the columns; None: the rows decide.
    separator : str or None
        One character, or "tab"; None: by the suffix or, for .data, .dat and .txt, by the first line.
    missing : sequence of str
        Texts of a missing value.

    Returns
    -------
    frame : DataFrame
        Its columns are named, or numbered where the file has no names.
    layout : Layout

    Raises
    ------
    InputError
        If the file is damaged or empty, or does not tell whether its first row is a point.
    """
    import pandas as pd

    with reading(path, "save it again as a table in UTF-8, a row for each point"):
        text = _text(path)
        layout = _layout(path, text, header, _one_character(path, separator))
    with reading(path, "save it again with one row of as many values for each point"):
        frame = pd.read_csv(
            io.StringIO(text),
            header=None,
            names=range(layout.n_columns),
            skiprows=layout.skipped,
            sep=r"\s+" if layout.separator == _WHITE_SPACE else layout.separator,
            skipinitialspace=True,
            keep_default_na=False,
            na_values=["", *missing],
            low_memory=False,
            on_bad_lines="error",
        )
    if layout.names is not None:
        frame.columns = pd.Index(layout.names)
    return _without_trailing_separator(frame), layout


def _text(path: Path) -> str:
    opened = COMPRESSED.get(path.suffix.lower(), open)
    with opened(path, "rb") as file:
        content: bytes = file.read()
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
    return content.decode(encoding)


def _one_character(path: Path, separator: str | None) -> str | None:
    character = {"tab": "\t", "\\t": "\t", r"\s+": _WHITE_SPACE, "space": _WHITE_SPACE}.get(separator or "", separator)
    if character is not None and len(character) != 1:
        raise InputError(f"{path}: separator {separator!r} is not one character; write ; or , or tab or space")
    return character


def _layout(path: Path, text: str, header: str | None, separator: str | None) -> Layout:
    lines = re.split(r"\r\n|\r|\n", text)
    declared = re.fullmatch(r'"?sep=(.)"?\s*', lines[0])  # as Excel writes it
    comments = next(
        (i for i, line in enumerate(lines) if line.strip() and not line.startswith("#") and not (declared and i == 0)),
        len(lines),
    )
    separator = separator or (declared[1] if declared else None)
    if comments == len(lines):
        raise InputError(f"{path}: holds no values; give one row for each point")
    if any("\x00" in line for line in lines[:_LOOKED_AT]):
        raise InputError(f"{path}: is no text; name it by what it is, such as .npy or .mat")
    rest = [line for line in lines[comments : comments + 4 * _LOOKED_AT] if line.strip()][:_LOOKED_AT]
    suffix = next((s.lower() for s in reversed(path.suffixes) if s.lower() not in COMPRESSED), "")
    separator = separator or _SEPARATORS.get(suffix) or _separator_of(path, rest[0])
    rows = _split(rest, separator)
    _refuse_other_separator(path, rows, separator)
    first, others = rows[0], rows[1:]
    ragged = next((i for i, row in enumerate(others) if len(row) != len(others[0])), None)
    if ragged is not None:
        raise InputError(
            f"{path}: row {ragged + 1} has {len(others[ragged])} values where row 1 has {len(others[0])} (the first "
            f"row is 0) if separated by {_NAMES.get(separator, separator)}; give each row as many, or say --separator"
        )
    width = max((len(row) for row in others), default=len(first))
    if header == "none":
        return Layout(separator, comments, None, max(width, len(first)))
    above = _split([lines[comments - 1].lstrip("# ")], separator)[0] if comments and header is None else []
    over_numbers = [name for name, field in zip(above, first, strict=False) if _is_number(field)]
    if len(above) == width and over_numbers and not any(map(_is_number, above)):
        return Layout(separator, comments, _unique(path, above), width)  # numpy.savetxt comments its header out
    if header is None and not _is_header(path, first, others):
        return Layout(separator, comments, None, max(width, len(first)))
    widths = f"{path}: its header names {len(first)} columns and its rows have {width} values"
    if len(first) > width:
        raise InputError(f"{widths}; mend the header")
    if len(first) == width - 1:
        if not are_row_names([row[0] for row in others]):
            raise InputError(f"{widths}; give each column a name, or end no row with a separator")
        return Layout(separator, comments + 1, _unique(path, ["", *first]), width, row_names=True)
    if len(first) < width:
        warnings.warn(f"{widths}: those without a name are features too", RuntimeWarning, stacklevel=2)
    return Layout(separator, comments + 1, _unique(path, [*first, *map(str, range(len(first), width))]), width)


def are_row_names(fields: list[str]) -> bool:
    """Return whether a first column may hold names of rows, as R writes them: distinct words, or 1, 2, 3, ..."""
    if len(set(fields)) < len(fields):
        return False
    return fields == [str(i) for i in range(1, len(fields) + 1)] or not any(map(_is_number, fields))


def _separator_of(path: Path, line: str) -> str:
    """Return the separator of a line: a comma, a tab, or any white space."""
    for separator in (",", "\t"):
        if separator in line:
            return separator
    if ";" in line:
        raise InputError(f"{path}: are its values separated by semicolons? {_mend(';')}")
    return _WHITE_SPACE


def _split(lines: list[str], separator: str) -> list[list[str]]:
    if separator == _WHITE_SPACE:
        lines = [" ".join(line.split()) for line in lines]
    return [[field.strip() for field in row] for row in csv.reader(lines, delimiter=separator, skipinitialspace=True)]


def _refuse_other_separator(path: Path, rows: list[list[str]], separator: str) -> None:
    """Refuse rows of one value that hold another separator, the same number of times in each."""
    if any(len(row) != 1 for row in rows):
        return
    for other, name in _NAMES.items():
        counts = {len(row[0].split()) - 1 if other == _WHITE_SPACE else row[0].count(other) for row in rows}
        if other != separator and len(counts) == 1 and counts != {0}:
            here = _NAMES.get(separator, repr(separator))
            raise InputError(
                f"{path}: holds one column, if separated by {here}, named {rows[0][0]!r}: are its values separated by "
                f"{name}? {_mend(other)}"
            )


def _mend(separator: str) -> str:
    word = {"\t": "tab", _WHITE_SPACE: "space"}.get(separator, separator)
    return f"say --separator {word if word.isalpha() else repr(word)} (parameters.separator in a card)"


def _is_header(path: Path, first: list[str], others: list[list[str]]) -> bool:
    """Return whether the first row names the columns; raise `InputError` where that is open.

    The columns of numbers decide: above them, a name is not a number.
    """
    below = [[row[i] for row in others if i < len(row)] for i in range(len(first))]
    numeric = [i for i, column in enumerate(below) if column and all(map(_may_be_a_value, column))]
    numbers = [i for i in numeric if _is_number(first[i])]
    names = [i for i in numeric if not _may_be_a_value(first[i])]
    if not others or not numeric:
        return not all(map(_is_number, first))
    if not numbers:
        return True
    shown = ", ".join(first[:4]) + (", ..." if len(first) > 4 else "")
    if names or _counts(first, below):
        what = "some of them numbers" if names else "a steady count"
        raise InputError(
            f'{path}: are these the names of the columns or a point: {shown} ({what})? Say header = "first" for names '
            'or header = "none" for a point, in a card\'s parameters, or --header first, --header none'
        )
    return False


def _counts(first: list[str], below: list[list[str]]) -> bool:
    """Return whether a row of numbers may be names: 0, 1, 2, ..., or in equal steps, such as years, as no row below."""
    if not all(map(_is_number, first)):
        return False
    if len(first) > 2 and first in ([str(i + start) for i in range(len(first))] for start in (0, 1)):
        return True
    others = zip(*below, strict=False)
    return len(first) > 2 and _is_steady(first) and not any(_is_steady(list(row)) for row in others)


def _is_steady(row: list[str]) -> bool:
    if not all(map(_is_number, row)):
        return False
    values = [float(field) for field in row]
    steps = [b - a for a, b in itertools.pairwise(values)]
    return steps[0] > 0 and max(steps) - min(steps) <= 1e-9 * max(map(abs, values))


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return "_" not in field  # Python's own spelling of large numbers


def _may_be_a_value(field: str) -> bool:
    """Return whether a field is a number or stands for a missing one."""
    return field in ("", "?", "NA", "na", "N/A", "-", ".", "null", "NULL", "None") or _is_number(field)


def _unique(path: Path, names: list[str]) -> list[str]:
    named = [name for name in names if name]
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: two columns are named {twice!r}; give each a name of its own")
    return names


def _without_trailing_separator(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out a last column that has neither a name nor a value: each line ends with a separator."""
    last = frame.columns[-1]
    if frame.shape[1] > 1 and (last == "" or isinstance(last, int)) and frame.iloc[:, -1].isna().all():
        return frame.iloc[:, :-1]
    return frame
