"""Finding cards and loading data sets: by name, path, address, or from an installed package."""

from __future__ import annotations

import difflib
import importlib
import os
import re
import warnings
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from bench.data.addresses import card_of_address, is_address, parse_address
from bench.data.card import NAME_PATTERN, Card, read_card
from bench.data.readers import KIND_OF_SUFFIX, READERS, parameters_of, reader_module, reader_of, splits_of_path
from bench.errors import InputError, plugin_faults
from bench.text import clean_name, import_fault

if TYPE_CHECKING:
    from bench.data.dataset import Dataset

#: The entry-point group of installed cards.
DATASETS_GROUP = "deepclustbench.datasets"


def card_names() -> list[str]:
    """Return the names of the built-in cards and of those of installed packages, sorted.

    An installed card whose name is invalid or in use is left out, with a warning.
    """
    return sorted([*_built_in_names(), *_installed()])


def find_card(spec: str) -> Card:
    """Find a card by name or path, or make one for the path or address of data.

    Parameters
    ----------
    spec : str
        The name of a built-in or installed card, a card's .toml, data (a file with a suffix of `KIND_OF_SUFFIX`, or a
        folder of images), or an address (see `bench.data.addresses`). ``@split``, or ``@split+split``, may follow to
        keep only those splits. A name goes before a folder of the same name: write ``./name`` for the folder.

    Returns
    -------
    Card
        Its ``name`` ends with ``@split`` if splits are left out.

    Raises
    ------
    InputError
        If nothing has that name, the card is not valid, or it has no such split.
    """
    if is_address(spec):
        address, at, splits = spec.partition("@")
        card = card_of_address(address)
        return _with_splits(card, splits.split("+")) if at else card
    whole = _whole(spec)
    if whole is not None:
        return whole
    base, at, splits = spec.rpartition("@")
    whole = _whole(base) if at else None
    if whole is not None:
        return _with_splits(whole, splits.split("+"))
    name = base if at else spec
    if _suffix(Path(name)) in {".toml", *KIND_OF_SUFFIX} or "/" in name or os.sep in name:
        raise InputError(f"data set {spec!r}: no such file or folder; mend the path")
    near = difflib.get_close_matches(name.lower(), card_names(), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise InputError(
        f"unknown data set {spec!r}; {hint}known: {', '.join(card_names())}; "
        f"otherwise give a path to a card (.toml) or to data ({', '.join(KIND_OF_SUFFIX)}, a folder of images), "
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
        Folder of the files that cards name or that are downloaded; see `default_data_root`.
    limit : int, optional
        Keep this many points, the same for every seed and method; a limit above the size keeps all.
    n_clusters : int, optional
        Number of clusters; by default that of the card or the number of classes.
    label : int or str, optional
        For data named by path or address, what holds the labels: a column's name or position (0, -1), or an array's
        name.
    header : {"first", "none"}, optional
        For a table named by path or address, whether its first row names the columns.
    separator : str, optional
        For a text table named by path or address, the character between two values.

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
    >>> from bench import load_dataset
    >>> load_dataset("digits").x.shape
    (1797, 64)
    """
    from bench.data.assemble import assemble

    card = _card(spec)
    options = {"label": label, "header": header, "separator": separator}
    for option, value in options.items():
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
    module = reader_module(card.loader)
    if card.classes is None and hasattr(module, "with_class_names"):
        dataset = module.with_class_names(dataset, card)
    return dataset


def fingerprint_card(spec: str | Card, *, data_root: str | Path | None = None) -> dict[str, str]:
    """Compute a card's ``fingerprint`` table for the data as they are now.

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
    """Download a data set, and return the folder that holds it.

    For an address of the hub this fetches the newest commit; runs use the commit that was fetched last.

    Raises
    ------
    InputError
        If there is nothing to download for this card, or the download fails.
    """
    is_bare = isinstance(spec, str) and is_address(spec)
    card = parse_address(str(spec).partition("@")[0]) if is_bare else _card(spec)
    module = reader_module(card.loader)
    folder: Path | None = module.download(card, _root(data_root)) if hasattr(module, "download") else None
    if folder is None:
        raise InputError(f"data set {card.name!r} is not downloaded (its loader is {card.loader!r}); use it as it is")
    return folder


def card_rows(data_root: str | Path | None = None) -> list[dict[str, Any]]:
    """Return one row for each built-in or installed card, without reading data.

    Packages with cards are imported for this; a card that cannot be read is left out, with a warning.

    Returns
    -------
    list of dict
        ``name``, ``title``, ``n``, ``shape``, ``classes`` (their number), ``licence`` and ``present``
        (whether it can be loaded without a download).
    """
    cards = [find_card(name) for name in _built_in_names()]
    for entry in _installed().values():
        try:
            cards.append(_installed_card(entry))
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
    module = reader_module(card.loader)
    return not hasattr(module, "is_present") or bool(module.is_present(card, data_root))


def default_data_root() -> Path:
    """Return ``$DEEPCLUSTBENCH_DATA``, else a folder in the user's cache."""
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
    """Return the reader's parameter that an option of the command line sets.

    Parameters
    ----------
    option : {"label", "header", "separator"}
    spec : str
        As `find_card` takes it.

    Returns
    -------
    str or None
        None where the reader has no such parameter, and for data with a card of their own, which holds the parameters.
    """
    loader = find_card(spec).loader
    is_card = (spec.rpartition("@")[0] or spec).endswith(".toml")
    if not is_address(spec) and (is_card or not reader_of(loader).is_own):
        return None
    names = ("label", "y") if option == "label" else (option,)
    return next((name for name in names if name in parameters_of(loader)), None)


def _suffix(path: Path) -> str:
    """Return the suffix that tells the kind of a file, lower-case; that of ``table.csv.gz`` is .csv."""
    suffix = path.suffix.lower()
    inner = Path(path.stem).suffix.lower()
    is_compressed = inner in KIND_OF_SUFFIX and suffix in READERS[KIND_OF_SUFFIX[inner]].compressions
    return inner if is_compressed else suffix


def _built_in() -> Path:
    package = Path(__file__).parents[1]
    # A wheel holds the cards as `bench/_cards`. It goes first: beside it, `datasets/` may be another package.
    in_wheel = package / "_cards"
    return in_wheel if in_wheel.is_dir() else package.parent / "datasets"


def _built_in_names() -> list[str]:
    return sorted(path.stem for path in _built_in().glob("*.toml"))


@cache
def _installed() -> Mapping[str, EntryPoint]:
    """Return the entry points of installed cards by name, without importing their packages.

    One whose name is invalid or in use is left out, with a warning; cached, so that this happens once a process.
    """
    built_in = _built_in_names()
    entries: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=DATASETS_GROUP), key=lambda e: (e.name, e.value)):
        if not re.fullmatch(NAME_PATTERN, entry.name):
            _warn_left_out(entry, "its name is none; write letters, digits, _ - and .")
        elif entry.name in built_in:
            _warn_left_out(entry, "a built-in data set has that name; give it another")
        elif entry.name in entries:
            _warn_left_out(entry, f"{entries[entry.name].value} has that name; give it another")
        else:
            entries[entry.name] = entry
    return MappingProxyType(entries)


def _installed_card(entry: EntryPoint) -> Card:
    """Import the module of an entry point, and read the card whose path its member is.

    A path, not a function that loads points, so that a data set is described by a file. A relative path starts at the
    folder of the module.

    Raises
    ------
    InputError
        If there is no such module, path or card.
    """
    what = f"data set {_entry_text(entry)}"
    module, _, member = (part.strip() for part in entry.value.partition(":"))
    with plugin_faults(lambda error: f"{what}: {import_fault(error)}", InputError):
        package = importlib.import_module(module)
        path: Any = getattr(package, member, None)
    if not isinstance(path, (str, os.PathLike)):
        fault = "it is not there" if path is None else f"it is of type {type(path).__name__}"
        raise InputError(f"{what}: {fault}; write the path of the card, a .toml, beside the module")
    try:
        card = read_card(Path(package.__file__ or "").parent / path)
    except InputError as error:
        raise InputError(f"{what}: {error}") from error
    if card.name != entry.name:
        raise InputError(f"{what}: its card is named {card.name!r}; give both one name")
    return card


def _warn_left_out(entry: EntryPoint, reason: str) -> None:
    warnings.warn(f"left out: data set {_entry_text(entry)}: {reason}", RuntimeWarning, stacklevel=3)


def _entry_text(entry: EntryPoint) -> str:
    return clean_name(f"{entry.name} = {entry.value}")


def _whole(spec: str) -> Card | None:
    """Return the card, with all splits, of a name or an existing path; None where `spec` is neither."""
    if spec in _built_in_names():
        return read_card(_built_in() / f"{spec}.toml")
    if spec in _installed():
        return _installed_card(_installed()[spec])
    path = Path(spec).expanduser()
    if not spec or not path.exists():
        return None
    path = path.resolve()
    suffix = _suffix(path)
    if path.is_dir():
        loader = next(kind for kind, reader in READERS.items() if reader.is_folder)
    elif suffix == ".toml":
        return read_card(path)
    elif suffix in KIND_OF_SUFFIX:
        loader = KIND_OF_SUFFIX[suffix]
    else:
        raise InputError(
            f"{spec}: not a kind of file that is read; give .toml, {', '.join(KIND_OF_SUFFIX)} or a folder"
        )
    stem = path.name if path.is_dir() else path.name[: path.name.lower().rindex(suffix)]
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", stem) or "data"
    splits = splits_of_path(loader, path)
    return Card(name=name, title=path.name, loader=loader, splits=splits, parameters={"path": str(path)})


def _with_splits(card: Card, names: list[str]) -> Card:
    for split in names:
        if split not in card.splits:
            raise InputError(
                f"data set {card.name!r} has no split {split!r}; its splits are {', '.join(card.splits)} "
                "(several are joined with +)"
            )
    kept = tuple(split for split in card.splits if split in names)
    if kept == card.splits:
        return card
    # n counts the points of all splits.
    return card.model_copy(update={"name": f"{card.name}@{'+'.join(kept)}", "splits": kept, "n": None})
