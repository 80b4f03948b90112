"""Data-set cards: what a data set is, where its points lie, and how to get them ready for a method."""

from __future__ import annotations

import difflib
import os
import re
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.data.addresses import card_of_address, is_address, parse_address
from bench.data.card import Card, read_card
from bench.data.installed import announced_card, announced_cards
from bench.data.readers import OWN_DATA, parameters_of, splits_in
from bench.errors import InputError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from bench.data.dataset import Dataset

__all__ = [
    "Card",
    "card_names",
    "card_rows",
    "default_data_root",
    "download_dataset",
    "find_card",
    "fingerprint_card",
    "load_dataset",
]

# Suffix of a bare path → the loader that reads it.
_LOADERS = {
    ".npz": "npz",
    ".npy": "npy",
    ".mat": "mat",
    ".h5": "h5",
    ".hdf5": "h5",
    ".pt": "pt",
    ".pth": "pt",
    ".arff": "arff",
    ".csv": "table",
    ".tsv": "table",
    ".data": "table",
    ".dat": "table",
    ".txt": "table",
    ".parquet": "table",
}
_COMPRESSED = (".gz", ".bz2", ".xz")  # text tables only
# What a command says of data that it names by their path → the parameters of readers that take it.
_SAID_OF_PATHS = {"label": ("label", "y"), "header": ("header",), "separator": ("separator",)}


def card_names() -> list[str]:
    """Names of the built-in cards and of those that installed packages announce, sorted.

    An announced card that cannot have its name is warned of and left out.
    """
    return sorted([*_built_in_names(), *_announced()])


def find_card(spec: str) -> Card:
    """Find a card by name, by its file, or make one for a bare path or the address of data.

    Parameters
    ----------
    spec : str
        A name that is built in or that an installed package announces, a card's .toml, data (a file of a kind that is
        read, such as .npz or .csv, or a folder of images), or an address (``hf:OWNER/NAME`` or ``openml:ID``, see
        `bench.data.addresses`). Any of them may be followed by ``@split``, or ``@split+split``, to keep only those
        splits. A name goes before a folder of the same name: write ``./name`` for the folder.

    Returns
    -------
    Card
        Its ``name`` ends with ``@split`` where splits were left out.

    Raises
    ------
    InputError
        If nothing has that name, the card is not valid, or it has no such split.
    """
    if is_address(spec):
        address, at, wanted = spec.partition("@")
        found = card_of_address(address)
        return _with_splits(found, wanted.split("+")) if at else found
    whole = _whole(spec)
    if whole is not None:
        return whole
    base, at, wanted = spec.rpartition("@")
    card = _whole(base) if at else None
    if card is not None:
        return _with_splits(card, wanted.split("+"))
    name = base if at else spec
    if _suffix(Path(name)) in {".toml", *_LOADERS} or "/" in name or os.sep in name:
        raise InputError(f"data set {spec!r}: no such file or folder; mend the path")
    near = difflib.get_close_matches(name.lower(), card_names(), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise InputError(
        f"unknown data set {spec!r}; {hint}known: {', '.join(card_names())}; "
        f"otherwise give a path to a card (.toml) or to data ({', '.join(_LOADERS)}, a folder of images), "
        "hf:OWNER/NAME or openml:ID"
    )


def load_dataset(
    spec: str | Card,
    *,
    data_root: str | Path | None = None,
    limit: int | None = None,
    n_clusters: int | None = None,
    label: int | str | None = None,
    header: Literal["first", "none"] | None = None,
    separator: str | None = None,
) -> Dataset:
    """Load a data set ready for a method: found, read, verified, checked, scaled, limited.

    Parameters
    ----------
    spec : str or Card
        What `find_card` takes, or a card.
    data_root : str or Path, optional
        Where the files of torchvision and of cards with a fixed place lie; see `default_data_root`.
    limit : int, optional
        Keep this many points, the same ones for every seed and method; a limit above the size keeps all.
    n_clusters : int, optional
        Number of clusters, over what the card or the classes say.
    label : int or str, optional
        For data named by their path, what holds the labels: a column's name or position (0, -1), or an array's name.
    header : {"first", "none"}, optional
        For a table named by its path, whether its first row names the columns.
    separator : str, optional
        For a text table named by its path, what stands between two values.

    Returns
    -------
    Dataset
        ``x`` of shape (n, d), float32 in [0, 1]; splits are merged in the card's order.

    Raises
    ------
    InputError
        If the data are missing, damaged, changed or unfit, or the number of clusters is not known.

    Examples
    --------
    >>> load_dataset("digits").x.shape
    (1797, 64)
    """
    from bench.data.assemble import assemble

    card = _card(spec)
    said = {"label": label, "header": header, "separator": separator}
    for option, value in said.items():
        if value is None:
            continue
        parameter = None if isinstance(spec, Card) else parameter_for(option, spec)
        if parameter is None:
            raise InputError(
                f"data set {card.name!r}: --{option} {value} says how a file is read that is named by its path; of "
                f"this one ({card.loader}) its card says it"
            )
        card = card.model_copy(update={"parameters": {**card.parameters, parameter: value}})
    dataset = assemble(card, _root(data_root), limit, n_clusters)
    if card.loader == "hub" and card.classes is None:
        from bench.data.readers.hub import with_class_names

        return with_class_names(dataset, card)
    return dataset


def fingerprint_card(spec: str | Card, *, data_root: str | Path | None = None) -> dict[str, str]:
    """Compute what belongs in a card's ``fingerprint`` table for the data as they now lie there.

    Raises
    ------
    InputError
        If the data are missing or unfit.
    """
    from bench.data.assemble import read_checked

    card = _card(spec)
    parts = read_checked(card, _root(data_root))
    return {split: part.fingerprint for split, part in zip(card.splits, parts, strict=True)}


def download_dataset(spec: str | Card, data_root: str | Path | None = None) -> Path:
    """Fetch a data set of torchvision, the hub, OpenML or a card that says where its files live; return their folder.

    That of an address is fetched anew where the hub has a newer commit; a run itself takes what was fetched before.

    Raises
    ------
    InputError
        If there is nothing to fetch for this card, or the download fails.
    """
    from bench.data.readers import files, hub_files, openml, torchvision_images

    if isinstance(spec, str) and is_address(spec):
        name, (loader, parameters) = spec, parse_address(spec.partition("@")[0])
    else:
        card = _card(spec)
        name, loader, parameters = card.name, card.loader, card.parameters
        if loader.startswith("files:"):
            return files.download(card, _root(data_root))
    kind, _, member = loader.partition(":")
    if kind == "torchvision":
        return torchvision_images.download(member, name, _root(data_root))
    if kind == "hub" and "repo" in parameters:
        return hub_files.download(parameters["repo"], parameters.get("config"), parameters.get("revision"))
    if kind == "openml" and "data_id" in parameters:
        return openml.download(parameters["data_id"], _root(data_root))
    raise InputError(f"data set {name!r} is not downloaded (its loader is {loader!r}); use it as it is")


def card_rows(data_root: str | Path | None = None) -> list[dict[str, Any]]:
    """One row for each built-in or installed card, without reading data; for titles it imports the packages.

    An announced card that cannot be read is warned of and left out.

    Returns
    -------
    list of dict
        ``name``, ``title``, ``n``, ``shape``, ``classes`` (their number), ``licence`` and ``present``
        (whether it can be loaded without a download).
    """
    cards = [find_card(name) for name in _built_in_names()]
    for entry in _announced().values():
        try:
            cards.append(announced_card(entry))
        except InputError as error:
            warnings.warn(f"left out: {error}", RuntimeWarning, stacklevel=2)
    rows = []
    for card in sorted(cards, key=lambda card: card.name):
        rows.append(
            {
                "name": card.name,
                "title": card.title,
                "n": card.n,
                "shape": card.shape,
                "classes": len(card.classes) if card.classes else None,
                "licence": card.licence,
                "present": _is_present(card, _root(data_root)),
            }
        )
    return rows


def _is_present(card: Card, data_root: Path) -> bool:
    from bench.data.readers import files, torchvision_images

    kind, _, member = card.loader.partition(":")
    if kind == "files":
        return files.is_present(card, data_root)
    return kind != "torchvision" or not torchvision_images.missing_files(member, card.splits, data_root)


def default_data_root() -> Path:
    """Where data lie when nobody says: ``$DEEPCLUSTBENCH_DATA``, else the user's cache folder."""
    named = os.environ.get("DEEPCLUSTBENCH_DATA")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("deepclustbench") / "data"


def _root(data_root: str | Path | None) -> Path:
    return default_data_root() if data_root is None else Path(data_root).expanduser()


def _card(spec: str | Card) -> Card:
    return spec if isinstance(spec, Card) else find_card(spec)


def parameter_for(option: str, spec: str) -> str | None:
    """Return the parameter of a reader that an option of the command line sets.

    Parameters
    ----------
    option : {"label", "header", "separator"}
    spec : str
        What `find_card` takes.

    Returns
    -------
    str or None
        None for data that are named neither by the path of their file nor by an address: their card says how they are
        read.
    """
    loader = find_card(spec).loader
    written = (spec.rpartition("@")[0] or spec).endswith(".toml")
    if not is_address(spec) and (written or loader.partition(":")[0] not in OWN_DATA):
        return None
    taken = parameters_of(loader)
    return next((parameter for parameter in _SAID_OF_PATHS[option] if parameter in taken), None)


def _suffix(path: Path) -> str:
    """Return the suffix that says what a file holds, lower-case: that of ``table.csv.gz`` is .csv."""
    suffix = path.suffix.lower()
    inner = Path(path.stem).suffix.lower()
    return inner if suffix in _COMPRESSED and _LOADERS.get(inner) == "table" else suffix


def _built_in() -> Path:
    package = Path(__file__).parents[1]
    # The wheel's copy goes first: beside an installed `bench`, `datasets/` may be another package.
    wheel = package / "_cards"
    return wheel if wheel.is_dir() else package.parent / "datasets"


def _built_in_names() -> list[str]:
    return sorted(path.stem for path in _built_in().glob("*.toml"))


@cache
def _announced() -> Mapping[str, EntryPoint]:
    """Cards of installed packages by name; looked for, and their faults warned of, once a process."""
    return announced_cards(_built_in_names())


def _whole(spec: str) -> Card | None:
    """Card for a name or an existing path; None where `spec` is neither."""
    if spec in _built_in_names():
        return read_card(_built_in() / f"{spec}.toml")
    if spec in _announced():
        return announced_card(_announced()[spec])
    path = Path(spec).expanduser()
    if not spec or not path.exists():
        return None
    path = path.resolve()
    suffix = _suffix(path)
    if path.is_dir():
        loader = "image_folder"
    elif suffix == ".toml":
        return read_card(path)
    elif suffix in _LOADERS:
        loader = _LOADERS[suffix]
    else:
        raise InputError(f"{spec}: not a kind of file that is read; give .toml, {', '.join(_LOADERS)} or a folder")
    stem = path.name if path.is_dir() else path.name[: path.name.lower().rindex(suffix)]
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", stem) or "data"
    splits = splits_in(loader, path)
    return Card(name=name, title=path.name, loader=loader, splits=splits, parameters={"path": str(path)})


def _with_splits(card: Card, wanted: list[str]) -> Card:
    for split in wanted:
        if split not in card.splits:
            raise InputError(
                f"data set {card.name!r} has no split {split!r}; its splits are {', '.join(card.splits)} "
                "(several are joined with +)"
            )
    kept = tuple(split for split in card.splits if split in wanted)
    if kept == card.splits:
        return card
    # n counts all splits, so it says nothing about some of them.
    return card.model_copy(update={"name": f"{card.name}@{'+'.join(kept)}", "splits": kept, "n": None})
