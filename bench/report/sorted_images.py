"""Images copied into one folder a cluster."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from bench.data.readers.image_folder import IMAGE_SUFFIXES
from bench.errors import InputError
from bench.metrics.registry import NOISE
from bench.report.assignments import ChosenRun
from bench.text import shown

#: Bytes of a folder's name.
_LONGEST = 100


def copy_images(chosen: Sequence[ChosenRun], target: Path) -> int:
    """Copy the images of runs into ``TARGET/METHOD/cluster_K/``, noise into ``TARGET/METHOD/noise/``.

    With several data sets a folder of the data set's name stands above. Everything is
    checked before anything is copied. A copy has the image's own name; where two images of a data set share one, all of
    its copies are named after their folders too, ``CLASS_NAME``.

    Parameters
    ----------
    chosen : sequence of Chosen
        Of image folders.
    target : path
        New, or an empty folder.

    Returns
    -------
    int
        Number of copies.

    Raises
    ------
    InputError
        If a data set is no folder of images, an image is gone or lies outside its folder, or the target is not empty,
        lies among the images or cannot be written.
    """
    _check_target(target)
    sources: dict[tuple[str, str], list[tuple[Path, str]]] = {}
    plan: list[tuple[Path, Path]] = []
    several = len({one.dataset for one in chosen}) > 1
    names = [(one.dataset, one.variant) if several else (one.variant,) for one in chosen]
    folders = _numbered([(_folder(*name), "") for name in names])
    for one, folder in zip(chosen, folders, strict=True):
        place = one.fingerprint, one.dataset
        if place not in sources:
            sources[place] = _files(one, target)
        labels = one.labels()
        if one.names(len(labels)) is None:
            raise InputError(f"--copy-to: the run's names of the points of {one.dataset} do not fit its labels")
        for (path, name), label in zip(sources[place], labels.tolist(), strict=True):
            cluster = "noise" if label == NOISE else f"cluster_{label}"
            plan.append((path, target / folder / cluster / name))
    try:
        for path, copy in plan:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    except OSError as error:
        with suppress(OSError):
            shutil.rmtree(target)  # it was empty, so all in it is a copy
        raise InputError(f"--copy-to {target}: cannot be written ({error}); nothing is left there") from error
    return len(plan)


def _check_target(target: Path) -> None:
    try:
        if target.is_symlink() or (target.exists() and not target.is_dir()):
            raise InputError(f"--copy-to {target}: is no folder; give the name of a new one")
        if target.is_dir() and any(target.iterdir()):
            raise InputError(f"--copy-to {target}: is not empty, and nothing is overwritten; give a new folder")
    except OSError as error:
        raise InputError(f"--copy-to {target}: cannot be read ({error.strerror}); give a new folder") from error


def _files(one: ChosenRun, target: Path) -> list[tuple[Path, str]]:
    """Return the image of each point and what its copy is called."""
    items = one.items
    where = f"--copy-to: data set {one.dataset}"
    if items is None or not items.items or not items.source:
        raise InputError(f"{where} has no files that the run knows of; images are copied of folders of images")
    source = Path(items.source)
    if not source.is_dir():
        what = "is a file" if source.exists() else "is not there any more"
        raise InputError(f"{where} came from {source}, which {what}; images are copied of the folder they are in")
    root = source.resolve()
    if target.resolve().is_relative_to(root):
        raise InputError(f"--copy-to {target}: lies in {source}, where copies would become data; give another folder")
    paths = [_inside(item, root, where) for item in items.items]
    gone = [path for path in paths if not path.is_file()]
    if gone:
        raise InputError(
            f"{where}: {len(gone)} of {len(paths)} images are gone, such as {shown(str(gone[0]))}; put them back"
        )
    return list(zip(paths, _names(items.items), strict=True))


def _inside(item: str, root: Path, where: str) -> Path:
    """Return the file of an item; a run's folder may come from elsewhere, and name whatever it likes."""
    pure = PurePosixPath(item)
    if pure.is_absolute() or ".." in pure.parts or "\0" in item or pure.suffix.lower() not in IMAGE_SUFFIXES:
        raise InputError(f"{where}: {shown(item)} is no image below the folder; the run's data/ has been changed")
    path = (root / item).resolve()
    if not path.is_relative_to(root):
        raise InputError(f"{where}: {shown(item)} is a link that leads out of {root}; put the image itself there")
    return path


def _names(items: Sequence[str]) -> list[str]:
    """Return a file name for each item, none twice even where upper and lower case are the same."""
    names = [PurePosixPath(item).name for item in items]
    if len({name.casefold() for name in names}) < len(names):
        names = ["_".join(PurePosixPath(item).parts) for item in items]
    return _numbered([(PurePosixPath(name).stem, PurePosixPath(name).suffix) for name in names])


def _folder(*names: str) -> str:
    """Return a relative folder that is safe to make, one level a name."""
    return "/".join(re.sub(r"[^A-Za-z0-9_.-]+", "-", name)[:_LONGEST].strip("-.") or "unnamed" for name in names)


def _numbered(names: Sequence[tuple[str, str]]) -> list[str]:
    """Return stems and suffixes put together, a number between them where a name would be there twice."""
    counts = Counter(f"{stem}{suffix}".casefold() for stem, suffix in names)
    taken = {name for name, n in counts.items() if n == 1}
    numbered = []
    for stem, suffix in names:
        name, i = f"{stem}{suffix}", 1
        several = counts[name.casefold()] > 1
        while several and name.casefold() in taken:
            i += 1
            name = f"{stem}-{i}{suffix}"
        taken.add(name.casefold())
        numbered.append(name)
    return numbered
