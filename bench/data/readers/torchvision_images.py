"""Image data sets in torchvision's own file layout, through torchvision's own readers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.data.readers import Raw, Request, reading
from bench.errors import InputError

SPLITS = ("train", "test")
_IDX: dict[str, tuple[str, ...]] = {
    split: (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte")
    for split, prefix in (("train", "train"), ("test", "t10k"))
}
# Folder under the data root, and the files of each split. Kept here, not asked of torchvision, so that
# listing the cards does not import torch.
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


def folder(member: str, data_root: Path) -> Path:
    """Where the files of a data set lie, or would lie."""
    files = _FILES[member]
    # USPS has no folder of its own in torchvision: it is found beside the others and in one.
    if member == "USPS" and not (data_root / files[0]).is_dir() and (data_root / "usps.bz2").is_file():
        return data_root
    return data_root / files[0]


def missing_files(member: str, splits: tuple[str, ...], data_root: Path) -> list[Path]:
    """Files that the reader of `member` needs for `splits` and that are not there."""
    # Every reader but that of USPS wants the files of both splits to be there.
    wanted = splits if member == "USPS" else SPLITS
    names = [name for split in SPLITS if split in wanted for name in _FILES[member][1][split]]
    return [path for name in names if not (path := folder(member, data_root) / name).is_file()]


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

    if request.split not in SPLITS:
        raise InputError(f"card {request.card!r}: {request.member} has the splits train and test only")
    where = folder(request.member, request.data_root)
    fetch = f"`deepclustbench datasets --download {request.card}` fetches it where there is a network"
    missing = missing_files(request.member, (request.split,), request.data_root)
    if missing:
        raise InputError(
            f"data set {request.card!r}: {missing[0].name} not found in {where}; {fetch}, or point "
            "--data-root (DEEPCLUSTBENCH_DATA) at the folder that holds torchvision's files"
        )
    files = ", ".join(_FILES[request.member][1][request.split])
    mend = f"the files are damaged: delete {where}, then {fetch}"
    with reading(f"data set {request.card!r}: {where} ({files})", mend):
        data = _reader(request.member, request.split, request.data_root)
        if request.member == "STL10":
            points, labels = np.transpose(data.data, (0, 2, 3, 1)), data.labels
        else:
            points, labels = data.data, data.targets
        return Raw(np.asarray(points), np.asarray(labels, dtype=np.int64), str(where))


def download(member: str, card: str, data_root: Path) -> Path:
    """Fetch both splits of a data set into the data root.

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
        f"download of data set {card!r} to {data_root}",
        "check the network and try again, or put torchvision's files there by hand",
    ):
        data_root.mkdir(parents=True, exist_ok=True)
        for split in SPLITS:
            _reader(member, split, data_root, download=True)
    return folder(member, data_root)


def _reader(member: str, split: str, data_root: Path, download: bool = False) -> Any:
    import torchvision.datasets

    # torchvision's USPS takes the folder of the files themselves, the others the folder above theirs.
    root = folder(member, data_root) if member == "USPS" else data_root
    if download:
        root.mkdir(parents=True, exist_ok=True)
    reader = getattr(torchvision.datasets, member)
    if member == "STL10":
        return reader(root, split=split, download=download)
    return reader(root, train=split == "train", download=download)
