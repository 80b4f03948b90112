"""Readers of data, one module a kind of source, and what is done to data before a method sees it.

Nothing heavy is imported here: a reader's module is imported when a card asks for it.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.text import one_line

if TYPE_CHECKING:
    import numpy as np

    from bench.data.card import Card

# What a card's `loader` may say before the colon: the module, and the names that may follow the colon.
MODULES: dict[str, tuple[str, tuple[str, ...]]] = {
    "torchvision": ("torchvision_images", ("CIFAR10", "FashionMNIST", "KMNIST", "MNIST", "STL10", "USPS")),
    "sklearn": ("sklearn_bundled", ("load_digits",)),
    "synthetic": ("synthetic", ("blobs",)),
    "npz": ("arrays", ()),
    "npy": ("arrays", ()),
    "mat": ("matlab", ()),
    "h5": ("hdf5", ()),
    "pt": ("tensors", ()),
    "arff": ("arff", ()),
    "table": ("tables", ()),
    "image_folder": ("image_folder", ()),
    "hub": ("hub", ()),
    "openml": ("openml", ()),
    "files": ("files", ("npz", "npy", "mat", "h5", "pt", "arff", "table")),
}
# Kinds whose points lie in a file or folder of the user's, named by the card's `parameters.path`.
OWN_DATA = ("npz", "npy", "mat", "h5", "pt", "arff", "table", "image_folder")
# Kinds whose reader gives points of one type, which is part of their fingerprints.
OF_ONE_TYPE = ("torchvision", "sklearn", "synthetic")


@dataclass(frozen=True)
class Request:
    """What a reader is asked for.

    Attributes
    ----------
    kind, member : str
        The card's ``loader``, before and after the colon.
    split : str
        The one split to read.
    data_root : Path
        Where the files of torchvision and of cards with a fixed place lie.
    path : Path
        The user's file or folder; meaningless for the kinds that are not `OWN_DATA`.
    card : str
        Name of the card, for messages.
    """

    kind: str
    member: str
    split: str
    data_root: Path
    path: Path
    card: str


@dataclass(frozen=True, eq=False)
class Raw:
    """One split as its file holds it: decoded, not scaled.

    Attributes
    ----------
    points : ndarray of shape (n, d), (n, height, width) or (n, height, width, channels)
        Points in the type the source has them in.
    labels : ndarray of shape (n,) or None
        Numbers or strings; None for unlabelled data.
    source : str
        The file, folder or package that the points came from, for messages.
    columns : tuple of str or None
        Names of a table's features.
    items : sequence of str or None
        What the source calls each point, such as a file of a folder; None where it has but a position.
    has_noise : bool
        Whether the labels are known to write noise as -1, and no class.
    """

    points: np.ndarray
    labels: np.ndarray | None
    source: str
    columns: tuple[str, ...] | None = None
    items: Sequence[str] | None = None
    has_noise: bool = False


def loader_names() -> list[str]:
    """Every value that a card's ``loader`` may have."""
    return [f"{kind}:{member}" if member else kind for kind in MODULES for member in MODULES[kind][1] or ("",)]


def read_split(card: Card, split: str, data_root: Path) -> Raw:
    """Read one split of a card with the reader that the card names.

    Parameters
    ----------
    card : Card
    split : str
        One of the card's splits.
    data_root : Path
        Where the files of torchvision and of cards with a fixed place lie.

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
    path = _own_path(card, split, parameters) if kind in OWN_DATA else data_root
    return read_with(Request(kind, member, split, data_root, path, card.name), parameters)


def read_with(request: Request, parameters: Mapping[str, Any]) -> Raw:
    """Read one split with the reader of the request's kind; parameters and errors as for `read_split`."""
    from pydantic import ValidationError, validate_call

    load = _module(request.kind).load
    try:
        # validate_call would also judge what happens inside `load`, so only the binding is checked by it.
        bound = validate_call(_binding(load))(request, **parameters)
    except ValidationError as error:
        known = parameters_of(request.kind)
        keys = ["path", *known] if request.kind in OWN_DATA else known
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"card {request.card!r}: parameters.{key}: {one_line(first['msg'])}; "
            f"{f'{request.kind}:{request.member}'.rstrip(':')} takes {', '.join(keys) or 'no parameters'}"
        ) from None
    raw: Raw = load(request, **bound)
    return raw


def splits_in(loader: str, path: Path) -> tuple[str, ...]:
    """Return the splits that a file or folder of the user's holds, ``("all",)`` where it has none.

    A reader whose files may hold several has a function ``splits_in``, and reads the one that `Request.split` names.

    Raises
    ------
    InputError
        If the file or folder cannot be read.
    """
    module = _module(loader)
    found: tuple[str, ...] = module.splits_in(path) if hasattr(module, "splits_in") else ("all",)
    return found


def parameters_of(loader: str) -> list[str]:
    """Return what a card's ``parameters`` may hold for a loader, beside the ``path`` of `OWN_DATA`."""
    return [key for key in _module(loader).load.__annotations__ if key not in ("request", "options", "return")]


def _module(loader: str) -> ModuleType:
    return importlib.import_module(f"bench.data.readers.{MODULES[loader.partition(':')[0]][0]}")


def _binding(load: Any) -> Any:
    """Return a function with the signature of `load` that only returns its validated keywords."""

    @functools.wraps(load)
    def bind(_request: Request, **parameters: Any) -> dict[str, Any]:
        return parameters

    return bind


def _own_path(card: Card, split: str, parameters: dict[str, Any]) -> Path:
    """Take ``path`` out of the parameters: one path, or a table with a path for each split."""
    path = parameters.pop("path", None)
    if isinstance(path, dict):
        path = path.get(split)
    elif len(card.splits) > 1 and not _holds(card, path):
        path = None
    if not isinstance(path, str):
        raise InputError(
            f"card {card.name!r}: loader {card.loader!r} needs parameters.path: the file or folder, "
            f"or a table with one for each split ({', '.join(card.splits)})"
        )
    if not Path(path).exists():
        raise InputError(f"card {card.name!r}: {path} does not exist; mend parameters.path in the card")
    return Path(path)


def _holds(card: Card, path: Any) -> bool:
    """Say whether one path may serve all splits of a card: it does not exist, which is told later, or holds them."""
    return isinstance(path, str) and (
        not Path(path).exists() or set(card.splits) <= set(splits_in(card.loader, Path(path)))
    )


@contextmanager
def reading(source: object, mend: str) -> Iterator[None]:
    """Raise `InputError` that names `source` and the `mend` for whatever goes wrong inside.

    Readers of damaged files raise anything from AssertionError to UnpicklingError, so all of it is caught;
    the original stays as the cause.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        detail = one_line(error)
        reason = f"{type(error).__name__}: {detail}" if detail else type(error).__name__
        raise InputError(f"{source}: cannot be read ({reason}); {mend}") from error
