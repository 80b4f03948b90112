"""Parquet, as pandas and others write it: flat columns, and nothing of it is run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def read_parquet(path: Path, ignore: Sequence[int | str] = (), labels: Collection[str] = ()) -> pd.DataFrame:
    """Read a table whose every column holds one value a row; an index of pandas is none, unless it is named as labels.

    Parameters
    ----------
    path : Path
    ignore : sequence of int or str
        Columns, by position or name, that may hold anything.
    labels : collection of str
        What labels are called, in lower case.

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
