"""From a card to a `Dataset`: read, check, verify, merge, scale, limit."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.data import values
from bench.data.dataset import NO_CLASS, Dataset
from bench.data.fingerprints import dataset_fingerprint, split_fingerprint
from bench.data.readers import OF_ONE_TYPE, OWN_DATA, Raw, read_split
from bench.data.readers.labels import encode_labels, has_label, plain_labels
from bench.errors import InputError

if TYPE_CHECKING:
    from bench.data.card import Card
    from bench.data.readers import Raw


def check_points(raw: Raw, where: str) -> np.ndarray:
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


def check_length(points: np.ndarray, labels: np.ndarray | None, where: str) -> None:
    """Raise `InputError` unless there is one label for each point, or none at all."""
    if labels is not None and len(labels) != len(points):
        raise InputError(f"{where}: {len(points)} points but {len(labels)} labels; give one label a point")


#: Above this a split is hardly in the unit of one within [0, 1].
_OTHER_UNIT = 100


class Split(NamedTuple):
    """A checked split: labels as `plain_labels` gives them, and as codes of its own classes."""

    points: np.ndarray
    labels: np.ndarray | None
    codes: np.ndarray | None
    names: tuple[str, ...] | None
    source: str
    fingerprint: str
    items: tuple[str, ...] | None
    columns: tuple[str, ...] | None
    has_noise: bool


def read_checked(card: Card, data_root: Path) -> list[Split]:
    """Read and check every split of a card, without comparing fingerprints.

    Raises
    ------
    InputError
        If data are missing, damaged or unfit.
    """
    return [_checked(read_split(card, split, data_root), card) for split in card.splits]


def _checked(raw: Raw, card: Card) -> Split:
    where = f"data set {card.name!r} ({raw.source})"
    points = check_points(raw, where)
    # The name of a folder is a class, whatever else it says.
    known = np.unique(raw.labels) if card.loader == "image_folder" and raw.labels is not None else card.classes or ()
    labels = None if raw.labels is None else plain_labels(raw.labels, where, known)
    check_length(points, labels, where)
    codes, names = (None, None) if labels is None else _encoded(card, labels, where, raw.has_noise)
    by_value = card.loader.partition(":")[0] not in OF_ONE_TYPE
    fingerprint = split_fingerprint(points, codes, by_value=by_value)
    items = None if raw.items is None else tuple(raw.items)
    return Split(points, labels, codes, names, raw.source, fingerprint, items, raw.columns, raw.has_noise)


def _encoded(card: Card, labels: np.ndarray, where: str, has_noise: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    return encode_labels(labels, card.classes, where, card.noise_label, has_noise=has_noise)


def assemble(card: Card, data_root: Path, limit: int | None, n_clusters: int | None) -> Dataset:
    """Do everything that `bench.data.cards.load_dataset` promises, for a card that was found."""
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
    # Named apart: a board must not take runs on a part for runs on the whole.
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


def _verify(card: Card, split: str, part: Split) -> None:
    expected = card.fingerprint.get(split, "unknown")
    if expected in ("unknown", part.fingerprint):
        return
    if expected == split_fingerprint(part.points, part.codes, by_value=False):  # a card from before types did not count
        return
    own = card.loader.partition(":")[0] in OWN_DATA
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
    card: Card, splits: list[Split], where: str
) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...] | None]:
    """Join splits in order. A split may lack a class of another, so classes are taken anew over all."""
    shapes = {part.points.shape[1:] for part in splits}
    if len(shapes) > 1:
        raise InputError(f"{where}: points of the splits have shapes {sorted(shapes)}; give all splits one shape")
    if len({part.labels is None for part in splits}) > 1:
        raise InputError(f"{where}: some splits have labels and some have not; give labels to all or to none")
    _refuse_unlike_splits(card, splits, where)
    if card.noise_label is not None:
        every = [part.labels for part in splits if part.labels is not None]
        if not any(has_label(labels, card.noise_label) for labels in every):
            found = sorted({str(label) for labels in every for label in np.unique(labels)[:8]})
            raise InputError(
                f"{where}: noise_label = {card.noise_label!r} is none of the labels ({', '.join(found[:8])})"
            )
    if len(splits) == 1:
        return _with_noise_said(splits[0].points, splits[0].codes, splits[0].names, where)
    points = np.concatenate([part.points for part in splits])
    labels = [part.labels for part in splits if part.labels is not None]
    if not labels:
        return points, None, None
    if len({part.dtype.kind == "U" for part in labels}) > 1:
        raise InputError(f"{where}: some splits have labels in words, some in numbers; give all of one kind")
    codes, names = _encoded(card, np.concatenate(labels), where, any(part.has_noise for part in splits))
    return _with_noise_said(points, codes, names, where)


def _refuse_unlike_splits(card: Card, splits: list[Split], where: str) -> None:
    """Refuse splits whose columns differ, and warn of those whose values do."""
    first, tops = splits[0], [float(part.points.max()) for part in splits]
    for name, part in zip(card.splits, splits, strict=True):
        if part.columns is not None and first.columns is not None and part.columns != first.columns:
            pairs = zip(part.columns, first.columns, strict=False)
            differing = [(here, there) for here, there in pairs if here != there]
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


def _with_noise_said(
    points: np.ndarray, codes: np.ndarray | None, names: tuple[str, ...] | None, where: str
) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...] | None]:
    """Warn of points that belong to no class; where all of them do, there are no labels."""
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
    """Return the rule of scaling, and warn where images look as if it were not theirs."""
    is_image = image_shape is not None
    rule = values.resolve_scaling(flat, card.scaling, is_image)
    if rule == "minmax-feature" and card.scaling == "auto" and values.share_a_unit(card.preprocessing):
        rule = "minmax"
    odd = values.darkness(flat, rule) if is_image else ""
    if odd:
        _warn(f"{where}: {odd}")
    return rule


def _warn_of_width(n: int, n_features: int, where: str) -> None:
    if n_features > n:
        _warn(
            f"{where}: {n_features:,} features for {n:,} points: networks hardly learn from that; try preprocessing = "
            "[{variable = 2000}] or [{pca = 50}] in a card"
        )


def _items(card: Card, splits: list[Split]) -> np.ndarray | None:
    """Return what the sources call the points: their own names, or rows of splits; None where it is their position."""
    if len(splits) == 1 and splits[0].items is None:
        return None
    named = []
    for split, part in zip(card.splits, splits, strict=True):
        if part.items is not None:
            several = len({each.source for each in splits}) > 1
            named += [f"{part.source}/{item}" if several else item for item in part.items]
        else:
            named += [f"{split}:{row}" for row in range(len(part.points))]
    return np.array(named, dtype=np.str_)


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=2)


def _image_shape(card: Card, points: np.ndarray, where: str) -> tuple[int, ...] | None:
    """Shape of one image; flat points are images where the card's shape says so."""
    found = points.shape[1:]
    expected = card.shape or found
    if expected != found and not (len(found) == 1 and int(np.prod(expected)) == found[0]):
        raise InputError(
            f"{where}: a point has shape {list(found)} where the card says shape = {list(expected)}; "
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
