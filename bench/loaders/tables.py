"""The user's own tables: .csv or .parquet, one row a point."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.errors import InputError
from bench.loaders import Raw, Request
from bench.loaders.reading import reading

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def load(request: Request, *, label: str | None = None, ignore: tuple[str, ...] = ()) -> Raw:
    """Read numeric features, and labels where there are any, from a table.

    Parameters
    ----------
    request : Request
    label : str, optional
        Column of the labels; ``"label"`` where the table has it.
    ignore : tuple of str
        Columns that are neither.

    Returns
    -------
    Raw
        Points of shape (n, n_columns).

    Raises
    ------
    InputError
        If the file is damaged, a named column is missing, a feature is not a number, or a label is missing.
    """
    import pandas as pd

    with reading(request.path, "save the table again as .csv (with a header row) or .parquet"):
        parquet = request.path.suffix.lower() == ".parquet"
        table = pd.read_parquet(request.path) if parquet else pd.read_csv(request.path)
    if table.empty:
        raise InputError(f"{request.path}: holds no values; give a header row and one row for each point")
    table.columns = table.columns.astype(str)
    for column in [*ignore, *([label] if label else [])]:
        if column not in table.columns:
            raise InputError(
                f"{request.path}: has no column {column!r}; its columns are {_listed(list(table.columns))}"
            )
    label = label or ("label" if "label" in table.columns else None)
    features = table.drop(columns=[*ignore, *([label] if label else [])])
    labels = _labels(request, table[label]) if label else None
    points = _numbers(request, features)
    return Raw(points, labels, str(request.path), tuple(features.columns))


def _numbers(request: Request, features: pd.DataFrame) -> np.ndarray:
    import numpy as np
    import pandas as pd

    for column in features.columns:
        mend = "make a card with it as parameters.label (its classes) or in parameters.ignore"
        if not pd.api.types.is_numeric_dtype(features[column]):
            example = str(features[column].iloc[0])
            raise InputError(f"{request.path}: column {column!r} is not numeric (first value {example!r}); {mend}")
        if column.startswith("Unnamed: "):
            # pandas' name for a nameless column; the usual one is the row index of a table saved by pandas.
            raise InputError(f"{request.path}: column {column!r} has no name, as a saved row index has none; {mend}")
    points = features.to_numpy()
    if points.dtype == object:  # nullable columns: their NA becomes NaN, which is refused later, by its place
        points = features.to_numpy(dtype=np.float64, na_value=np.nan)
    return points


def _labels(request: Request, column: pd.Series) -> np.ndarray:
    import numpy as np
    import pandas as pd

    missing = column.isna().to_numpy()
    if missing.any():
        raise InputError(
            f"{request.path}: column {str(column.name)!r} lacks {int(missing.sum())} labels, the first in "
            f"row {int(missing.argmax())}; fill them or remove the rows"
        )
    if pd.api.types.is_numeric_dtype(column):
        return np.asarray(column)
    return column.astype(str).to_numpy(dtype=np.str_)


def _listed(columns: list[str], most: int = 12) -> str:
    shown = ", ".join(columns[:most])
    return shown if len(columns) <= most else f"{shown} and {len(columns) - most} more"
