"""A run's folder: one record and one file of raw outputs a cell, each written whole or not at all."""

from __future__ import annotations

import json
import os
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tomli_w
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.cells import Part
from bench.errors import InputError
from bench.suite import Suite

Status = Literal["ok", "failed", "diverged", "timeout"]


class Record(BaseModel):
    """The outcome of one cell; times in seconds, memory in MB.

    ``placement`` says on which ``node`` and which ``gpus`` a cluster ran it; it is empty elsewhere.
    A ``part`` of "selection" was fitted without labels on some of the points, to choose hyper-parameters by.
    """

    model_config = ConfigDict(extra="forbid")

    key: str
    dataset: str
    fingerprint: str
    method: str
    version: int
    preset: str | None
    variant: str
    title: str
    kind: Literal["deterministic", "stochastic"]
    config: str
    seeded: bool
    twin: str | None
    params: dict[str, Any]
    seed: int
    part: Part = "whole"
    status: Status
    flags: list[str] = []
    metrics: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    metrics_version: int
    n_iter: int | None = None
    stop_reason: str | None = None
    timings: dict[str, float] = {}
    peak_memory: float | None = None
    warnings: list[str] = []
    versions: dict[str, str]
    hardware: dict[str, Any]
    placement: dict[str, Any] = {}
    commit: str | None
    error: str | None = None

    @property
    def wall_time(self) -> float | None:
        """Seconds of training; a network found in the cache counts with the time it took to train."""
        phases = [s for name, s in self.timings.items() if name not in ("fit", "score")]
        return sum(phases) if phases else self.timings.get("fit")


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
        except Timeout:
            raise InputError(f"{self.folder}: another process is writing to this run; wait or take --out") from None
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be written ({error}); take another --out") from error
        for folder in (self._records, self._outputs):
            for partial in folder.glob("*.partial"):  # a killed process left them; nothing refers to them
                partial.unlink()
        return lock

    def write(self, record: Record, outputs: Mapping[str, np.ndarray]) -> None:
        """Store a cell, outputs first: a record that exists is complete.

        Raises
        ------
        InputError
            If they cannot be written, for want of space or rights.
        """
        partial = self._outputs / f"{record.key}.partial"
        try:
            if outputs:
                with partial.open("wb") as file:
                    np.savez_compressed(file, **dict(outputs))  # type: ignore[arg-type]
                _commit(partial, self._outputs / f"{record.key}.npz")
            else:
                (self._outputs / f"{record.key}.npz").unlink(missing_ok=True)
            partial = self._records / f"{record.key}.partial"
            partial.write_text(record.model_dump_json(indent=1))
            _commit(partial, self._records / f"{record.key}.json")
        except OSError as error:
            raise self._cannot_be_written(error, partial) from error

    def records(self) -> Iterator[Record]:
        """Yield every record; one that cannot be read is warned of and counts as not there."""
        for path in sorted(self._records.glob("*.json")):
            try:
                record = Record.model_validate_json(path.read_bytes())
                if record.key != path.stem:
                    raise ValueError("its key is not its name")
            except (ValidationError, ValueError) as error:
                reason = str(error).splitlines()[0]
                warnings.warn(f"{path}: unreadable record left out ({reason})", RuntimeWarning, stacklevel=2)
                continue
            yield record

    def outputs(self, key: str) -> dict[str, np.ndarray]:
        """Return the raw outputs of a cell; nothing in them is ever executed.

        Raises
        ------
        InputError
            If they are missing or damaged.
        """
        path = self._outputs / f"{key}.npz"
        try:
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: raw outputs cannot be read ({error}); run the cell again (--force)") from error

    def write_suite(self, suite: Suite) -> None:
        """Store the suite as it was resolved."""
        content = json.loads(suite.model_dump_json(exclude_none=True, exclude_defaults=False))
        self.write_text("suite.toml", tomli_w.dumps(content))

    def write_text(self, name: str, text: str) -> None:
        """Store a text file of the run, whole.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        partial = self.folder / f"{name}.partial"
        try:
            partial.write_text(text)
            _commit(partial, self.folder / name)
        except OSError as error:
            raise self._cannot_be_written(error, partial) from error

    def _cannot_be_written(self, error: OSError, partial: Path) -> InputError:
        with suppress(OSError):  # it holds the last of the space
            partial.unlink()
        reason = "the finished cells are kept, the same command goes on from there"
        return InputError(f"{self.folder}: cannot be written ({error}); {reason}")


def _commit(partial: Path, path: Path) -> None:
    """Make a written file appear under its name, on the disk before the name points to it."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(path)
