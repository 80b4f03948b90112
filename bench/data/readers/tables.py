"""Reader of tables, one row a point: tells features from labels, and refuses columns that are neither."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.data.readers import Raw, Request, comma_list, reading
from bench.data.readers.table_files import read_parquet
from bench.errors import InputError
from bench.text import shown

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

#: Usual names of a column of labels, beside "label".
_LIKELY = frozenset(
    """labels class classes target targets y gnd gt truth ground_truth groundtruth species category categories cluster
    clusters variety diagnosis""".split()  # noqa: SIM905 - a list of one line a word is no easier to read
)
#: Usual names of a column that numbers the rows.
_NUMBERING = frozenset(["id", "index", "idx", "row", "rownames", "row_names", "no", "nr"])
#: Columns of fewer rows may count up by chance.
_FEW_ROWS = 10
#: Number of points that are searched for odd columns.
_LOOKED_AT = 10_000
#: A column with at most this many distinct whole numbers may hold labels.
_FEW_VALUES = 100
#: Suffixes of the labels of NAME.data in `clustering-benchmarks <https://clustering-benchmarks.gagolewski.com>`_.
_LABEL_FILES = (".labels0.gz", ".labels0")


def load(
    request: Request,
    *,
    label: int | str | None = None,
    ignore: tuple[int | str, ...] = (),
    header: Literal["first", "none"] | None = None,
    separator: str | None = None,
    missing: str | tuple[str, ...] = (),
) -> Raw:
    """Read numeric features, and labels where there are any, from a text table or a parquet file.

    Parameters
    ----------
    request : Request
        Its path ends with .csv, .tsv, .data, .dat or .txt, perhaps compressed (.gz, .bz2, .xz), or .parquet.
    label : int or str, optional
        Name of the column of labels, or its position: 0 is the first and -1 the last. "none": there are no
        labels. By default the column named ``label``; a column with another usual name of labels is refused.
    ignore : tuple of int or str
        Columns that are neither features nor labels, by name or position.
    header : {"first", "none"}, optional
        Whether the first row names the columns; by default the rows decide.
    separator : str, optional
        The separator of a text table: one character, "tab" or "space".
    missing : str or tuple of str
        Text of a missing value. Rows with one are left out, with a warning that counts them.

    Returns
    -------
    Raw
        Points of shape (n, n_columns).

    Raises
    ------
    InputError
        If the file is damaged, a named column is missing, a feature is not a number, a label is missing, or the file
        does not tell whether the first row is a point or which column holds labels.

    Notes
    -----
    ``NAME.labels0.gz`` beside ``NAME.data.gz`` holds its labels, 0 for noise, as in clustering-benchmarks.
    """
    from bench.data.readers.table_files import are_row_names, read_text_table

    path = request.path
    missing = (missing,) if isinstance(missing, str) else missing
    row_names, has_names = None, True
    if path.suffix.lower() == ".parquet":
        if header or separator:
            raise InputError(f"{path}: is no text: a header and a separator say nothing of it; leave them out")
        with reading(path, "save the table again as .csv (with a header row) or .parquet"):
            frame = _without_values(read_parquet(path, ignore, _LIKELY | {"label"}), missing)
    else:
        frame, layout = read_text_table(path, header=header, separator=separator, missing=missing)
        has_names = layout.names is not None
        if layout.row_names:
            row_names, frame = frame.iloc[:, 0].astype(str).tolist(), frame.iloc[:, 1:]
            if not are_row_names(row_names):
                raise InputError(f"{path}: its first column has no name, and values that occur twice; give it a name")
    given = _labels_beside(path) if label is None else None
    if missing:
        considered = [name for name in frame.columns if name not in _columns(frame, ignore, str(path))]
        frame, row_names, given = _without_missing(frame, considered, row_names, given, str(path))
    label = "none" if given is not None else label
    raw = raw_of_frame(frame, str(path), label=label, ignore=ignore, has_names=has_names)
    if not has_names and header is None:
        n = f"{len(raw.points):,} points"
        message = f"{path}: its first row is taken for a point, not for names (--header first if it is): {n}"
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    labels = raw.labels if given is None else given
    return Raw(raw.points, labels, raw.source, raw.columns, row_names, has_noise=given is not None)


def raw_of_frame(
    frame: pd.DataFrame,
    source: str,
    *,
    label: int | str | None = None,
    ignore: Sequence[int | str] = (),
    has_names: bool = True,
) -> Raw:
    """Take features and labels out of a table.

    Parameters
    ----------
    frame : DataFrame
        One row a point.
    source : str
        File or address of the table, for messages.
    label, ignore
        As for `load`.
    has_names : bool
        Whether the columns have names, not only positions.

    Raises
    ------
    InputError
        As `load`.
    """
    if frame.empty:
        raise InputError(f"{source}: holds no values; give one row for each point")
    columns = list(frame.columns)
    kept = [name for name in columns if name not in _columns(frame, ignore, source)]
    label_column = _label_column(frame, kept, label, has_names, source)
    features = frame[[name for name in kept if name != label_column]] if label_column is not None else frame[kept]
    if features.shape[1] == 0:
        raise InputError(f"{source}: has no column of features beside that of labels; give one")
    labels = None if label_column is None else _labels(frame[label_column], _column_text(label_column), source)
    points = _numbers(features, source)
    _warn_of_odd_columns(features, points, label_column, label, has_names, source)
    return Raw(points, labels, source, tuple(map(str, features.columns)))


def _columns(frame: pd.DataFrame, selected: Sequence[int | str], source: str) -> set[Hashable]:
    return {_column(list(frame.columns), each, source) for each in selected}


def _column(columns: Sequence[Hashable], name_or_position: int | str, source: str) -> Hashable:
    """Return the name, in the table, of a column given by name or position."""
    if isinstance(name_or_position, str):
        if name_or_position in columns:
            return name_or_position
        raise InputError(f"{source}: has no column {name_or_position!r}; its columns are {comma_list(columns)}")
    if -len(columns) <= name_or_position < len(columns):
        return columns[name_or_position]
    raise InputError(f"{source}: has no column {name_or_position}; it has {len(columns)}, 0 to {len(columns) - 1}")


def _label_column(
    frame: pd.DataFrame, kept: Sequence[Hashable], label: int | str | None, has_names: bool, source: str
) -> Hashable | None:
    if label is not None:
        return None if label == "none" and label not in kept else _column(list(frame.columns), label, source)
    words = {str(name): str(name).strip().lower() for name in kept} if has_names else {}
    certain = [name for name, word in words.items() if word == "label"]
    # Points in the plane have an x and a y.
    likely = [name for name, word in words.items() if word in _LIKELY and not (word == "y" and "x" in words.values())]
    if len(certain) == 1 and not likely:
        return certain[0]
    if certain or likely:
        several = [*certain, *likely]
        what = f"column {several[0]!r} looks like" if len(several) == 1 else f"columns {comma_list(several)} look like"
        raise InputError(
            f"{source}: {what} labels; say label = {several[0]!r} in a card's parameters or --label {several[0]}, "
            'or label "none" to cluster it as a feature'
        )
    return None


def _numbers(features: pd.DataFrame, source: str) -> np.ndarray:
    import numpy as np
    import pandas as pd

    for name in features.columns:
        column = features[name]
        mend = "say label = its name in a card's parameters (or --label) if it holds the classes, or put it in ignore"
        if str(name) == "" or str(name).startswith("Unnamed: "):
            raise InputError(f"{source}: {_column_text(name)} has no name, as a saved row index has none; {mend}")
        if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_complex_dtype(column):
            raise InputError(f"{source}: {_column_text(name)} is not numeric: {_first_strange(column)}; {mend}")
    points = features.to_numpy()
    if points.dtype == object:  # nullable columns: their NA becomes NaN, which is refused later, by its place
        points = features.to_numpy(dtype=np.float64, na_value=np.nan)
    return points


def _first_strange(column: pd.Series) -> str:
    """Return the first value of a column that is not a number, and what to do about it."""
    import pandas as pd

    decimal = column.astype(str).str.fullmatch(r"[+-]?\d+,\d+").to_numpy()
    if decimal.mean() > 0.5:
        return f"{shown(column.iloc[int(decimal.argmax())])} has a decimal comma; write decimal points"
    numbers = pd.to_numeric(column.astype(str), errors="coerce")
    strange = (numbers.isna() & ~column.isna()).to_numpy()
    if not strange.any():
        largest = max(column.astype(str), key=len)
        return f"it is of type {column.dtype} ({shown(largest)}: numbers too large for 64 bits?)"
    value = column.iloc[int(strange.argmax())]
    text = f"{shown(value)} in row {int(strange.argmax())} (counted from 0)"
    if strange.mean() >= 0.5:
        return text
    return f"{text}; if that is a missing value, missing = {shown(value)} in a card's parameters leaves such rows out"


def _labels(column: pd.Series, name: str, source: str) -> np.ndarray:
    import numpy as np
    import pandas as pd

    missing = column.isna().to_numpy()
    if missing.any():
        raise InputError(
            f"{source}: {name} lacks {int(missing.sum())} labels, the first in row {int(missing.argmax())} (counted "
            "from 0); fill them or remove the rows"
        )
    if pd.api.types.is_numeric_dtype(column):
        return np.asarray(column)
    return column.astype(str).to_numpy(dtype=np.str_)


def _warn_of_odd_columns(
    features: pd.DataFrame, points: np.ndarray, label_column: Hashable | None, label: Any, has_names: bool, source: str
) -> None:
    """Warn of columns that may not be features, and refuse one that is named as a row number and is one.

    Raises
    ------
    InputError
        If there is such a column.
    """
    import numpy as np

    findings, few = [], []
    points = points[:_LOOKED_AT]
    for i, name in enumerate(features.columns):
        column = points[:, i]
        whole = bool(np.isfinite(column).all() and (column == np.floor(column)).all())
        is_named = str(name).strip().lower() in _NUMBERING
        if whole and is_named and len(column) >= _FEW_ROWS and len(np.unique(column)) > 0.9 * len(column):
            raise InputError(
                f"{source}: {_column_text(name)} numbers the rows; put it in ignore in a card's parameters"
            )
        if whole and len(column) >= _FEW_ROWS and (np.diff(column) == 1).all() and column[0] in (0, 1):
            findings.append(f"{_column_text(name)} numbers the rows; a card's parameters.ignore leaves it out")
        few.append(whole and 1 < len(np.unique(column)) <= min(_FEW_VALUES, len(column) / 2))
    if label_column is None and label is None and points.shape[1] > 1:
        ends = [i for i in (0, points.shape[1] - 1) if few[i]]
        if sum(few) == 1:  # the others hold fractions
            i = few.index(True)
            what = (
                f"{_column_text(features.columns[i])} alone holds whole numbers, {len(np.unique(points[:, i]))} of them"
            )
            findings.append(f"{what}: labels? --label {features.columns[i]} takes them")
        elif not has_names and ends:
            findings.append("none of its columns is taken for labels (--label 0 takes the first, --label -1 the last)")
    if findings:
        warnings.warn(f"{source}: {'; '.join(findings)}", RuntimeWarning, stacklevel=2)


def _labels_beside(path: Path) -> np.ndarray | None:
    """Return the labels in a file beside a .data file, noise as -1; None where there is no such file."""
    name = path.name.removesuffix(".gz")
    if not name.endswith(".data"):
        return None
    beside = [path.with_name(name.removesuffix(".data") + suffix) for suffix in _LABEL_FILES]
    file = next((each for each in beside if each.is_file()), None)
    if file is None:
        return None
    import numpy as np

    with reading(file, "write a whole number for each point, 0 for noise, or take the file away"):
        labels = np.loadtxt(file, dtype=np.int64, ndmin=1)
    return np.where(labels == 0, -1, labels)


def _without_values(frame: pd.DataFrame, missing: Sequence[str]) -> pd.DataFrame:
    """Return a table with NaN for the values, as texts or numbers, that stand for missing ones."""
    import pandas as pd

    numbers = pd.to_numeric(pd.Series(missing, dtype=object), errors="coerce").dropna().tolist()
    return frame.mask(frame.isin([*missing, *numbers])) if missing else frame


def _without_missing(
    frame: pd.DataFrame,
    considered: Sequence[Hashable],
    row_names: list[str] | None,
    labels: np.ndarray | None,
    source: str,
) -> tuple[pd.DataFrame, list[str], np.ndarray | None]:
    """Leave out rows that lack a value; the names of the others are the numbers that they had before."""
    kept = frame[list(considered)].notna().all(axis=1).to_numpy()
    names = row_names if row_names is not None else [str(i) for i in range(len(frame))]
    if not kept.all():
        left = f"{int((~kept).sum())} of {len(kept)} rows are left out, for a value is missing in each"
        warnings.warn(f"{source}: {left}", RuntimeWarning, stacklevel=2)
    chosen = labels if labels is None or len(labels) != len(kept) else labels[kept]
    return frame[kept].infer_objects(), [name for name, keep in zip(names, kept, strict=True) if keep], chosen


def _column_text(name: Hashable) -> str:
    return f"column {name!r}" if isinstance(name, str) else f"column {name}"
