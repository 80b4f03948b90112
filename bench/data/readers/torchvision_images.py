"""Reader of torchvision's image data sets, in torchvision's own file layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.data.readers import Raw, Request, reading
from bench.errors import InputError

if TYPE_CHECKING:
    from bench.data.card import Card

_SPLITS = ("train", "test")
_IDX: dict[str, tuple[str, ...]] = {
    split: (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte")
    for split, prefix in (("train", "train"), ("test", "t10k"))
}
# Folder below the data root, and the files of each split: known without importing torchvision, for listing the cards.
_FILES: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "MNIST": ("MNIST/raw", _IDX),
    "FashionMNIST": ("FashionMNIST/raw", _IDX),
    "KMNIST": ("KMNIST/raw", _IDX),
    "USPS": ("USPS", {"train": ("usps.bz2",), "test": ("usps.t.bz2",)}),
    "CIFAR10": (
        "cifar-10-batches-py",
        {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch", "batches.meta")},
    ),
    "STL10": (
        "stl10_binary",
        {"train": ("train_X.bin", "train_y.bin", "unlabeled_X.bin"), "test": ("test_X.bin", "test_y.bin")},
    ),
}


def _folder(member: str, data_root: Path) -> Path:
    """Return the folder that holds, or would hold, the files of a data set."""
    files = _FILES[member]
    # torchvision gives USPS no folder of its own: its files are either in the data root or in a folder.
    if member == "USPS" and not (data_root / files[0]).is_dir() and (data_root / "usps.bz2").is_file():
        return data_root
    return data_root / files[0]


def _missing_files(member: str, splits: tuple[str, ...], data_root: Path) -> list[Path]:
    """Return the files that the reader of `member` needs for `splits` and that do not exist."""
    # Every reader but that of USPS needs the files of both splits.
    needed = splits if member == "USPS" else _SPLITS
    names = [name for split in _SPLITS if split in needed for name in _FILES[member][1][split]]
    return [path for name in names if not (path := _folder(member, data_root) / name).is_file()]


def load(request: Request) -> Raw:
    """Read a split of MNIST, FashionMNIST, KMNIST, USPS, CIFAR10 or STL10.

    Returns
    -------
    Raw
        uint8 images of shape (n, height, width) or (n, height, width, 3), labels int64.

    Raises
    ------
    InputError
        If files are missing or damaged.
    """
    import numpy as np

    if request.split not in _SPLITS:
        raise InputError(f"card {request.card!r}: {request.member} has the splits train and test only")
    root = _folder(request.member, request.data_root)
    fetch = f"`deepclustbench datasets --download {request.card}` fetches it where there is a network"
    missing = _missing_files(request.member, (request.split,), request.data_root)
    if missing:
        raise InputError(
            f"data set {request.card!r}: {missing[0].name} not found in {root}; {fetch}, or point "
            "--data-root (DEEPCLUSTBENCH_DATA) at the folder that holds torchvision's files"
        )
    files = ", ".join(_FILES[request.member][1][request.split])
    mend = f"the files are damaged: delete {root}, then {fetch}"
    with reading(f"data set {request.card!r}: {root} ({files})", mend):
        data = _reader(request.member, request.split, request.data_root)
        if request.member == "STL10":
            points, labels = np.transpose(data.data, (0, 2, 3, 1)), data.labels
        else:
            points, labels = data.data, data.targets
        return Raw(np.asarray(points), np.asarray(labels, dtype=np.int64), str(root))


def is_present(card: Card, data_root: Path) -> bool:
    """Return whether the files of all splits of a card exist."""
    return not _missing_files(_member(card), card.splits, data_root)


def download(card: Card, data_root: Path) -> Path:
    """Download both splits of a data set into the data root.

    Returns
    -------
    Path
        Folder that holds the files.

    Raises
    ------
    InputError
        If the download fails.
    """
    with reading(
        f"download of data set {card.name!r} to {data_root}",
        "check the network and try again, or put torchvision's files there by hand",
    ):
        data_root.mkdir(parents=True, exist_ok=True)
        for split in _SPLITS:
            _reader(_member(card), split, data_root, download=True)
    return _folder(_member(card), data_root)


def _member(card: Card) -> str:
    return card.loader.partition(":")[2]


def _reader(member: str, split: str, data_root: Path, download: bool = False) -> Any:
    import torchvision.datasets

    # torchvision's USPS takes the folder of the files themselves, the others the folder above theirs.
    root = _folder(member, data_root) if member == "USPS" else data_root
    if download:
        root.mkdir(parents=True, exist_ok=True)
    reader = getattr(torchvision.datasets, member)
    if member == "STL10":
        return reader(root, split=split, download=download)
    return reader(root, train=split == "train", download=download)
