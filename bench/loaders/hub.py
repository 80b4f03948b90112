"""Image and table data sets of the Hugging Face hub, from their parquet or csv files; no code of others is run."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.errors import InputError
from bench.loaders import Raw, Request
from bench.loaders.hub_files import Found, fetch, find
from bench.loaders.reading import reading

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from bench.dataset import Dataset
    from bench.loaders.card import Card

# What pandas calls the index of the rows when it saves it as a column.
_ROW_INDEX = r"__index_level_\d+__"


def load(
    request: Request,
    *,
    repo: str,
    revision: str | None = None,
    config: str | None = None,
    image: str | None = None,
    label: int | str | None = None,
    ignore: tuple[str, ...] = (),
    size: tuple[int, int] | None = None,
    mode: Literal["L", "RGB"] | None = None,
) -> Raw:
    """Read a split of a data set of the hub.

    Parameters
    ----------
    request : Request
    repo : str
        OWNER/NAME.
    revision : str, optional
        A branch, a tag or a commit; the owner's newest unless said otherwise.
    config : str, optional
        Name of the configuration, where there are several.
    image : str, optional
        Column of the images, where there are several. Data without a column of images are a table.
    label : int or str, optional
        Name or position of the column of the labels; else ``"label"``, else the only column that has class names.
    ignore : tuple of str
        Columns that are neither points nor labels. Of images, all columns are ignored beside a known label.
    size : (int, int), optional
        Height and width that every image is brought to; without it all must have one size.
    mode : {"L", "RGB"}, optional
        Grey or colour; without it grey where every image is grey, else colour.

    Returns
    -------
    Raw
        uint8 images of shape (n, height, width) or (n, height, width, 3), or numbers of shape (n, n_columns).
        Labels are numbers or strings; -1 is a point without a class, and a split where every label is -1 has none.

    Raises
    ------
    InputError
        If the data set cannot be found or fetched, is damaged, has no such split or column, holds text, or leaves open
        which column holds the images or the labels.
    """
    import pandas as pd

    found = find(repo, config, revision)
    if request.split not in found.splits:
        raise InputError(
            f"card {request.card!r}: {found.source} has no split {request.split!r}; its splits are "
            f"{', '.join(found.splits)}: write them as `splits` in the card"
        )
    files = found.splits[request.split]
    folder = fetch(found, files)
    schema = _schema(folder / files[0])
    features = _features(schema)
    columns = list(features)
    _check_named([*ignore, *([image] if image else []), *([label] if isinstance(label, str) else [])], columns, found)
    if isinstance(label, int):
        if not -len(columns) <= label < len(columns):
            raise InputError(f"{found.source}: has no column {label}; it has {len(columns)}, counted from 0")
        label = columns[label]
    columns = [name for name in columns if name not in ignore]
    picture = _image_column(schema, features, columns, image, found)
    label = label or _label_column(features, columns, found)
    rest = [name for name in columns if name not in (picture, label)]
    if picture and rest and not label:
        raise InputError(
            f"{found.source}: which column holds the labels, if any: {', '.join(rest)}? Say it with --label, or in a "
            "card with parameters.label; list in parameters.ignore what is no label"
        )
    wanted = [name for name in ([picture, label] if picture else columns) if name]
    with reading(found.source, "say in a card which columns to `ignore`"):
        frame = pd.concat([_frame(folder / file, wanted) for file in files], ignore_index=True)
    if not len(frame):
        raise InputError(f"{found.source}: split {request.split!r} has no rows; take another split")
    labels = _labels(frame[label], found) if label else None
    if picture:
        return Raw(_images(frame[picture], found, request.split, size, mode), labels, found.source)
    return Raw(_numbers(frame[rest], found), labels, found.source, tuple(rest))


def with_class_names(dataset: Dataset, card: Card) -> Dataset:
    """Return a data set of the hub with the names that its files give to classes which labels have by number.

    Parameters
    ----------
    dataset : Dataset
        Classes have the names of their numbers.
    card : Card
        Its card, which names no classes.
    """
    given = card.parameters
    found = find(given["repo"], given.get("config"), given.get("revision"))
    first = found.splits[card.splits[0]][0]
    features = _features(_schema(fetch(found, [first]) / first))
    label = given.get("label")
    names = _names(features, list(features)[label] if isinstance(label, int) else label or _class_column(features))
    if not names or not dataset.class_names:
        return dataset
    called = [names[int(c)] if c.isdecimal() and int(c) < len(names) else c for c in dataset.class_names]
    return replace(dataset, class_names=tuple(called))


def _frame(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read some columns of a file."""
    import pandas as pd

    with reading(path, _damaged(path)):
        if path.suffix == ".csv":
            frame = pd.read_csv(path)
            frame.columns = frame.columns.astype(str)
        else:
            import pyarrow.parquet

            # Without what pandas says of itself there: it would turn columns into an index.
            frame = pyarrow.parquet.ParquetFile(path).read(list(columns)).replace_schema_metadata().to_pandas()
    lacking = [name for name in columns if name not in frame.columns]
    if lacking:
        raise InputError(f"{path}: has no column {lacking[0]!r} as the other files have; take another #REVISION")
    return frame[list(columns)]


def _schema(path: Path) -> pa.Schema:
    import pyarrow as pa
    import pyarrow.parquet

    with reading(path, _damaged(path)):
        if path.suffix == ".parquet":
            return pyarrow.parquet.read_schema(path)
        import pandas as pd

        return pa.Schema.from_pandas(pd.read_csv(path, nrows=1000).rename(columns=str), preserve_index=False)


def _damaged(path: Path) -> str:
    return f"the file is damaged: delete {path.resolve()} and fetch it again with `deepclustbench datasets --download`"


def _features(schema: pa.Schema) -> dict[str, dict[str, Any]]:
    """Return the columns, and what the hub says of each beyond its type: nothing in files that it did not write."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        features = {}
    said = {name: features.get(name) for name in schema.names if not re.fullmatch(_ROW_INDEX, name)}
    return {name: feature if isinstance(feature, dict) else {} for name, feature in said.items()}


def _check_named(named: Sequence[str], columns: Sequence[str], found: Found) -> None:
    for name in named:
        if name not in columns:
            raise InputError(f"{found.source}: has no column {name!r}; its columns are {', '.join(columns)}")


def _image_column(
    schema: pa.Schema, features: dict[str, dict[str, Any]], columns: Sequence[str], asked: str | None, found: Found
) -> str | None:
    """Return the column of images; None for a table."""
    images = [name for name in columns if _holds_images(schema.field(name), features[name].get("_type"))]
    if asked:
        if asked not in images:
            raise InputError(f"{found.source}: column {asked!r} holds no images, but {schema.field(asked).type}")
        return asked
    if len(images) > 1:
        raise InputError(
            f"{found.source}: has several columns of images, {', '.join(images)}; say in a card which: parameters.image"
        )
    return images[0] if images else None


def _holds_images(field: pa.Field, kind: str | None) -> bool:
    import pyarrow as pa

    if kind is not None:
        return kind == "Image"
    return pa.types.is_struct(field.type) and {"bytes", "path"} == {part.name for part in field.type}


def _class_column(features: dict[str, dict[str, Any]]) -> str | None:
    classes = [name for name, feature in features.items() if feature.get("_type") == "ClassLabel"]
    return "label" if "label" in features else classes[0] if len(classes) == 1 else None


def _label_column(features: dict[str, dict[str, Any]], columns: Sequence[str], found: Found) -> str | None:
    known = {name: features[name] for name in columns}
    classes = [name for name, feature in known.items() if feature.get("_type") == "ClassLabel"]
    label = _class_column(known)
    if label is None and classes:
        raise InputError(
            f"{found.source}: has several columns of classes, {', '.join(classes)}; say which with --label, or in a "
            "card with parameters.label"
        )
    return label


def _names(features: dict[str, dict[str, Any]], label: str | None) -> list[str]:
    names = features.get(label or "", {}).get("names")
    return [str(name) for name in names] if isinstance(names, list) else []


def _labels(column: pd.Series, found: Found) -> np.ndarray | None:
    import numpy as np
    import pandas as pd

    missing = column.isna().to_numpy()
    if missing.any():
        raise InputError(
            f"{found.source}: column {str(column.name)!r} lacks {int(missing.sum())} labels, the first in row "
            f"{int(missing.argmax())}; take another split, or another column with parameters.label in a card"
        )
    if not pd.api.types.is_numeric_dtype(column):
        if not column.map(lambda value: isinstance(value, str)).all():
            raise InputError(
                f"{found.source}: column {str(column.name)!r} holds {type(column.iloc[0]).__name__} where labels are "
                "numbers or strings; say with parameters.label in a card which column holds labels"
            )
        return column.to_numpy(dtype=np.str_)
    labels = column.to_numpy()
    return None if (labels == -1).all() else labels


def _numbers(features: pd.DataFrame, found: Found) -> np.ndarray:
    import numpy as np
    import pandas as pd

    for name, column in features.items():
        if not pd.api.types.is_numeric_dtype(column):
            raise InputError(
                f"{found.source}: column {str(name)!r} is not numeric (first value {str(column.iloc[0])[:40]!r}), and "
                "text is not clustered; in a card, parameters.label can name it as the labels and parameters.ignore "
                "leave it out"
            )
    if features.empty:
        raise InputError(f"{found.source}: has no column of points; its only column is the labels")
    points = features.to_numpy()
    return points.astype(np.float64) if points.dtype == object else points


def _images(
    column: pd.Series, found: Found, split: str, size: tuple[int, int] | None, mode: Literal["L", "RGB"] | None
) -> np.ndarray:
    """Decode the images of a column."""
    import numpy as np
    from PIL import Image

    sizes, modes = set(), set()
    contents = [_content(cell, f"{found.source}, {split}, row {row}") for row, cell in enumerate(column)]
    for row, content in enumerate(contents):
        where = f"{found.source}, {split}, row {row}"
        with reading(where, "take another #REVISION"), Image.open(BytesIO(content)) as picture:
            width, height = picture.size
            image_mode = picture.mode
        if image_mode.startswith(("I", "F")):
            raise InputError(f"{where}: has pixels of more than 8 bits (mode {image_mode}), which are not read")
        sizes.add((height, width))
        modes.add(image_mode)
    if size is None and len(sizes) > 1:
        few = ", ".join(f"{height} x {width}" for height, width in sorted(sizes)[:3])
        raise InputError(
            f"{found.source}: images have {len(sizes)} sizes ({few}, ...; height x width); give parameters.size = "
            "[height, width] in a card"
        )
    chosen = mode or ("L" if modes <= {"1", "L"} else "RGB")
    height, width = size or sizes.pop()
    points = np.empty((len(contents), height, width, *(() if chosen == "L" else (3,))), dtype=np.uint8)
    for row, content in enumerate(contents):
        where = f"{found.source}, {split}, row {row}"
        with reading(where, "take another #REVISION"), Image.open(BytesIO(content)) as picture:
            converted = picture.convert(chosen)
            if converted.size != (width, height):
                converted = converted.resize((width, height), Image.Resampling.BILINEAR)
            points[row] = np.asarray(converted)
    return points


def _content(cell: Any, where: str) -> bytes:
    content = cell.get("bytes") if isinstance(cell, dict) else cell
    if not isinstance(content, bytes):
        raise InputError(f"{where}: holds no image, or only the path of one; take another #REVISION")
    return content
