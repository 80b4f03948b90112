"""From a card to a `Dataset`: read, check, verify, merge, scale and limit its points."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.data import values
from bench.data.dataset import NO_CLASS, Dataset, dataset_fingerprint, split_fingerprint
from bench.data.readers import Raw, Request, read_request, reader_of, splits_of_path
from bench.data.readers.labels import encode_labels, has_label, plain_labels
from bench.errors import InputError

if TYPE_CHECKING:
    from bench.data.card import Card


def read_split(card: Card, split: str, data_root: Path) -> Raw:
    """Read one split of a card with the reader that the card names.

    Parameters
    ----------
    card : Card
    split : str
        One of the card's splits.
    data_root : Path
        Folder of the files that cards name or that are downloaded.

    Returns
    -------
    Raw

    Raises
    ------
    InputError
        If the data are missing or unreadable, or the card's ``parameters`` do not fit the reader.
    """
    kind, _, member = card.loader.partition(":")
    parameters = dict(card.parameters)
    path = _own_path(card, split, parameters) if reader_of(kind).is_own else data_root
    return read_request(Request(kind, member, split, data_root, path, card.name), parameters)


def _own_path(card: Card, split: str, parameters: dict[str, Any]) -> Path:
    """Take ``path`` out of the parameters: one path, or a table with a path for each split."""
    path = parameters.pop("path", None)
    if isinstance(path, dict):
        path = path.get(split)
    elif len(card.splits) > 1 and not _may_hold_splits(card, path):
        path = None
    if not isinstance(path, str):
        raise InputError(
            f"card {card.name!r}: loader {card.loader!r} needs parameters.path: the file or folder, "
            f"or a table with one for each split ({', '.join(card.splits)})"
        )
    if not Path(path).exists():
        raise InputError(f"card {card.name!r}: {path} does not exist; mend parameters.path in the card")
    return Path(path)


def _may_hold_splits(card: Card, path: Any) -> bool:
    """Return whether one path holds all splits of a card; True as well if it does not exist, which is refused later."""
    return isinstance(path, str) and (
        not Path(path).exists() or set(card.splits) <= set(splits_of_path(card.loader, Path(path)))
    )


def _check_points(raw: Raw, where: str) -> np.ndarray:
    """Check the points of one split.

    Parameters
    ----------
    raw : Raw
    where : str
        Data set and file, for messages.

    Returns
    -------
    ndarray of shape (n, d), (n, height, width) or (n, height, width, channels)
        The same values as a native integer or float type of at most eight bytes.

    Raises
    ------
    InputError
        If the points are not numbers, have a wrong dimension, or are NaN or infinite.
    """
    points = np.asarray(raw.points)
    if points.ndim not in (2, 3, 4):
        raise InputError(
            f"{where}: points have shape {points.shape}; give (n, features), (n, height, width) or "
            "(n, height, width, channels)"
        )
    if points.ndim == 4 and points.shape[3] not in (1, 3, 4):
        raise InputError(
            f"{where}: images have shape {points.shape}; give (n, height, width, channels) with 1, 3 or 4 "
            "channels, or flatten them to (n, features)"
        )
    if 0 in points.shape:
        raise InputError(f"{where}: holds no values (shape {points.shape}); give at least two points")
    if points.dtype.kind not in "biuf":
        raise InputError(f"{where}: points are {points.dtype}, not numbers; save them as integers or floats")
    if points.dtype.kind == "b":
        points = points.astype(np.float32)
    elif points.dtype.itemsize > 8:
        points = points.astype(np.float64)  # a long double's width and padding differ between machines
    points = points.astype(points.dtype.newbyteorder("="), copy=False)
    _check_finite(points.reshape(len(points), -1), where, raw.columns)
    return points


def _check_finite(points: np.ndarray, where: str, columns: tuple[str, ...] | None) -> None:
    if points.dtype.kind != "f":
        return
    bad = ~np.isfinite(points)
    if not bad.any():
        return
    row, column = np.unravel_index(int(bad.argmax()), bad.shape)
    name = repr(columns[column]) if columns else int(column)
    raise InputError(
        f"{where}: {int(bad.sum())} values are NaN or infinite, the first in row {int(row)}, column {name} "
        "(counted from 0); fill or remove them"
    )


def _check_length(points: np.ndarray, labels: np.ndarray | None, where: str) -> None:
    """Raise `InputError` unless there is one label for each point, or none at all."""
    if labels is not None and len(labels) != len(points):
        raise InputError(f"{where}: {len(points)} points but {len(labels)} labels; give one label a point")


#: A split with values above this hardly has the unit of one within [0, 1].
_OTHER_UNIT = 100


class CheckedSplit(NamedTuple):
    """A split after its checks: labels as `plain_labels` returns them, and as codes of the split's own classes."""

    points: np.ndarray
    labels: np.ndarray | None
    codes: np.ndarray | None
    names: tuple[str, ...] | None
    source: str
    fingerprint: str
    items: tuple[str, ...] | None
    columns: tuple[str, ...] | None
    has_noise: bool


def read_checked(card: Card, data_root: Path) -> list[CheckedSplit]:
    """Read and check every split of a card, without comparing fingerprints.

    Raises
    ------
    InputError
        If data are missing, damaged or unfit.
    """
    return [_checked(read_split(card, split, data_root), card) for split in card.splits]


def _checked(raw: Raw, card: Card) -> CheckedSplit:
    where = f"data set {card.name!r} ({raw.source})"
    points = _check_points(raw, where)
    # A folder's name is a class, also where it looks like a missing value.
    known = np.unique(raw.labels) if card.loader == "image_folder" and raw.labels is not None else card.classes or ()
    labels = None if raw.labels is None else plain_labels(raw.labels, where, known)
    _check_length(points, labels, where)
    codes, names = (None, None) if labels is None else _encoded(card, labels, where, raw.has_noise)
    by_value = not reader_of(card.loader).has_one_type
    fingerprint = split_fingerprint(points, codes, by_value=by_value)
    items = None if raw.items is None else tuple(raw.items)
    return CheckedSplit(points, labels, codes, names, raw.source, fingerprint, items, raw.columns, raw.has_noise)


def _encoded(card: Card, labels: np.ndarray, where: str, has_noise: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    return encode_labels(labels, card.classes, where, card.noise_label, has_noise=has_noise)


def assemble(card: Card, data_root: Path, limit: int | None, n_clusters: int | None) -> Dataset:
    """Load the data set of a card; parameters and errors as for `bench.data.cards.load_dataset`."""
    if limit is not None and limit < 2:
        raise InputError(f"data set {card.name!r}: limit {limit} is too small; --limit takes 2 or more points")
    splits = read_checked(card, data_root)
    for split, part in zip(card.splits, splits, strict=True):
        _verify(card, split, part)
    where = f"data set {card.name!r} ({', '.join(dict.fromkeys(part.source for part in splits))})"
    points, labels, names = _merged(card, splits, where)
    image_shape = _image_shape(card, points, where)
    n = len(points)
    if card.n is not None and n != card.n:
        raise InputError(f"{where}: has {n} points where the card says n = {card.n}; mend the data or the card")
    if n < 2:
        raise InputError(f"{where}: has one point; give at least two")

    flat = values.preprocess(points.reshape(n, -1), card.preprocessing, where)
    if not values.keep_shape(card.preprocessing):
        image_shape = None
    rule = _scaling_of(card, flat, image_shape, where)
    x, words = values.scale(flat, rule, where), values.scaling_in_words(rule, flat)
    _warn_of_width(n, x.shape[1], where)
    items = _items(card, splits)
    kept: tuple[int, str] | None = None
    if limit is not None and limit < n:
        kept = (limit, card.name)
        chosen = limited_indices(n, *kept)
        items = np.arange(n).astype(np.str_) if items is None else items
        x, items, labels = x[chosen], items[chosen], None if labels is None else labels[chosen]
    k = _clusters(card, names, n_clusters, where)
    if len(x) < k:
        raise InputError(f"{where}: {len(x)} points are fewer than {k} clusters; raise --limit or lower --clusters")
    x.setflags(write=False)
    if labels is not None:
        labels.setflags(write=False)
    steps = [step if isinstance(step, str) else step.model_dump() for step in card.preprocessing]
    fingerprint = dataset_fingerprint([part.fingerprint for part in splits], rule, kept, steps)
    # Another name, so that runs on a part are not compared with runs on the whole.
    name = card.name if kept is None else f"{card.name}[{limit}]"
    source = splits[0].source if len({part.source for part in splits}) == 1 else ""
    words = values.steps_in_words(card.preprocessing) + words
    return Dataset(name, x, labels, k, image_shape, names, fingerprint, words, items, source)


def limited_indices(n: int, limit: int, name: str) -> np.ndarray:
    """Choose `limit` of `n` points by the data set's name alone: the same for every seed and method.

    Returns
    -------
    ndarray of shape (limit,)
        Sorted positions. Those of a smaller limit are among those of a larger one.
    """
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    # Ranks of plain uniform draws: the stream of `choice` may change with numpy, that of `random` hardly.
    order = np.random.Generator(np.random.PCG64(seed)).random(n).argsort(kind="stable")
    return np.sort(order[:limit])


def _verify(card: Card, split: str, part: CheckedSplit) -> None:
    expected = card.fingerprint.get(split, "unknown")
    if expected in ("unknown", part.fingerprint):
        return
    if expected == split_fingerprint(part.points, part.codes, by_value=False):  # a card from before types were ignored
        return
    own = reader_of(card.loader).is_own
    mend = (
        f'put the original back, or set fingerprint.{split} = "unknown" in the card if the change is meant'
        if own
        else "delete the files and fetch them again"
    )
    raise InputError(
        f"data set {card.name!r}, split {split!r}: the data in {part.source} have changed: expected "
        f"fingerprint {expected[:12]}, found {part.fingerprint[:12]}; {mend}"
    )


def _merged(
    card: Card, splits: list[CheckedSplit], where: str
) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...] | None]:
    """Join splits in order. Classes are encoded over all of them: a split may lack a class of another."""
    shapes = {part.points.shape[1:] for part in splits}
    if len(shapes) > 1:
        raise InputError(f"{where}: points of the splits have shapes {sorted(shapes)}; give all splits one shape")
    if len({part.labels is None for part in splits}) > 1:
        raise InputError(f"{where}: some splits have labels and some have not; give labels to all or to none")
    _refuse_unlike_splits(card, splits, where)
    if card.noise_label is not None:
        every = [part.labels for part in splits if part.labels is not None]
        if not any(has_label(labels, card.noise_label) for labels in every):
            existing = sorted({str(label) for labels in every for label in np.unique(labels)[:8]})
            raise InputError(
                f"{where}: noise_label = {card.noise_label!r} is none of the labels ({', '.join(existing[:8])})"
            )
    if len(splits) == 1:
        return _report_noise(splits[0].points, splits[0].codes, splits[0].names, where)
    points = np.concatenate([part.points for part in splits])
    labels = [part.labels for part in splits if part.labels is not None]
    if not labels:
        return points, None, None
    if len({part.dtype.kind == "U" for part in labels}) > 1:
        raise InputError(f"{where}: some splits have labels in words, some in numbers; give all of one kind")
    codes, names = _encoded(card, np.concatenate(labels), where, any(part.has_noise for part in splits))
    return _report_noise(points, codes, names, where)


def _refuse_unlike_splits(card: Card, splits: list[CheckedSplit], where: str) -> None:
    """Refuse splits with different columns, and warn of those with values in different units."""
    first, tops = splits[0], [float(part.points.max()) for part in splits]
    for name, part in zip(card.splits, splits, strict=True):
        if part.columns is not None and first.columns is not None and part.columns != first.columns:
            pairs = zip(part.columns, first.columns, strict=False)
            differing = [(own, other) for own, other in pairs if own != other]
            if differing:
                raise InputError(
                    f"{where}: split {name!r} has the column {differing[0][0]!r} where {card.splits[0]!r} has "
                    f"{differing[0][1]!r}; give all splits the same columns in one order"
                )
    if len(splits) > 1 and min(tops) <= 1 and max(tops) > _OTHER_UNIT:
        low, high = card.splits[int(np.argmin(tops))], card.splits[int(np.argmax(tops))]
        _warn(
            f"{where}: values go up to {max(tops):g} in split {high!r} and to {min(tops):g} in {low!r}: are both in "
            "one unit? They are scaled together"
        )


def _report_noise(
    points: np.ndarray, codes: np.ndarray | None, names: tuple[str, ...] | None, where: str
) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...] | None]:
    """Warn of points that belong to no class; if no point has a class, leave the labels out."""
    noise = 0 if codes is None else int((codes == NO_CLASS).sum())
    if noise and noise == len(points):
        _warn(f"{where}: every label says that its point belongs to no class: taken as data without labels")
        return points, None, None
    if noise:
        _warn(
            f"{where}: {noise:,} of {len(points):,} points have a label of noise: they are clustered, and left out of "
            "what is measured against classes"
        )
    return points, codes, names


def _scaling_of(card: Card, flat: np.ndarray, image_shape: tuple[int, ...] | None, where: str) -> str | float:
    """Return the scaling rule, and warn of images that it may not suit."""
    is_image = image_shape is not None
    rule = values.resolve_scaling(flat, card.scaling, is_image)
    if rule == "minmax-feature" and card.scaling == "auto" and values.share_a_unit(card.preprocessing):
        rule = "minmax"
    warning = values.dark_image_warning(flat, rule) if is_image else ""
    if warning:
        _warn(f"{where}: {warning}")
    return rule


def _warn_of_width(n: int, n_features: int, where: str) -> None:
    if n_features > n:
        _warn(
            f"{where}: {n_features:,} features for {n:,} points: networks hardly learn from that; try preprocessing = "
            "[{variable = 2000}] or [{pca = 50}] in a card"
        )


def _items(card: Card, splits: list[CheckedSplit]) -> np.ndarray | None:
    """Return the sources' names of the points, or their rows in splits; None where that is the position."""
    if len(splits) == 1 and splits[0].items is None:
        return None
    names = []
    for split, part in zip(card.splits, splits, strict=True):
        if part.items is not None:
            several = len({each.source for each in splits}) > 1
            names += [f"{part.source}/{item}" if several else item for item in part.items]
        else:
            names += [f"{split}:{row}" for row in range(len(part.points))]
    return np.array(names, dtype=np.str_)


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=2)


def _image_shape(card: Card, points: np.ndarray, where: str) -> tuple[int, ...] | None:
    """Return the shape of one image, also of flat points where the card gives it; None for tables."""
    actual = points.shape[1:]
    expected = card.shape or actual
    if expected != actual and not (len(actual) == 1 and int(np.prod(expected)) == actual[0]):
        raise InputError(
            f"{where}: a point has shape {list(actual)} where the card says shape = {list(expected)}; "
            "mend the data or the card"
        )
    return expected if len(expected) > 1 else None


def _clusters(card: Card, names: tuple[str, ...] | None, asked: int | None, where: str) -> int:
    k = card.n_clusters if asked is None else asked
    if k is None and names:
        k = len(names)
    if k is None:
        raise InputError(f"{where}: the number of clusters is not known; give --clusters, or n_clusters in a card")
    if k < 2:
        raise InputError(f"{where}: {k} cluster is not a clustering; give --clusters 2 or more")
    return k
