"""Parquet, as pandas and others write it: flat columns, and nothing of it is run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a table whose every column holds one value a row; an index that pandas wrote is no column.

    Raises
    ------
    InputError
        If a column holds lists, records or maps.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet

    for field in pa.parquet.read_schema(path):
        kind = getattr(field.type, "storage_type", field.type)
        if pa.types.is_nested(kind):
            raise InputError(
                f"{path}: column {field.name!r} holds {kind} in each row, not one value; spread it over one column a "
                "feature, or leave it out of the file"
            )
    return pd.read_parquet(path)
