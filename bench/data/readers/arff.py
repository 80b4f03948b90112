"""Reader of Weka's ARFF files: tables, one row a point, with names and types of the attributes in a header."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from bench.data.readers import Raw, Request, reading
from bench.data.readers.tables import raw_of_frame
from bench.errors import InputError

if TYPE_CHECKING:
    from scipy.io.arff import MetaData

_MEND = "save it again as ARFF with numeric and nominal attributes, in UTF-8, or as .csv"

# An ARFF header declares types, so these names are taken for labels without asking, unlike in other tables.
_LABELS = frozenset(("class", "label", "target"))


def load(request: Request, *, label: int | str | None = None, ignore: tuple[int | str, ...] = ()) -> Raw:
    """Read numeric attributes, and labels where there are any, from an ARFF file.

    Parameters
    ----------
    request : Request
    label, ignore
        As for `bench.data.readers.tables.load`; without `label` the attribute called class, label or target holds the
        labels.

    Returns
    -------
    Raw
        float64 points of shape (n, n_attributes); labels are words where their attribute is nominal.

    Raises
    ------
    InputError
        If the file is damaged or sparse, an attribute of the points is not numeric, or a value is missing.
    """
    import pandas as pd

    path = request.path
    with reading(path, _MEND):
        meta, rows = _parsed(path)
    names = meta.names()
    frame = pd.DataFrame(
        {
            name: _column(path, meta, name, list(values))
            for name, values in zip(names, zip(*rows, strict=True), strict=True)
        }
    )
    return raw_of_frame(frame, str(path), label=_label(path, names) if label is None else label, ignore=ignore)


def _parsed(path: Path) -> tuple[MetaData, list[list[str]]]:
    """Read the header with SciPy but not the rows: SciPy ignores surplus values in a row."""
    from scipy.io.arff import loadarff

    lines = path.read_text(encoding="utf-8-sig").splitlines()
    start = next((i for i, line in enumerate(lines) if line.strip().lower() == "@data"), None)
    if start is None:
        raise InputError(f"{path}: has no line @data; {_MEND}")
    _, meta = loadarff(io.StringIO("".join(f"{line.strip()}\n" for line in lines[: start + 1])))
    rows = []
    for number, line in enumerate(lines[start + 1 :], start + 2):
        text = line.strip()
        if not text or text.startswith("%"):
            continue
        if text.startswith("{"):
            raise InputError(
                f"{path}: line {number} is sparse, which is not read; save it dense (Weka: SparseToNonSparse)"
            )
        quote = "'" if "'" in text else '"'
        row = next(csv.reader([text], quotechar=quote, skipinitialspace=True, escapechar="\\", strict=True))
        if len(row) != len(meta.names()):
            raise InputError(
                f"{path}: line {number} has {len(row)} values where the header has {len(meta.names())} attributes; "
                "mend the line"
            )
        rows.append([value.strip() for value in row])
    if not rows:
        raise InputError(f"{path}: holds no values; give one row for each point below @data")
    return meta, rows


def _label(path: Path, names: list[str]) -> str | None:
    matches = [name for name in names if name.lower() in _LABELS]
    if len(matches) > 1:
        raise InputError(
            f"{path}: attributes {' and '.join(matches)} could be the labels; name one, as --label {matches[0]}"
        )
    return matches[0] if matches else None


def _column(path: Path, meta: MetaData, name: str, values: list[str]) -> list[str] | list[float]:
    """Check the values of one attribute, and make numbers of a numeric one's."""
    kind, allowed = meta[name]
    if "?" in values:
        row = values.index("?")
        raise InputError(
            f"{path}: attribute {name!r} lacks a value (?) in row {row} (counted from 0); fill or remove it"
        )
    if kind == "numeric":
        numbers: list[float] = []
        for row, value in enumerate(values):
            try:
                numbers.append(float(value))
            except ValueError:
                raise InputError(
                    f"{path}: attribute {name!r} is {value!r} in row {row}, not a number; mend it"
                ) from None
        return numbers
    strange = set(values).difference(allowed or ()) if kind == "nominal" else set()
    if strange:
        value = min(strange)
        raise InputError(
            f"{path}: attribute {name!r} is {value!r} in row {values.index(value)}, which is none of the values in "
            "its header; mend the row or the header"
        )
    return values
