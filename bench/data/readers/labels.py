"""From labels as files hold them to codes of classes."""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np

from bench.data.dataset import NO_CLASS
from bench.errors import InputError

#: Texts that stand for a missing label.
_MISSING = ("", "nan", "NaN", "None", "<NA>", "NaT", "?", "NA", "N/A", "n/a", "#N/A", "null", "NULL")
_WHOLE_NUMBER = re.compile(r"[+-]?(0|[1-9]\d{0,14})(\.0*)?")
#: Fewer points than these may each have a class of its own.
_FEW = 10


def plain_labels(labels: np.ndarray, where: str, known: Collection[str] = ()) -> np.ndarray:
    """Return labels as int64 or text, one a point.

    Parameters
    ----------
    labels : ndarray of shape (n,), (n, 1), (1, n) or (n, k)
        Whole numbers of any type, booleans or text; k > 1 columns are one-hot.
    where : str
        Data set and file, for messages.
    known : collection of str
        Names of classes; a label among them is not missing, even if it is "None" or "NA".

    Returns
    -------
    ndarray of shape (n,)
        int64 where all labels are whole numbers, also as text; else str, without white space around it.

    Raises
    ------
    InputError
        If labels have another shape or type, a fraction, or are missing.
    """
    labels = _one_a_point(np.asarray(labels), where)
    if labels.dtype.kind == "O":
        labels = _of_objects(labels, where)
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "replace")
    if labels.dtype.kind in ("U", "T"):
        return _of_texts(labels.astype(np.str_), where, known)
    if labels.dtype.kind not in "biuf":
        raise InputError(f"{where}: labels are {labels.dtype}; give integers or strings")
    if labels.dtype.kind == "f":
        labels = labels.astype(np.float64)
        _refuse_missing(np.isnan(labels), where)
        fractional = ~(np.abs(labels) < 2**63) | (labels != np.floor(labels))
        if fractional.any():
            row = int(fractional.argmax())
            raise InputError(
                f"{where}: {int(fractional.sum())} labels are not whole numbers, the first in row {row} "
                f"({labels[row]}); give integers or strings"
            )
    elif labels.dtype.kind == "u" and labels.size and int(labels.max()) >= 2**63:
        raise InputError(f"{where}: the label {int(labels.max())} is too large; number the classes from 0")
    return labels.astype(np.int64)


def encode_labels(
    labels: np.ndarray,
    classes: tuple[str, ...] | None,
    where: str,
    noise_label: int | str | None = None,
    *,
    has_noise: bool = False,
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Map labels to ``0 … k - 1``, and those of noise to -1.

    Points of noise belong to no class. Their label is -1, as in scikit-learn and HDBSCAN, unless all labels are -1 or 1
    or the card names a class "-1"; or it is the label that the card names.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        As `plain_labels` returns them.
    classes : tuple of str or None
        The card's classes. Labels are then their names or, if numbers, positions from 0; or from 1, where 0 does not
        occur and the number of classes does. Without it the distinct labels, sorted, are the classes.
    where : str
        Data set and file, for messages.
    noise_label : int or str, optional
        The card's label of noise.
    has_noise : bool
        Whether -1 is noise even if 1 is the only other label.

    Returns
    -------
    codes : ndarray of shape (n,)
        int64.
    names : tuple of str
        Name of each class.

    Raises
    ------
    InputError
        If a label is not among the card's classes, or labels hardly repeat.
    """
    noise = _is_noise(labels, classes, noise_label, has_noise)
    codes = np.full(len(labels), NO_CLASS, dtype=np.int64)
    known = labels[~noise]
    if classes:
        codes[~noise] = _in_classes(known, classes, where, np.flatnonzero(~noise))
        return codes, classes
    distinct, inverse = np.unique(known, return_inverse=True)
    if len(labels) >= _FEW and len(distinct) > len(labels) / 2:
        raise InputError(
            f"{where}: {len(labels):,} points have {len(distinct):,} different labels ({distinct[0]}, {distinct[1]}, "
            "...): that numbers the points, and is no class; name what holds the classes"
        )
    codes[~noise] = inverse
    return codes, tuple(str(name) for name in distinct)


def _one_a_point(labels: np.ndarray, where: str) -> np.ndarray:
    if labels.ndim == 2 and 1 in labels.shape:
        return labels.ravel()
    if labels.ndim == 2 and labels.dtype.kind in "biuf":
        is_one = labels == 1
        if ((labels == 0) | is_one).all() and (is_one.sum(axis=1) == 1).all():
            return is_one.argmax(axis=1)
    if labels.ndim != 1:
        raise InputError(f"{where}: labels have shape {labels.shape}; give one label a point, shape (n,)")
    return labels


def _of_objects(labels: np.ndarray, where: str) -> np.ndarray:
    """Return labels that a table held as Python objects: text or numbers, not both."""
    _refuse_missing(np.array([each is None or each != each for each in labels], dtype=bool), where)
    kinds = {
        "text"
        if isinstance(each, str | bytes)
        else "numbers"
        if isinstance(each, int | float | np.number)
        else "objects"
        for each in labels
    }
    if len(kinds) > 1 or "objects" in kinds:
        raise InputError(f"{where}: labels are {' and '.join(sorted(kinds))}; give integers or strings")
    if kinds == {"text"}:
        return np.array([each.decode("utf-8", "replace") if isinstance(each, bytes) else each for each in labels])
    return np.array(labels.tolist())


def _of_texts(labels: np.ndarray, where: str, known: Collection[str]) -> np.ndarray:
    labels = np.char.strip(labels)
    distinct = np.unique(labels)
    _refuse_missing(np.isin(labels, [text for text in distinct if text in _MISSING and text not in known]), where)
    if len(distinct) and all(_WHOLE_NUMBER.fullmatch(text) for text in distinct):
        return labels.astype(np.float64).astype(np.int64)
    return labels


def _refuse_missing(missing: np.ndarray, where: str) -> None:
    if missing.any():
        raise InputError(
            f"{where}: {int(missing.sum())} labels are missing, the first in row {int(missing.argmax())} (counted from "
            "0); fill them, remove the rows, write -1 for a point that belongs to no class, or, where it is a class, "
            "name it in `classes` in a card"
        )


def has_label(labels: np.ndarray, label: int | str) -> bool:
    """Return whether a label, as a number or text, is among those that `plain_labels` returned."""
    return bool(_are(labels, label).any())


def _are(labels: np.ndarray, label: int | str) -> np.ndarray:
    """Return which labels equal the one that a card names."""
    text = str(label).strip()
    if labels.dtype.kind == "U":
        return labels == text
    return labels == int(float(text)) if _WHOLE_NUMBER.fullmatch(text) else np.zeros(len(labels), dtype=bool)


def _is_noise(
    labels: np.ndarray, classes: tuple[str, ...] | None, noise_label: int | str | None, has_noise: bool
) -> np.ndarray:
    noise = np.zeros(len(labels), dtype=bool) if noise_label is None else _are(labels, noise_label)
    if str(NO_CLASS) in (classes or ()):
        return noise
    minus_one = np.isin(labels, ["-1", "-1.0"]) if labels.dtype.kind == "U" else labels == NO_CLASS
    if not has_noise and labels.dtype.kind != "U" and set(np.unique(labels[~noise]).tolist()) == {-1, 1}:
        return noise  # the two classes of libsvm's files and of much of machine learning
    return noise | minus_one


def _in_classes(labels: np.ndarray, classes: tuple[str, ...], where: str, rows: np.ndarray) -> np.ndarray:
    by_name = labels.dtype.kind == "U" or all(_WHOLE_NUMBER.fullmatch(name) for name in classes)
    if by_name:
        position = {name: code for code, name in enumerate(classes)}
        names, inverse = np.unique(labels, return_inverse=True)
        codes = np.array([position.get(str(name), -1) for name in names], dtype=np.int64)[inverse]
    else:
        from_one = len(labels) > 0 and labels.min() == 1 and labels.max() == len(classes)
        codes = labels - 1 if from_one else labels
    strange = (codes < 0) | (codes >= len(classes))
    if strange.any():
        first = int(strange.argmax())
        right = (
            f"names from `classes` ({', '.join(classes[:3])}, ...)" if by_name else f"numbers 0 to {len(classes) - 1}"
        )
        raise InputError(
            f"{where}: label {str(labels[first])!r} in row {int(rows[first])} is not one of the card's {len(classes)} "
            f"classes; labels are {right}"
        )
    return codes
