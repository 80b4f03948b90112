"""Archives: records, labels and training histories of the runs on a data set in one file, small enough to publish."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from bench.text import one_line

#: The raw outputs that are archived: a thousand runs of 4,000 points then take 10 MB instead of 600.
_KEPT = re.compile(r"labels|history/.*")
#: The time of every member: equal runs make equal archives.
_TIME = (1980, 1, 1, 0, 0, 0)


class Archive:
    """A zip file with ``records/KEY.json`` and ``outputs/KEY.npz`` of each run.

    A damaged file is warned of, and counts as empty.

    Parameters
    ----------
    path : path
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record_keys: frozenset[str] = frozenset()
        self.output_keys: frozenset[str] = frozenset()
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            warnings.warn(f"{path}: unreadable archive left out ({one_line(error)})", RuntimeWarning, stacklevel=2)
            return
        self.record_keys = self._keys("records", ".json")
        self.output_keys = self._keys("outputs", ".npz")

    def _keys(self, folder: str, suffix: str) -> frozenset[str]:
        paths = [PurePosixPath(name) for name in self._zip.namelist()]
        return frozenset(path.stem for path in paths if str(path.parent) == folder and path.suffix == suffix)

    def record(self, key: str) -> bytes:
        """Return the content of a record's file."""
        return self._zip.read(f"records/{key}.json")

    def outputs(self, key: str) -> io.BytesIO:
        """Return the content of a file of raw outputs."""
        return io.BytesIO(self._zip.read(f"outputs/{key}.npz"))


def archive_name(dataset: str, fingerprint: str) -> str:
    """Return the name of the archive of a data set: "pendigits-4000-10e4daea.zip"."""
    return f"{re.sub(r'[^A-Za-z0-9._]+', '-', dataset).strip('-.')}-{fingerprint[:8]}.zip"


def packed(runs: Iterable[tuple[str, str, Mapping[str, np.ndarray]]]) -> bytes:
    """Return an archive of runs, in the order of their keys.

    Parameters
    ----------
    runs : iterable of (str, str, mapping)
        Key, content of the record's file, and raw outputs.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for key, record, outputs in sorted(runs, key=lambda run: run[0]):
            _add(archive, f"records/{key}.json", record.encode())
            kept = {name: _short(array) for name, array in outputs.items() if _KEPT.fullmatch(name)}
            if kept:
                arrays = io.BytesIO()
                np.savez(arrays, **kept)  # type: ignore[arg-type]
                _add(archive, f"outputs/{key}.npz", arrays.getvalue())
    return content.getvalue()


def _short(array: np.ndarray) -> np.ndarray:
    """Return numbers of a history with seven digits, as they were trained."""
    return array.astype(np.float32) if array.dtype == np.float64 else array


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    member = zipfile.ZipInfo(name, date_time=_TIME)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    archive.writestr(member, content, compresslevel=9)
