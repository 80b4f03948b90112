"""The reader of files with named arrays: which array holds the points and which the labels, in every format alike."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.data.readers import Raw, Request, comma_list, reading
from bench.errors import InputError

if TYPE_CHECKING:
    import numpy as np

#: Usual names of points and of labels, in lower case.
_POINTS = ("x", "data", "fea", "feat", "feats", "feature", "features", "images", "points", "samples", "embeddings")
_LABELS = (
    *("y", "label", "labels", "gnd", "gt", "target", "targets", "class", "classes"),
    *("truth", "groundtruth", "ground_truth", "truelabel", "true_labels"),
)
#: Most bytes of a sparse matrix that is made dense.
_MOST_BYTES = 4 * 2**30

_SPLITS = ("train", "training", "val", "valid", "validation", "test", "testing")
_WORD = "|".join(sorted(_SPLITS, key=len, reverse=True))
_AFFIX = re.compile(rf"(?P<first>{_WORD})[_.-]?(?P<rest>.+)|(?P<head>.+?)[_.-]?(?P<last>{_WORD})", re.IGNORECASE)
_OTHERWISE = 'name them in a card (parameters x and y), or the labels by --label; "none" stands for no labels'


@dataclass(frozen=True)
class Array:
    """The header of an array in a file, and how to read its values.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype
        Of a string kind where the array holds words.
    read : callable
        Returns the array; a sparse one stays sparse.
    fault : str
        Why it can hold neither points nor labels, such as "of records"; empty where it can.
    is_sparse : bool
        Whether `read` returns a matrix of `scipy.sparse`.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[], Any]
    fault: str = ""
    is_sparse: bool = False

    @property
    def is_matrix(self) -> bool:
        """Whether it may be points: numbers in two to four dimensions, and no vector."""
        return not self.fault and self.dtype.kind in "biuf" and 2 <= len(self.shape) <= 4 and min(self.shape) > 1

    @property
    def vector_length(self) -> int | None:
        """Number of values of a vector of numbers or words, also of shape (n, 1) or (1, n); None for other arrays."""
        size = math.prod(self.shape)
        fits = not self.fault and not self.is_sparse and self.dtype.kind in "biufSU" and self.shape
        return size if fits and max(self.shape) == size else None


@dataclass(frozen=True)
class ArrayReader:
    """The functions of a reader module for one format of files with named arrays.

    Parameters
    ----------
    open_arrays : callable
        Takes the path of a file and the kind of the card's loader (empty where it is not known), and returns a context
        that holds the file open and gives its arrays by name.
    mend : str
        What a user does about a file that cannot be read, for messages.
    """

    open_arrays: Callable[[Path, str], AbstractContextManager[Mapping[str, Array]]]
    mend: str

    def load(
        self,
        request: Request,
        *,
        x: str | None = None,
        y: int | str | None = None,
        samples: Literal["first", "last"] = "first",
    ) -> Raw:
        """Read the points, and the labels where there are any, of one split of a file.

        Points are the array called `x`; else the one with a usual name; else the only one in two to four dimensions.
        Labels are the array called `y`; else the one with a usual name; else, with a warning, the only vector of whole
        numbers or words, not all distinct, with one value a point.

        Parameters
        ----------
        request : Request
        x, y : str, optional
            Names of the points and of the labels, with the names of groups around them before slashes; in a file whose
            groups are splits they are names within a group. A `y` of "none" leaves the labels out.
        samples : {"first", "last"}
            Which axis of the points, as the format's own software shows it, counts them.

        Returns
        -------
        Raw
            Points as stored: (n, d), (n, height, width) or (n, height, width, channels).

        Raises
        ------
        InputError
            If the file is damaged or holds objects, an array is missing or of the wrong kind, it is open which array is
            meant, the points lie along the other axis, or a sparse matrix is too large to be made dense.
        """
        with reading(request.path, self.mend), self.open_arrays(request.path, request.kind) as arrays:
            return _take(request, arrays, x, y, samples)

    def splits_in(self, path: Path) -> tuple[str, ...]:
        """Return the splits that the names of the arrays tell: groups such as train/x, or names such as x_train."""
        with reading(path, self.mend), self.open_arrays(path, "") as arrays:
            return tuple(_splits_of(arrays)) or ("all",)


def dtype_fault(dtype: np.dtype) -> str:
    """Return why an array of this type can hold neither points nor labels; empty where it can."""
    return {"O": "of objects, and objects are not read", "V": "of records"}.get(dtype.kind, "")


def _splits_of(arrays: Mapping[str, Array]) -> dict[str, dict[str, str]]:
    """Find splits by the names: groups that hold the same members, or a split before or after each name.

    Returns
    -------
    dict of str to dict of str to str
        Split → member → name of the array; empty where there are no splits. Training comes first, then
        validation, then test, then the others by name.
    """
    names = [name for name, array in arrays.items() if array.shape]
    for parts in (_by_group(names), _by_affix(names)):
        splits: dict[str, dict[str, str]] = {}
        for name, (split, member) in parts.items():
            splits.setdefault(split, {})[member] = name
        members = {frozenset(of_split) for of_split in splits.values()}
        # Two names may mean one member, such as x_train and train_x: then there are no splits.
        if len(splits) > 1 and len(members) == 1 and len(splits) * len(members.pop()) == len(names):
            return {split: splits[split] for split in sorted(splits, key=_place)}
    return {}


def _take(
    request: Request, arrays: Mapping[str, Array], x: str | None, y: int | str | None, samples: Literal["first", "last"]
) -> Raw:
    import numpy as np

    path = request.path
    arrays = _of_split(request, arrays, x)
    if not arrays:
        raise InputError(f"{path}: holds no arrays; save the points as x and the labels as y")
    points_name = _points_name(path, arrays, x)
    points = np.asarray(_dense(path, points_name, arrays[points_name]))
    if samples == "last" and points.ndim > 1:
        points = np.moveaxis(points, -1, 0)
    y = None if y is None else str(y)
    is_without = y == "none" and y not in arrays
    labels_name = None if is_without else _labels_name(path, arrays, points_name, y, points.shape)
    if labels_name is None:
        return Raw(points, None, str(path))
    labels = np.asarray(_dense(path, labels_name, arrays[labels_name]))
    if points.ndim > 1 and labels.size == points.shape[-1] != len(points):
        other = "last" if samples == "first" else "first"
        raise InputError(
            f"{path}: {points_name} has shape {points.shape} and {labels_name} has {labels.size} labels, so its "
            f'{other} axis counts the points; save it turned round, or give parameters.samples = "{other}" in a card'
        )
    return Raw(points, labels, str(path))


def _size_text(shape: Sequence[int], itemsize: int) -> str:
    size = float(math.prod(shape) * itemsize)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.4g} {unit}"
        size /= 1024
    return f"{size:,.0f} TiB"


def _of_split(request: Request, arrays: Mapping[str, Array], x: str | None) -> Mapping[str, Array]:
    splits = _splits_of(arrays)
    if request.split in splits:
        return {member: arrays[name] for member, name in splits[request.split].items()}
    if not splits or x in arrays:
        return arrays
    raise InputError(
        f"{request.path}: holds the splits {', '.join(splits)} and no {request.split!r}; write "
        f"splits = {list(splits)} in the card, or parameters x and y with whole names such as "
        f"{next(iter(next(iter(splits.values())).values()))!r}"
    )


def _points_name(path: Path, arrays: Mapping[str, Array], x: str | None) -> str:
    if x is not None:
        return _existing(path, arrays, x)
    named = ["x"] if "x" in arrays else _called(arrays, _POINTS)
    if len(named) == 1:
        return named[0]
    matrices = [name for name in named or arrays if arrays[name].is_matrix]
    if len(matrices) == 1:
        return matrices[0]
    if not named and not matrices and len(arrays) == 1 and not _called(arrays, _LABELS):
        return next(iter(arrays))  # refused later, with what is wrong with it
    which = (
        f"{' and '.join(matrices[:3])} could each be the points" if matrices else "none of them is plainly the points"
    )
    raise InputError(f"{path}: holds {_listed(arrays)}: {which}; {_OTHERWISE}")


def _labels_name(
    path: Path, arrays: Mapping[str, Array], points: str, y: str | None, shape: tuple[int, ...]
) -> str | None:
    if y is not None:
        return _existing(path, arrays, y)
    others = {name: array for name, array in arrays.items() if name != points}
    named = ["y"] if "y" in others else _called(others, _LABELS)
    if len(named) > 1:
        named = [name for name in named if others[name].vector_length == shape[0]] or named
    if not named:
        lengths = {shape[0], shape[-1]} if shape else set()
        vectors = [name for name, array in others.items() if array.vector_length in lengths]
        named = [name for name in vectors if _may_be_classes(others[name].read())]
        if len(named) == 1:
            warnings.warn(
                f"{path}: labels are taken from {named[0]!r}, the only vector with a value for each point; "
                "--label NAME, or parameters.y in a card, takes another, or none",
                RuntimeWarning,
                stacklevel=3,
            )
    if len(named) > 1:
        raise InputError(
            f"{path}: holds {_listed(arrays)}: {' and '.join(named[:3])} could be the labels; {_OTHERWISE}"
        )
    also = [name for name in _called(others, _LABELS) if name not in named and others[name].vector_length == shape[0]]
    if named == ["y"] and also:
        what = f"labels are taken from y, though {also[0]!r} may hold some as well (--label NAME says which)"
        warnings.warn(f"{path}: {what}", RuntimeWarning, stacklevel=3)
    return named[0] if named else None


def _existing(path: Path, arrays: Mapping[str, Array], name: str) -> str:
    if name not in arrays:
        raise InputError(f"{path}: has no array {name!r}; it holds {_listed(arrays)}; {_OTHERWISE}")
    return name


def _called(arrays: Iterable[str], names: tuple[str, ...]) -> list[str]:
    return [name for name in arrays if name.rpartition("/")[2].lower() in names]


def _may_be_classes(values: Any) -> bool:
    """Return whether values may be classes: measures have fractions, and names of points are all distinct."""
    import numpy as np

    values = np.ravel(values)
    is_whole = values.dtype.kind != "f" or bool((values == np.floor(values)).all())
    return is_whole and len(np.unique(values)) < len(values)


def _dense(path: Path, name: str, array: Array) -> Any:
    if array.fault:
        raise InputError(f"{path}: {name} is {array.fault}; save plain numbers, or {_OTHERWISE}")
    itemsize = array.dtype.itemsize
    size = math.prod(array.shape) * itemsize
    words = f"{' x '.join(map(str, array.shape))} takes {_size_text(array.shape, itemsize)}"
    if size > _MOST_BYTES and (array.is_sparse or size > 100 * path.stat().st_size):
        raise InputError(
            f"{path}: {name} is too large to be made dense: {words}, above the bound of "
            f"{_size_text((_MOST_BYTES,), 1)}; keep fewer columns or points, or reduce it first (such as by "
            "TruncatedSVD)"
        )
    values = array.read()
    if not array.is_sparse:
        return values
    warnings.warn(f"{path}: {name} is sparse and is made dense: {words}", RuntimeWarning, stacklevel=4)
    if values.format in ("csr", "csc", "bsr"):
        values.check_format(full_check=True)  # indices out of range would write outside of the dense array
    return values.toarray()


def _listed(arrays: Mapping[str, Array]) -> str:
    """Name arrays with their shapes, in one line."""
    return comma_list(
        f"{name} ({array.fault})" if array.fault else f"{name} {array.shape}" for name, array in arrays.items()
    )


def _by_group(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    parts = {name: name.partition("/") for name in names}
    return {} if any(not slash for _, slash, _ in parts.values()) else {n: (p[0], p[2]) for n, p in parts.items()}


def _by_affix(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    parts = {}
    for name in names:
        match = _AFFIX.fullmatch(name)
        if match is None:
            return {}
        split = (match["first"] or match["last"]).lower()
        parts[name] = (split, match["rest"] or match["head"])
    return parts


def _place(split: str) -> tuple[int, str]:
    lower = split.lower()
    return (_SPLITS.index(lower) if lower in _SPLITS else len(_SPLITS), split)
