"""Reader of image and table data sets of the Hugging Face hub, from parquet or csv files; no loading script is run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from bench.data.readers import Raw, Request, image_folder, reading, tables
from bench.data.readers.hub_files import fetch_files, find_hub_dataset
from bench.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from bench.data.card import Card
    from bench.data.dataset import Dataset

# Pandas' name of an index of rows that is saved as a column.
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
    resize: image_folder.ImageSize | None = None,
    mode: Literal["L", "RGB"] | None = None,
    background: Annotated[int, Field(ge=0, le=255)] | None = None,
    header: Literal["first", "none"] | None = None,
    separator: str | None = None,
) -> Raw:
    """Read a split of a data set of the hub.

    Parameters
    ----------
    request : Request
    repo : str
        OWNER/NAME.
    revision : str, optional
        A branch, a tag or a commit; by default the owner's newest.
    config : str, optional
        Name of the configuration, where there are several.
    image : str, optional
        Column of the images, where several hold some. Data without a column of images are a table.
    label : int or str, optional
        Name or position of the column of the labels, or "none"; by default the column ``"label"``, else the only one
        that has names of classes.
    ignore : tuple of str
        Columns that are neither points nor labels. Of images, all columns are ignored beside a known label.
    resize, mode, background
        Of images, as for `bench.data.readers.image_folder.load`.
    header, separator
        Of csv files, as for `bench.data.readers.tables.load`.

    Returns
    -------
    Raw
        uint8 images of shape (n, height, width) or (n, height, width, 3), or numbers of shape (n, n_columns).
        Labels are numbers or strings; -1 is a point without a class, and a split where every label is -1 has none.

    Raises
    ------
    InputError
        If the data set cannot be found or fetched, is damaged, has no such split or column, holds text, or does not
        tell which column holds the images or the labels.
    """
    import pyarrow as pa

    hub_dataset = find_hub_dataset(repo, config, revision)
    source = hub_dataset.source
    if request.split not in hub_dataset.splits:
        raise InputError(
            f"card {request.card!r}: {source} has no split {request.split!r}; its splits are "
            f"{', '.join(hub_dataset.splits)}: write them as `splits` in the card"
        )
    files = hub_dataset.splits[request.split]
    folder = fetch_files(hub_dataset, files)
    if len({Path(file).suffix for file in files}) > 1:
        raise InputError(f"{source}: split {request.split!r} mixes .parquet and .csv files; take another split")
    paths = [folder / file for file in files]
    if paths[0].suffix == ".csv":
        layout: dict[str, Any] = {"label": label, "ignore": ignore, "header": header, "separator": separator}
        return _joined([tables.load(replace(request, path=path), **layout) for path in paths], source)
    schema = _schema(paths[0])
    features = _features(schema)
    for name in [*ignore, *([image] if image else []), *([label] if isinstance(label, str) else [])]:
        if name not in features and name != "none":
            raise InputError(f"{source}: has no column {name!r}; its columns are {', '.join(features)}")
    kept = {name: feature for name, feature in features.items() if name not in ignore}
    image = _image_column(schema, kept, image, source)
    label = _label_column(features, kept, label, source)
    if label in features and pa.types.is_nested(schema.field(label).type):
        raise InputError(f"{source}: column {label!r} holds {schema.field(label).type}; a point has one label")
    if image is None:
        raw = tables.raw_of_frame(_frame(paths, list(kept)), source, label=label)
        return replace(raw, labels=_labels(raw.labels))
    rest = [name for name in kept if name not in (image, label)]
    if label is None and rest:
        raise InputError(
            f"{source}: which column holds the labels: {', '.join(rest)}? Say it with --label, or in a card with "
            'parameters.label; "none" says that none does'
        )
    frame = _frame(paths, [name for name in (image, label) if name in features])
    if frame.empty:
        raise InputError(f"{source}: split {request.split!r} has no rows; take another split")
    names = [f"{source}/{request.split}/row {row}" for row in range(len(frame))]
    read = [_opener(cell, name) for cell, name in zip(frame[image], names, strict=True)]
    points = image_folder.decode_images(read, names, resize=resize, mode=mode, background=background)
    return Raw(points, _labels(frame[label].to_numpy()) if label in frame else None, source)


def download(card: Card, data_root: Path) -> Path | None:  # noqa: ARG001 - files of the hub lie in its own cache
    """Download the newest commit of a data set into the hub's cache, and return the folder that holds it.

    Returns
    -------
    Path or None
        None for a card that names no repository.

    Raises
    ------
    InputError
        If the data set cannot be found or fetched.
    """
    given = card.parameters
    if "repo" not in given:
        return None
    hub_dataset = find_hub_dataset(given["repo"], given.get("config"), given.get("revision"), ask=True)
    return fetch_files(hub_dataset, [file for files in hub_dataset.splits.values() for file in files])


def with_class_names(dataset: Dataset, card: Card) -> Dataset:
    """Return a data set of the hub with names for its classes where labels are numbers and the files name them.

    Parameters
    ----------
    dataset : Dataset
        Its classes are named by their numbers.
    card : Card
        Its card, which names no classes.
    """
    given = card.parameters
    hub_dataset = find_hub_dataset(given["repo"], given.get("config"), given.get("revision"))
    first = hub_dataset.splits[card.splits[0]][0]
    if not first.endswith(".parquet"):
        return dataset
    features = _features(_schema(fetch_files(hub_dataset, [first]) / first))
    kept = {name: feature for name, feature in features.items() if name not in given.get("ignore", ())}
    label = _label_column(features, kept, given.get("label"), hub_dataset.source)
    names = features.get(label or "", {}).get("names")
    if not isinstance(names, list) or not dataset.class_names:
        return dataset
    class_names = [str(names[int(c)]) if c.isdecimal() and int(c) < len(names) else c for c in dataset.class_names]
    return replace(dataset, class_names=tuple(class_names))


def _joined(parts: Sequence[Raw], source: str) -> Raw:
    """Return the files of one split as one, in order."""
    import numpy as np

    if len({(part.columns, part.labels is None) for part in parts}) > 1:
        raise InputError(f"{source}: files of one split have other columns; take another split")
    labels = [part.labels for part in parts if part.labels is not None]
    points = np.concatenate([part.points for part in parts])
    return Raw(points, _labels(np.concatenate(labels)) if labels else None, source, parts[0].columns)


def _frame(paths: Sequence[Path], columns: list[str]) -> pd.DataFrame:
    """Read some columns of parquet files, one below the other."""
    import pandas as pd
    import pyarrow.parquet

    frames = []
    for path in paths:
        with reading(path, _damaged(path)):
            # Without the metadata of pandas, which would turn columns into an index.
            table = pyarrow.parquet.ParquetFile(path).read(columns).replace_schema_metadata()
        lacking = [name for name in columns if name not in table.column_names]
        if lacking:
            raise InputError(f"{path}: has no column {lacking[0]!r} as {paths[0].name} has; take another #REVISION")
        frames.append(table.to_pandas())
    return pd.concat(frames, ignore_index=True)


def _schema(path: Path) -> pa.Schema:
    import pyarrow.parquet

    with reading(path, _damaged(path)):
        return pyarrow.parquet.read_schema(path)


def _damaged(path: Path) -> str:
    return f"the file is damaged: delete {path.resolve()} and fetch it again with `deepclustbench datasets --download`"


def _features(schema: pa.Schema) -> dict[str, dict[str, Any]]:
    """Return the hub's description of each column; empty in files that the hub did not write."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        features = {}
    by_name = {name: features.get(name) for name in schema.names if not re.fullmatch(_ROW_INDEX, name)}
    return {name: feature if isinstance(feature, dict) else {} for name, feature in by_name.items()}


def _image_column(
    schema: pa.Schema, features: Mapping[str, Mapping[str, Any]], asked: str | None, source: str
) -> str | None:
    """Return the column of images; None for a table."""
    images = [name for name, feature in features.items() if _holds_images(schema.field(name), feature.get("_type"))]
    if asked:
        if asked not in images:
            raise InputError(f"{source}: column {asked!r} holds no images, but {schema.field(asked).type}")
        return asked
    if len(images) > 1:
        raise InputError(
            f"{source}: has several columns of images, {', '.join(images)}; say in a card which: parameters.image"
        )
    return images[0] if images else None


def _holds_images(field: pa.Field, kind: str | None) -> bool:
    import pyarrow as pa

    if kind is not None:
        return kind == "Image"
    return pa.types.is_struct(field.type) and {"bytes", "path"} == {part.name for part in field.type}


def _label_column(
    features: Mapping[str, Mapping[str, Any]],
    kept: Mapping[str, Mapping[str, Any]],
    asked: int | str | None,
    source: str,
) -> str | None:
    """Return the column of labels that is asked for or can be told; None where it cannot be told."""
    columns = list(features)
    if isinstance(asked, int):
        if not -len(columns) <= asked < len(columns):
            raise InputError(f"{source}: has no column {asked}; it has {len(columns)}, counted from 0")
        return columns[asked]
    if asked or "label" in kept:
        return asked or "label"
    classes = [name for name, feature in kept.items() if feature.get("_type") == "ClassLabel"]
    if len(classes) > 1:
        raise InputError(
            f"{source}: has several columns of classes, {', '.join(classes)}; say which with --label, or in a "
            "card with parameters.label"
        )
    return classes[0] if classes else None


def _labels(labels: np.ndarray | None) -> np.ndarray | None:
    """Return the labels; None where all are -1, which on the hub means no label."""
    return None if labels is None or (labels.dtype.kind in "if" and (labels == -1).all()) else labels


def _opener(cell: Any, name: str) -> Callable[[], BytesIO]:
    content = cell.get("bytes") if isinstance(cell, dict) else cell
    if not isinstance(content, bytes):
        raise InputError(f"{name}: holds no image, or only the path of one; take another #REVISION")
    return lambda: BytesIO(content)
