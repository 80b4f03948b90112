"""Reader of OpenML's tables through scikit-learn, which keeps downloads below the data root."""

from __future__ import annotations

import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

from bench.data.readers import Raw, Request, reading
from bench.errors import InputError
from bench.text import one_line

if TYPE_CHECKING:
    import numpy as np

    from bench.data.card import Card

# Seconds after which OpenML counts as out of reach.
_PATIENCE = 10
# Kinds of columns that have a distance.
_NUMBERS = ("numeric", "integer", "real")
# Most bytes of a sparse table that is made dense.
_MOST = 4 * 2**30


def load(request: Request, *, data_id: int, label: str | None = None, ignore: tuple[str, ...] = ()) -> Raw:
    """Read a data set of OpenML.

    Parameters
    ----------
    request : Request
    data_id : int
        Number of the data set on OpenML; each version has its own.
    label : str, optional
        Column of the labels, or "none"; by default OpenML's default target.
    ignore : tuple of str
        Columns that are neither features nor labels, beside those that OpenML ignores.

    Returns
    -------
    Raw
        Points of shape (n, n_columns); labels are numbers or strings.

    Raises
    ------
    InputError
        If there is no such data set or column, OpenML cannot be reached and nothing is kept from before, a feature is
        nominal, or the default target is not one column of classes.
    """
    data, kinds = _fetch(data_id, request.data_root, label)
    source = f"openml:{data_id} ({data.details.get('name')}, version {data.details.get('version')})"
    for name in ignore:
        if name not in data.feature_names:
            raise InputError(f"{source}: has no column {name!r}; its columns are {', '.join(data.feature_names)}")
    kept = [name for name in data.feature_names if name not in ignore]
    if not kept:
        raise InputError(f"{source}: has no features; leave fewer columns out")
    nominal = [name for name in kept if kinds[name] not in _NUMBERS]
    if nominal:
        raise InputError(
            f"{source}: {len(nominal)} of {len(kept)} features are nominal or text ({', '.join(nominal[:5])}), which "
            "have no distance; leave them out with parameters.ignore in a card"
        )
    points = _dense(data, kept, source) if data.frame is None else data.data[kept].to_numpy()
    return Raw(points, _labels(data, kinds, label, source), source, tuple(kept))


def download(card: Card, data_root: Path) -> Path | None:
    """Download a data set into the data root, and return the folder that holds it; None for a card without a number.

    Raises
    ------
    InputError
        If there is no such data set, or the download fails.
    """
    if "data_id" not in card.parameters:
        return None
    _fetch(card.parameters["data_id"], data_root, None)
    return data_root / "openml"


def _fetch(data_id: int, data_root: Path, label: str | None) -> tuple[Any, dict[str, str]]:
    """Return a data set as scikit-learn gives it, and the kind of each column."""
    from sklearn.datasets import fetch_openml
    from sklearn.datasets._openml import _get_data_features

    source = f"openml:{data_id}"
    mend = "see that the number is right (the last part of the data set's address on OpenML), or try again later"
    with reading(source, mend), _quick():
        try:
            features = _get_data_features(data_id, str(data_root / "openml"), n_retries=1)
            kinds = {str(feature["name"]): str(feature["data_type"]).lower() for feature in features}
            target = None if label == "none" and label not in kinds else label or "default-target"
            if target not in (None, "default-target", *kinds):
                raise InputError(f"{source}: has no column {label!r}; its columns are {', '.join(kinds)}")
            # With the parser "auto", pandas reads dense tables, in seconds where liac-arff takes minutes. It fails on
            # categories that are numbers, such as MNIST's, so nominal columns are read as text.
            data = fetch_openml(
                data_id=data_id,
                data_home=data_root,
                target_column=target,
                n_retries=1,
                read_csv_kwargs={"dtype": {i: str for i, kind in enumerate(kinds.values()) if kind not in _NUMBERS}},
            )
        except (URLError, TimeoutError) as error:
            raise InputError(
                f"{source}: not, or not wholly, in {data_root / 'openml'}, and OpenML cannot be reached "
                f"({one_line(getattr(error, 'reason', error))}); fetch it where there is a network "
                f"(`deepclustbench datasets --download {source}`), and point --data-root (DEEPCLUSTBENCH_DATA) at it"
            ) from error
    return data, kinds


@contextmanager
def _quick() -> Iterator[None]:
    """Limit the time that a connection waits for an answer: scikit-learn sets no limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_PATIENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _dense(data: Any, kept: list[str], source: str) -> np.ndarray:
    """Return a sparse table as a dense array, unless it is too large."""
    n_bytes = data.data.shape[0] * len(kept) * 8
    if n_bytes > _MOST:
        raise InputError(
            f"{source}: is sparse, and made dense would take {n_bytes / 1e9:.1f} GB; leave columns out with "
            "parameters.ignore in a card"
        )
    warnings.warn(f"{source}: is sparse; made dense it takes {n_bytes / 1e6:,.1f} MB", RuntimeWarning, stacklevel=2)
    columns = [data.feature_names.index(name) for name in kept]
    dense: np.ndarray = data.data.tocsc()[:, columns].toarray()
    return dense


def _labels(data: Any, kinds: dict[str, str], label: str | None, source: str) -> np.ndarray | None:
    import numpy as np
    import pandas as pd

    if len(data.target_names) > 1:
        raise InputError(
            f"{source}: has {len(data.target_names)} targets, {', '.join(data.target_names[:5])}; name one with "
            "--label, or in a card with parameters.label"
        )
    if not data.target_names:
        return None
    name = data.target_names[0]
    if kinds[name] in _NUMBERS and label is None:
        raise InputError(
            f"{source}: its default target {name!r} is a quantity, not a class; name the labels with --label, or in a "
            "card with parameters.label"
        )
    target = pd.Series(np.ravel(data.target))
    missing = target.isna().to_numpy()
    if missing.any():
        raise InputError(
            f"{source}: column {name!r} lacks {int(missing.sum())} labels, the first in row {int(missing.argmax())}; "
            "name another with parameters.label in a card"
        )
    if kinds[name] in _NUMBERS:
        return target.to_numpy()
    # A text may be in quotation marks in ARFF.
    return target.astype(str).str.replace(r"^'(.*)'$", r"\1", regex=True).to_numpy(dtype=np.str_)
