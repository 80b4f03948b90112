"""Readers of data sets: the table of kinds, and what a reader is asked for and returns.

A format is one module of this package and one entry of `READERS`. The module is imported when a card asks for it, so
that nothing heavy is imported here. It has a function ``load(request, *, ...)`` that returns a `Raw`; the keywords and
their types are what a card's ``parameters`` may hold. These functions are optional:

``splits_in(path)``
    Return the names of the splits that a user's file or folder holds; without it there is one, ``"all"``.
``download(card, data_root)``
    Fetch the files and return their folder; None where the card does not say what to fetch.
``is_present(card, data_root)``
    Return whether the data can be loaded without a download; without it they can.
``with_class_names(dataset, card)``
    Return the data set with names of its classes from the source; called where the card names none.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.text import one_line

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Reader:
    """One kind of source.

    Attributes
    ----------
    module : str
        Name of the module in this package.
    members : tuple of str
        Names that follow the kind and a colon in a card's ``loader``; empty where nothing does.
    suffixes : tuple of str
        Suffixes of the user's files that are of this kind.
    compressions : tuple of str
        Suffixes that may follow those of `suffixes`.
    is_folder : bool
        Whether the data are a folder of the user's.
    has_one_type : bool
        Whether all points have the same type, which is then part of their fingerprints.
    """

    module: str
    members: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    compressions: tuple[str, ...] = ()
    is_folder: bool = False
    has_one_type: bool = False

    @property
    def is_own(self) -> bool:
        """Whether the data are a file or folder of the user's, named by the card's ``parameters.path``."""
        return self.is_folder or bool(self.suffixes)


_FILE_KINDS = {
    "npz": Reader("arrays", suffixes=(".npz",)),
    "npy": Reader("arrays", suffixes=(".npy",)),
    "mat": Reader("matlab", suffixes=(".mat",)),
    "h5": Reader("hdf5", suffixes=(".h5", ".hdf5")),
    "pt": Reader("tensors", suffixes=(".pt", ".pth")),
    "arff": Reader("arff", suffixes=(".arff",)),
    "table": Reader(
        "tables",
        suffixes=(".csv", ".tsv", ".data", ".dat", ".txt", ".parquet"),
        compressions=(".gz", ".bz2", ".xz"),
    ),
}

#: The part of a card's ``loader`` before the colon → its reader.
READERS: dict[str, Reader] = {
    "torchvision": Reader(
        "torchvision_images",
        members=("CIFAR10", "FashionMNIST", "KMNIST", "MNIST", "STL10", "USPS"),
        has_one_type=True,
    ),
    "sklearn": Reader("sklearn_bundled", members=("load_digits",), has_one_type=True),
    "synthetic": Reader("synthetic", members=("blobs",), has_one_type=True),
    **_FILE_KINDS,
    "image_folder": Reader("image_folder", is_folder=True),
    "hub": Reader("hub"),
    "openml": Reader("openml"),
    "files": Reader("files", members=tuple(_FILE_KINDS)),
}
#: Suffix of a user's file → its kind.
KIND_OF_SUFFIX = {suffix: kind for kind, reader in READERS.items() for suffix in reader.suffixes}


@dataclass(frozen=True)
class Request:
    """One split that a reader is asked for.

    Attributes
    ----------
    kind, member : str
        The card's ``loader``, before and after the colon.
    split : str
        The one split to read.
    data_root : Path
        Where the files of torchvision and of cards with a fixed place lie.
    path : Path
        The user's file or folder; meaningless for kinds where `Reader.is_own` is false.
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
    """One split as its source holds it: decoded, not scaled.

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
        The source's name of each point, such as a file of a folder; None where a point has only a position.
    has_noise : bool
        Whether a label of -1 is known to mean noise and not a class.
    """

    points: np.ndarray
    labels: np.ndarray | None
    source: str
    columns: tuple[str, ...] | None = None
    items: Sequence[str] | None = None
    has_noise: bool = False


def loader_names() -> list[str]:
    """Return every value that a card's ``loader`` may have."""
    return [
        f"{kind}:{member}" if member else kind for kind, reader in READERS.items() for member in reader.members or ("",)
    ]


def reader_of(loader: str) -> Reader:
    """Return the entry of `READERS` for a card's ``loader``."""
    return READERS[loader.partition(":")[0]]


def reader_module(loader: str) -> ModuleType:
    """Import the module that reads a card's ``loader``."""
    return importlib.import_module(f"bench.data.readers.{reader_of(loader).module}")


def read_request(request: Request, parameters: Mapping[str, Any]) -> Raw:
    """Read one split with the reader of the request's kind.

    Parameters
    ----------
    request : Request
    parameters : mapping
        A card's ``parameters``, without the ``path``.

    Returns
    -------
    Raw

    Raises
    ------
    InputError
        If the data are missing or unreadable, or the parameters do not fit the reader.
    """
    from pydantic import ValidationError, validate_call

    load = reader_module(request.kind).load
    try:
        # validate_call would also judge what happens inside `load`, so only the binding is checked by it.
        bound = validate_call(_binding(load))(request, **parameters)
    except ValidationError as error:
        known = parameters_of(request.kind)
        keys = ["path", *known] if reader_of(request.kind).is_own else known
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"card {request.card!r}: parameters.{key}: {one_line(first['msg'])}; "
            f"{f'{request.kind}:{request.member}'.rstrip(':')} takes {', '.join(keys) or 'no parameters'}"
        ) from None
    raw: Raw = load(request, **bound)
    return raw


def splits_of_path(loader: str, path: Path) -> tuple[str, ...]:
    """Return the splits that a file or folder of the user's holds, ``("all",)`` where it has none.

    Raises
    ------
    InputError
        If the file or folder cannot be read.
    """
    module = reader_module(loader)
    splits: tuple[str, ...] = module.splits_in(path) if hasattr(module, "splits_in") else ("all",)
    return splits


def parameters_of(loader: str) -> list[str]:
    """Return the keys that a card's ``parameters`` may have for a loader, without the ``path`` of own data."""
    return [key for key in reader_module(loader).load.__annotations__ if key not in ("request", "options", "return")]


def _binding(load: Any) -> Any:
    """Return a function with the signature of `load` that only returns its validated keywords."""

    @functools.wraps(load)
    def bind(_request: Request, **parameters: Any) -> dict[str, Any]:
        return parameters

    return bind


def comma_list(names: Iterable[object], most: int = 12) -> str:
    """Return the first names with commas between them, and the number of the others."""
    texts = [str(name) for name in names]
    rest = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + rest


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
