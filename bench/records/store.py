"""The folder of a run: a record and a file of raw outputs for each seed and configuration, each written whole.

A published folder holds them in archives instead; a file beside an archive precedes what it holds of the same key.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import warnings
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import tomli_w
from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from bench.data.addresses import is_address
from bench.errors import InputError
from bench.plan.cells import Cell
from bench.plan.suite import Suite
from bench.records.archive import Archive, archive_name, packed
from bench.records.record import Items, PlannedRuns, Record
from bench.text import one_line

if TYPE_CHECKING:
    import pandas as pd

    from bench.data.dataset import Dataset


class Run:
    """The folder of one run.

    Parameters
    ----------
    folder : path
        Created when something is written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._records = self.folder / "records"
        self._outputs = self.folder / "outputs"
        self._data = self.folder / "data"

    @cached_property
    def _archives(self) -> list[Archive]:
        return [Archive(path) for path in sorted((self.folder / "archives").glob("*.zip"))]

    def lock(self) -> FileLock:
        """Take the run for this process; it is free again when the process ends, however it ends.

        Raises
        ------
        InputError
            If another process writes to this run.
        """
        try:
            self._records.mkdir(parents=True, exist_ok=True)
            self._outputs.mkdir(exist_ok=True)
            lock = FileLock(self.folder / ".lock")
            lock.acquire(timeout=0)
            for folder in (self._records, self._outputs, self._data):
                for partial in folder.glob("*.partial"):  # a killed process left them; nothing refers to them
                    partial.unlink()
        except Timeout:
            raise InputError(f"{self.folder}: another process is writing to this run; wait or take --out") from None
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be written ({error}); take another --out") from error
        for folder in (self._records, self._outputs):
            for path in folder.iterdir():
                if path.is_dir() and not path.is_symlink():
                    raise InputError(f"{path}: a folder stands where a file of the run belongs; move it away")
        return lock

    def has_records(self) -> bool:
        """Tell whether there are records, readable or not."""
        return any(self._records.glob("*.json")) or any(archive.record_keys for archive in self._archives)

    def write(self, record: Record, outputs: Mapping[str, np.ndarray]) -> None:
        """Store a cell, outputs first: a record that exists is complete.

        Raises
        ------
        InputError
            If they cannot be written, for want of space or rights.
        """
        stored = self._outputs / f"{record.key}.npz"
        if outputs:
            self._put(stored, lambda path: _save(path, outputs))
        else:
            stored.unlink(missing_ok=True)
        self.write_file(f"records/{record.key}.json", record.model_dump_json(indent=1))

    def records(self) -> Iterator[Record]:
        """Yield every record; one that cannot be read is warned of and left out."""
        readers = {key: archive.record for archive in self._archives for key in archive.record_keys}
        readers |= dict.fromkeys(_names(self._records, ".json"), self._read_record)
        for key in sorted(readers):
            try:
                record = Record.model_validate_json(readers[key](key))
                if record.key != key:
                    raise ValueError("its key is not its name")
            except _UNREADABLE as error:
                reason = reading_fault(error)
                path = self._records / f"{key}.json"
                warnings.warn(f"{path}: unreadable record left out ({reason})", RuntimeWarning, stacklevel=2)
                continue
            yield record

    def _read_record(self, key: str) -> bytes:
        path = f"{self._records}/{key}.json"
        if not os.path.isfile(path):  # noqa: PTH113 - a pipe would be waited for; a path costs as much as the reading
            raise ValueError("it is no file")
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read()

    def output_keys(self) -> set[str]:
        """Return the keys of the runs of which raw outputs are there; an archive has labels and histories alone."""
        return set(_names(self._outputs, ".npz")).union(*(archive.output_keys for archive in self._archives))

    def outputs(self, key: str, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
        """Return the raw outputs of a cell, or those of some names; nothing in them is ever executed.

        Raises
        ------
        InputError
            If they are missing or damaged.
        """
        path = self._outputs / f"{key}.npz"
        archived = [archive for archive in self._archives if key in archive.output_keys]
        try:
            return _arrays(path if path.exists() or not archived else archived[0].outputs(key), names)
        except _UNREADABLE as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"{path}: raw outputs cannot be read ({reason}); repeat the run with --force") from error

    def archive(self, target: Run) -> list[Path]:
        """Write the runs of this folder into archives of another, one a data set, with all else that reports need.

        Raises
        ------
        InputError
            If they cannot be written.
        """
        by_dataset: dict[str, list[Record]] = {}
        for record in self.records():
            by_dataset.setdefault(archive_name(record.dataset, record.fingerprint), []).append(record)
        kept = self.output_keys()
        for name, records in by_dataset.items():
            runs = ((r.key, r.model_dump_json(indent=1), self.outputs(r.key) if r.key in kept else {}) for r in records)
            target.update_file(f"archives/{name}", packed(runs))
        # Not the names of the points, which are paths of this machine.
        for path in (*self._data.glob("*.npz"), *(self.folder / name for name in _ARCHIVED)):
            if path.is_file():
                target.update_file(str(path.relative_to(self.folder)), path.read_bytes())
        return [target.folder / "archives" / name for name in sorted(by_dataset)]

    def write_dataset(self, dataset: Dataset) -> None:
        """Keep what reports need of a data set, so that they can be made where the data are not.

        ``samples`` (m, *image_shape), for images; ``classes`` (n,) and ``class_names``, where there are labels;
        ``scaling``, where it is known; ``source``, where that is an address, which has the commit of data of the hub.
        What the source calls the points is kept beside it as text, for `items`: by content and name, since two folders
        of equal images may call them differently. Of one name, the last one written stays.
        """
        kept: dict[str, np.ndarray] = {}
        if dataset.image_shape is not None:
            kept["samples"] = dataset.x[dataset.sample_indices()].reshape(-1, *dataset.image_shape)
        if dataset.classes is not None:
            kept["classes"] = dataset.classes
            kept["class_names"] = np.array(dataset.class_names or [], dtype=np.str_)
        if dataset.scaling:
            kept["scaling"] = np.array(dataset.scaling, dtype=np.str_)
        if is_address(dataset.source):
            kept["source"] = np.array(dataset.source, dtype=np.str_)
        packed = io.BytesIO()
        np.savez_compressed(packed, **kept)  # type: ignore[arg-type]
        self.update_file(f"data/{dataset.fingerprint}.npz", packed.getvalue())
        if dataset.items is not None:
            source = dataset.source
            if source and Path(source).exists():  # a later command may be given in another folder
                source = str(Path(source).absolute())
            items = {"dataset": dataset.name, "source": source, "items": list(map(str, dataset.items))}
            text = json.dumps(items, ensure_ascii=False, indent=0)
            name = hashlib.sha256(dataset.name.encode()).hexdigest()[:8]
            # A file's name need not be UTF-8: what is not is a surrogate.
            content = text.encode("utf-8", "surrogatepass")
            self.update_file(f"data/{dataset.fingerprint}.{name}.items.json", content)

    def dataset(self, fingerprint: str) -> dict[str, np.ndarray]:
        """Return what `write_dataset` kept of a data set; nothing where it kept nothing or it is damaged."""
        try:
            return _arrays(self._data / f"{fingerprint}.npz")
        except _UNREADABLE:
            return {}

    def items(self, fingerprint: str) -> list[Items]:
        """Return what sources call the points of a data set, one entry a name of it; damaged files are left out."""
        named = []
        for path in sorted(self._data.glob(f"{fingerprint}.*.items.json")):
            with suppress(OSError, ValueError):
                named.append(Items.model_validate(json.loads(path.read_bytes().decode("utf-8", "surrogatepass"))))
        return named

    def write_suite(self, suite: Suite) -> None:
        """Store the suite as it was resolved."""
        self.update_file("suite.toml", tomli_w.dumps(suite.model_dump(exclude_none=True)))

    def write_plan(self, cells: Iterable[Cell], boards: Mapping[tuple[str, str], list[str]]) -> None:
        """Store what is to be reported, so that a report knows which runs are missing.

        Parameters
        ----------
        cells : iterable of Cell
        boards : mapping of (str, str) to list of str
            As `bench.selection.choices.boards_by_configuration` returns them.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        planned: dict[tuple[str, str], PlannedRuns] = {}
        for cell in cells:
            place = cell.fingerprint, cell.configuration.config
            if place not in planned:
                asked = cell.configuration.role == "asked"
                standing = boards.get(place, []) if boards else ["fixed"] * asked
                planned[place] = PlannedRuns(**cell.facts, boards=standing, keys={})
            planned[place].keys[cell.seed] = cell.key
        self.update_file("plan.json", _PLAN.dump_json(list(planned.values()), indent=1))

    def plan(self) -> list[PlannedRuns]:
        """Return what was to be run by the last command; nothing where that was not kept.

        Raises
        ------
        InputError
            If the file is not valid.
        """
        path = self.folder / "plan.json"
        if not path.is_file():
            return []
        try:
            return _PLAN.validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            mend = "delete it, or repeat the command of the run"
            raise InputError(f"{path}: not a valid plan ({reading_fault(error)}); {mend}") from error

    def planned_keys(self) -> set[str]:
        """Return the keys of the runs that the last command asked for; empty where that was not stored.

        Raises
        ------
        InputError
            If the file is not valid.
        """
        return {key for planned in self.plan() for key in planned.keys.values()}

    def note_command(self, command: str) -> None:
        """Keep a command that wrote to this run, each once, in ``commands.txt``.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        commands = self.commands()
        if command not in commands:
            self.write_file("commands.txt", "\n".join([*commands, command]) + "\n")

    def commands(self) -> list[str]:
        """Return the commands that wrote to this run, the first one first."""
        try:
            path = self.folder / "commands.txt"
            return path.read_text().splitlines() if path.is_file() else []
        except (OSError, UnicodeDecodeError):
            return []

    def write_file(self, name: str, content: str | bytes) -> None:
        """Store a file of the run, whole.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        data = content.encode() if isinstance(content, str) else content
        self._put(self.folder / name, lambda path: path.write_bytes(data))

    def update_file(self, name: str, content: str | bytes) -> None:
        """Store a file of the run, unless it holds this content already.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        data, path = content.encode() if isinstance(content, str) else content, self.folder / name
        with suppress(OSError):  # what cannot be read is written anew
            if path.is_file() and path.read_bytes() == data:
                return
        self.write_file(name, data)

    def remove_file(self, name: str) -> None:
        """Remove a file of the run, if it is there and can be."""
        with suppress(OSError):
            (self.folder / name).unlink()

    def write_table(self, name: str, frame: pd.DataFrame) -> None:
        """Store a table of the run as parquet, whole.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        self._put(self.folder / name, lambda path: frame.to_parquet(path, index=False))

    def _put(self, path: Path, write: Callable[[Path], object]) -> None:
        partial = path.with_name(f"{path.name}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(partial)
            _commit(partial, path)
        except OSError as error:
            raise self._cannot_be_written(error, partial) from error

    def _cannot_be_written(self, error: OSError, partial: Path) -> InputError:
        with suppress(OSError):  # it holds the last of the space
            partial.unlink()
        reason = "finished runs are kept, and the same command continues from there"
        return InputError(f"{self.folder}: cannot be written ({error}); {reason}")


def reading_fault(error: Exception) -> str:
    """Return in a line why a file cannot be read as what it should be: the first key that is wrong, and how."""
    if not isinstance(error, ValidationError):
        return one_line(error)
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    return one_line(f"{key + ': ' if key else ''}{first['msg']}")


#: Files of a run that an archived one has too, beside its data sets.
_ARCHIVED = ("suite.toml", "plan.json", "experiment.json", "commands.txt")
_PLAN = TypeAdapter(list[PlannedRuns])
_UNREADABLE = (OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error)


def _save(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with path.open("wb") as file:  # a file, not its name: numpy would add a suffix
        np.savez_compressed(file, **dict(arrays))  # type: ignore[arg-type]


def _names(folder: Path, suffix: str) -> list[str]:
    """Return the names of the files of a folder that have a suffix, without it; none where there is no folder."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - a path for each of 100,000 names takes a second
    except FileNotFoundError:
        return []
    return [name.removesuffix(suffix) for name in names if name.endswith(suffix)]


def _arrays(file_or_path: Path | BinaryIO, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    if isinstance(file_or_path, Path) and file_or_path.exists() and not file_or_path.is_file():
        raise ValueError("it is no file")  # a pipe would be waited for
    with np.load(file_or_path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files if names is None or name in names}


def _commit(partial: Path, path: Path) -> None:
    """Make a written file appear under its name, on the disk before the name points to it."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)
