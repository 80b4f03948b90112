"""The user's own images: one sub-folder a class, or images without classes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from bench.errors import InputError
from bench.loaders import Raw, Request
from bench.loaders.reading import reading

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}


def load(
    request: Request,
    *,
    size: tuple[int, int] | None = None,
    mode: Literal["L", "RGB"] | None = None,
) -> Raw:
    """Read a folder of images in sorted order.

    Parameters
    ----------
    request : Request
    size : (int, int), optional
        Height and width that every image is brought to; without it all must have one size.
    mode : {"L", "RGB"}, optional
        Grey or colour; without it grey where every image is grey, else colour.

    Returns
    -------
    Raw
        uint8 images of shape (n, height, width) or (n, height, width, 3); labels are the sub-folders' names.

    Raises
    ------
    InputError
        If there are no images, or one is damaged, of another size, or deeper than 8 bits.
    """
    import numpy as np
    from PIL import Image

    paths, labels = _listing(request.path)
    found = [_header(path) for path in paths]
    chosen = mode or ("L" if all(image_mode in ("1", "L") for _, image_mode in found) else "RGB")
    height_width = size or found[0][0]
    for path, (image_size, _) in zip(paths, found, strict=True):
        if size is None and image_size != height_width:
            raise InputError(
                f"{path}: is {image_size[0]} x {image_size[1]} (height x width) where {paths[0].name} is "
                f"{height_width[0]} x {height_width[1]}; resize it, or give parameters.size = "
                "[height, width] in a card"
            )
    height, width = height_width
    channels = () if chosen == "L" else (3,)
    points = np.empty((len(paths), height, width, *channels), dtype=np.uint8)
    for row, path in enumerate(paths):
        with reading(path, "replace the file or take it out of the folder"), Image.open(path) as image:
            picture = image.convert(chosen)
            if picture.size != (width, height):
                picture = picture.resize((width, height), Image.Resampling.BILINEAR)
            points[row] = np.asarray(picture)
    return Raw(points, None if labels is None else np.array(labels, dtype=np.str_), str(request.path))


def _listing(root: Path) -> tuple[list[Path], list[str] | None]:
    """Images in sorted order, and the sub-folder each lies in."""
    if not root.is_dir():
        raise InputError(f"{root}: is not a folder; give the folder that holds the images")
    loose = _images(root.iterdir())
    folders = sorted(child for child in root.iterdir() if child.is_dir() and not child.name.startswith("."))
    by_class = {child.name: _images(child.rglob("*")) for child in folders}
    empty = [name for name, paths in by_class.items() if not paths]
    if not loose and len(empty) == len(by_class):
        raise InputError(f"{root}: holds no images; put {', '.join(sorted(SUFFIXES))} files in one sub-folder a class")
    if empty:
        raise InputError(f"{root / empty[0]}: holds no images; remove the folder or fill it")
    if loose and by_class:
        raise InputError(f"{loose[0]}: lies beside class folders; move it into one of them or take it away")
    if loose:
        return loose, None
    paths = [path for members in by_class.values() for path in members]
    return paths, [name for name, members in by_class.items() for _ in members]


def _images(paths: Iterable[Path]) -> list[Path]:
    chosen = [
        path for path in paths if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]
    return sorted(chosen, key=lambda path: path.as_posix())


def _header(path: Path) -> tuple[tuple[int, int], str]:
    """Height and width, and Pillow's mode, without decoding the pixels."""
    from PIL import Image

    with reading(path, "replace the file or take it out of the folder"), Image.open(path) as image:
        width, height = image.size
        image_mode = image.mode
    if image_mode.startswith(("I", "F")):
        # Pillow would clip these to 8 bits without a word.
        raise InputError(f"{path}: has pixels of more than 8 bits (mode {image_mode}); save it with 8 bits a channel")
    return (height, width), image_mode
