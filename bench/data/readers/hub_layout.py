"""Which files of a Hugging Face repository belong to which split of which configuration."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from bench.data.readers import comma_list
from bench.errors import InputError

#: Split → its files, in order.
Splits = dict[str, tuple[str, ...]]

_SUFFIXES = (".parquet", ".csv")
# Words in names of files and folders that the hub takes for a split, in the order of its splits.
_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_SPLIT_OF = {word: split for split, words in _WORDS.items() for word in words}
_SHARD = re.compile(r"(?P<base>.+)-\d{5}-of-(?P<count>\d{5})(-[0-9a-f]{16})?")


def _data_files(files: Iterable[str]) -> list[str]:
    """Return the files that can hold points, sorted; ``metadata.csv`` describes images and holds none."""
    paths = [PurePosixPath(file) for file in files]
    return sorted(str(path) for path in paths if path.suffix in _SUFFIXES and path.name != "metadata.csv")


def configurations(files: Iterable[str], metadata: Mapping[str, Any], source: str) -> dict[str, Splits]:
    """Sort the data files of a repository by configuration and split, as the hub does.

    Parameters
    ----------
    files : iterable of str
        Paths in the repository.
    metadata : mapping
        The YAML header of its README.md: ``configs`` says which files belong to which split. Without it, the names of
        files and folders do: ``train-00000-of-00001.parquet``, ``test.csv``, ``CONFIG/validation/0000.parquet``.
    source : str
        For messages.

    Returns
    -------
    dict of str to dict of str to tuple of str
        Configuration → split → files. A split that is declared without a file that exists has none.

    Raises
    ------
    InputError
        If the names do not tell which files hold the data.
    """
    usable = _data_files(files)
    declared = metadata.get("configs")
    if not declared:
        return _inferred(usable, source)
    configs: dict[str, Splits] = {}
    for entry in declared:
        folder, chosen = entry.get("data_dir") or "", entry.get("data_files")
        if chosen is None:
            below = [file for file in usable if not folder or file.startswith(f"{folder.strip('/')}/")]
            splits = {split: paths for config in _inferred(below, source).values() for split, paths in config.items()}
        else:
            splits = {
                split: _matching(usable, [posixpath.normpath(posixpath.join(folder, each)) for each in patterns])
                for split, patterns in _patterns(chosen).items()
            }
        configs[str(entry["config_name"])] = splits
    return {config: splits for config, splits in configs.items() if any(splits.values())}


def choose_configuration(
    configs: Mapping[str, Splits], metadata: Mapping[str, Any], config: str | None, source: str
) -> str:
    """Return the name of the configuration to read: the one asked for, the only one, or the default of the README.

    Raises
    ------
    InputError
        If there is no such configuration, or there are several and none is the default.
    """
    if config is not None:
        if config not in configs:
            raise InputError(f"{source}: has no configuration {config!r}; it has {comma_list(configs)}")
        return config
    if len(configs) == 1:
        return next(iter(configs))
    marked = [str(e["config_name"]) for e in metadata.get("configs") or () if e.get("default")]
    defaults = [each for each in (*marked, "default") if each in configs]
    if not defaults:
        raise InputError(
            f"{source}: has several configurations, {comma_list(configs)}; write which: hf:OWNER/NAME:CONFIG, or "
            "parameters.config in a card"
        )
    return defaults[0]


def missing_parts(splits: Splits, metadata: Mapping[str, Any], config: str) -> list[str]:
    """Return the splits and numbered files that the README or the names of files announce and `splits` lacks."""
    lacking = [split for split, files in splits.items() if not files]
    infos = metadata.get("dataset_info") or ()
    for info in [infos] if isinstance(infos, Mapping) else infos:
        if str(info.get("config_name", config)) == config:
            lacking += [str(each["name"]) for each in info.get("splits") or () if each["name"] not in splits]
    counts: dict[tuple[str, int], int] = {}
    for file in {file for files in splits.values() for file in files}:
        if shard := _SHARD.fullmatch(PurePosixPath(file).stem):
            base = str(PurePosixPath(file).parent / shard["base"])
            counts[base, int(shard["count"])] = counts.get((base, int(shard["count"])), 0) + 1
    return lacking + [
        f"{promised - n} of {base}'s {promised} files" for (base, promised), n in counts.items() if n < promised
    ]


def _inferred(files: Sequence[str], source: str) -> dict[str, Splits]:
    suffixes = {PurePosixPath(file).suffix for file in files}
    if len(suffixes) > 1:
        raise InputError(
            f"{source}: holds {' and '.join(sorted(suffixes))} files and does not say which are the data; take the "
            "copy that the hub makes: #refs/convert/parquet"
        )
    configs: dict[str, dict[str, list[str]]] = {}
    for file in files:
        config, split = _place(PurePosixPath(file), source)
        configs.setdefault(config, {}).setdefault(split, []).append(file)
    return {
        config: {split: tuple(splits[split]) for split in sorted(splits, key=_rank)}
        for config, splits in configs.items()
    }


def _rank(split: str) -> tuple[int, str]:
    known = list(_WORDS)
    return (known.index(split) if split in known else len(known), split)


def _place(path: PurePosixPath, source: str) -> tuple[str, str]:
    """Return the configuration and the split that the path of a file stands for."""
    folders = list(path.parts[:-1])
    if any(folder.startswith("partial-") for folder in folders):
        raise InputError(
            f"{source}: the hub's parquet copy holds only a part of this data set ({path}); it is too large"
        )
    shard = _SHARD.fullmatch(path.stem)
    base = shard["base"] if shard else path.stem
    split = None
    if shard and re.fullmatch(r"\w+(\.\w+)*", base):
        split = _SPLIT_OF.get(base, base)
    elif re.fullmatch(r"\d+", base) and folders:
        split = folders.pop()
    elif words := _words(base):
        split = words[-1]
    else:
        for folder in reversed(folders):
            if words := _words(folder):
                split = words[-1]
                folders.remove(folder)
                break
    folders = [folder for folder in folders if folder != "data"]
    return folders[0] if folders else "default", split or "train"


def _words(name: str) -> list[str]:
    return [_SPLIT_OF[word] for word in re.findall(r"[a-z]+", name.lower()) if word in _SPLIT_OF]


def _patterns(chosen: Any) -> dict[str, list[str]]:
    """Return the patterns of each split: ``data_files`` is a pattern, a list of them, or a list with ``split``."""
    if isinstance(chosen, Mapping):
        chosen = [{"split": split, "path": path} for split, path in chosen.items()]
    if isinstance(chosen, str):
        chosen = [chosen]
    patterns: dict[str, list[str]] = {}
    for each in chosen:
        split, path = ("train", each) if isinstance(each, str) else (str(each.get("split", "train")), each["path"])
        patterns.setdefault(split, []).extend([path] if isinstance(path, str) else path)
    return patterns


def _matching(files: Sequence[str], patterns: Sequence[str]) -> tuple[str, ...]:
    from fsspec.utils import glob_translate  # the hub's own patterns are fsspec's

    matches: dict[str, None] = {}
    for pattern in patterns:
        expression = re.compile(glob_translate(pattern))
        matches |= dict.fromkeys(file for file in files if expression.match(file))
    return tuple(matches)
