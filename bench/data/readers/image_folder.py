"""Reader of folders of images: one sub-folder a class, or no classes; either may lie below one sub-folder a split."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from bench.data.readers import Raw, Request, reading
from bench.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

IMAGE_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
#: Usual names of folders of splits, in the order in which splits are merged.
_SPLITS = ("train", "training", "val", "valid", "validation", "dev", "eval", "test", "testing")
#: Suffixes of other files that are usual among images.
_BESIDES = {".txt", ".md", ".csv", ".tsv", ".json", ".xml", ".html", ".db", ".ini", ".yaml", ".yml"}
#: Most values of all images together: 8 GiB as the float32 that methods take.
_MOST_VALUES = 2**31

ImageSize = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]


def load(
    request: Request,
    *,
    resize: ImageSize | None = None,
    mode: Literal["L", "RGB"] | None = None,
    background: Annotated[int, Field(ge=0, le=255)] | None = None,
) -> Raw:
    """Read a folder of images in sorted order.

    Parameters
    ----------
    request : Request
    resize : (int, int), optional
        Height and width that every image is brought to; without it all must have one size.
    mode : {"L", "RGB"}, optional
        Grey or colour; without it grey where every image is grey, else colour.
    background : int, optional
        Grey value from 0 to 255 on which transparent pixels are laid; without it transparent images are refused.

    Returns
    -------
    Raw
        uint8 images of shape (n, height, width) or (n, height, width, 3), or grey ones of 16 or 32 bits as they are;
        labels are the sub-folders' names, items the paths below the folder.

    Raises
    ------
    InputError
        If there are no images, one is damaged, transparent, animated, or of another size or depth, or folders lie
        deeper than a split and a class.
    """
    paths, labels = _list_images(request.path, request.split)
    read = [lambda path=path: path.open("rb") for path in paths]
    names = [str(path) for path in paths]
    points = decode_images(read, names, resize=resize, mode=mode, background=background)
    items = [path.relative_to(request.path).as_posix() for path in paths]
    return Raw(points, labels, str(request.path), items=items)


def splits_in(path: Path) -> tuple[str, ...]:
    """Return the names of the sub-folders that are splits, ``("all",)`` where none is.

    Sub-folders are splits if all of them hold folders alone, and either these have the same names in all or all
    sub-folders have usual names of splits (train, val, test, ...); or if all have such names and hold images alone.
    """
    folders = _folders(path)
    inner = {folder.name: {child.name for child in _folders(folder)} for folder in folders}
    deep = [folder for folder in folders if inner[folder.name] and not _images(folder.iterdir())]
    called_so = all(folder.name.lower() in _SPLITS for folder in folders)
    if _images(path.iterdir()) or not folders:
        return ("all",)
    same = len({frozenset(names) for names in inner.values()}) == 1 and len(inner[folders[0].name]) > 1
    if len(deep) == len(folders) and same and not called_so and len(folders) > 1:
        _warn(
            f"{path}: {', '.join(inner)} all hold the same folders, so they are taken for splits, and "
            f"{', '.join(sorted(inner[folders[0].name])[:5])} for the classes"
        )
    if (len(deep) == len(folders) and (same or called_so)) or (called_so and not any(inner.values())):
        return tuple(sorted(inner, key=_order_of_splits))
    return ("all",)


def _list_images(root: Path, split: str) -> tuple[list[Path], np.ndarray | None]:
    """Return the images of a folder or one of its splits, and the class of each; None where there are no classes."""
    import numpy as np

    if not root.is_dir():
        raise InputError(f"{root}: is not a folder; give the folder that holds the images")
    if split != "all" and split in splits_in(root):
        root = root / split
    loose, folders = _images(root.iterdir()), _folders(root)
    by_class = {folder.name: _images(folder.iterdir()) for folder in folders}
    deeper = next((child for folder in folders for child in _folders(folder) if _images(child.rglob("*"))), None)
    if deeper is not None:
        splits = splits_in(root) if split == "all" else ("all",)
        if splits != ("all",):
            raise InputError(f"{root}: holds the splits {', '.join(splits)}; say splits = {list(splits)} in the card")
        raise InputError(
            f"{deeper}: lies deeper than one sub-folder a class; give CLASS/image.png, or SPLIT/CLASS/image.png with "
            "the same classes in every split"
        )
    empty = [name for name, paths in by_class.items() if not paths]
    if not loose and len(empty) == len(by_class):
        raise InputError(
            f"{root}: holds no images; put {', '.join(sorted(IMAGE_SUFFIXES))} files in one sub-folder a class"
        )
    if empty:
        raise InputError(f"{root / empty[0]}: holds no images; remove the folder or fill it")
    if loose and by_class:
        raise InputError(f"{loose[0]}: lies beside class folders; move it into one of them or take it away")
    _warn_of_others([root, *folders])
    if loose:
        return loose, None
    paths = [path for members in by_class.values() for path in members]
    return paths, np.array([name for name, members in by_class.items() for _ in members], dtype=np.str_)


def decode_images(
    read: Sequence[Any],
    names: Sequence[str],
    *,
    resize: tuple[int, int] | None = None,
    mode: Literal["L", "RGB"] | None = None,
    background: int | None = None,
) -> np.ndarray:
    """Decode images of one size and kind.

    Parameters
    ----------
    read : sequence of callable
        Each opens the bytes of an image.
    names : sequence of str
        What each is called, for messages.
    resize, mode, background
        As for `load`.

    Returns
    -------
    ndarray of shape (n, height, width) or (n, height, width, 3)
        As for `load`.

    Raises
    ------
    InputError
        As `load`, and where all images together would take more than 8 GiB.
    """
    import numpy as np

    headers = [_header(each, name) for each, name in zip(read, names, strict=True)]
    depths = {header.depth for header in headers}
    if len(depths) > 1:
        name = next(name for name, header in zip(names, headers, strict=True) if header.depth != headers[0].depth)
        raise InputError(f"{name}: has pixels of another depth than {Path(names[0]).name}; save all with one depth")
    depth = depths.pop()
    grey = sum(header.is_grey for header in headers)
    chosen = mode or ("L" if grey == len(headers) else "RGB")
    if depth != "uint8" and chosen == "RGB":
        raise InputError(f"{names[0]}: has grey pixels of more than 8 bits, which mode RGB cannot keep; leave mode out")
    if mode is None and 0 < grey < len(headers):
        _warn(
            f"{Path(names[0]).parent}: {grey} of {len(headers)} images are grey, and are read in colour as the others"
        )
    height, width = resize or headers[0].size
    for name, header in zip(names, headers, strict=True):
        if resize is None and header.size != (height, width):
            raise InputError(
                f"{name}: is {header.size[0]} x {header.size[1]} (height x width) where {Path(names[0]).name} is "
                f"{height} x {width}; give parameters.resize = [height, width] in a card, or images of one size"
            )
    shape = (len(read), height, width, *(() if chosen == "L" else (3,)))
    values = int(np.prod(shape, dtype=np.float64))
    if values > _MOST_VALUES:
        raise InputError(
            f"{names[0]} and {len(names) - 1:,} more of {height} x {width} pixels make {values * 4 / 2**30:,.0f} GiB, "
            f"more than {_MOST_VALUES * 4 / 2**30:g}; give parameters.resize = [height, width] in a card"
        )
    points = np.empty(shape, dtype=depth)
    for row, (each, name) in enumerate(zip(read, names, strict=True)):
        points[row] = _decoded(each, name, chosen, (height, width), background, depth)
    if chosen == "RGB" and mode is None and (points == points[..., :1]).all():
        _warn(
            f"{Path(names[0]).parent}: every image is grey though stored in colour: each value is there three times; "
            'mode = "L" in a card\'s parameters takes it once'
        )
    return points


@dataclass(frozen=True)
class _Header:
    """What is known of an image before its pixels are decoded.

    Attributes
    ----------
    size : (int, int)
        Height and width, as it is shown.
    is_grey : bool
    depth : {"uint8", "uint16", "int32", "float32"}
    """

    size: tuple[int, int]
    is_grey: bool
    depth: str


def _header(read: Any, name: str) -> _Header:
    from PIL import Image

    with reading(name, "replace it, or leave it out of the data"), read() as file, Image.open(file) as image:
        frames: int = getattr(image, "n_frames", 1)
        if frames > 1:
            raise InputError(f"{name}: holds {frames} pictures; save the one that is meant")
        if image.mode in ("RGB", "RGBA") and any("16" in str(tile[3]) for tile in image.tile if len(tile) > 3):
            raise InputError(f"{name}: has colours of more than 8 bits; save it with 8 bits a channel")
        turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        width, height = image.size[::-1] if turned else image.size
        depth = {"I;16": "uint16", "I;16B": "uint16", "I": "int32", "F": "float32"}.get(image.mode, "uint8")
        is_grey = depth != "uint8" or image.mode in ("1", "L", "LA", "La")
        is_grey = is_grey or (image.mode == "P" and _has_grey_palette(image))
    return _Header((height, width), is_grey, depth)


def _has_grey_palette(image: Image) -> bool:
    colours = image.getpalette("RGB") or []
    used: list[Any] = [index for _, index in image.getcolors(256) or []]
    return all(len(set(colours[3 * index : 3 * index + 3])) == 1 for index in used)


def _decoded(read: Any, name: str, mode: str, size: tuple[int, int], background: int | None, depth: str) -> np.ndarray:
    import numpy as np
    from PIL import Image, ImageOps

    with reading(name, "replace it, or leave it out of the data"), read() as file, Image.open(file) as image:
        picture = ImageOps.exif_transpose(image)
        if picture.has_transparency_data:
            picture = picture.convert("RGBA")
            lowest: Any = picture.getchannel("A").getextrema()[0]
            if lowest < 255:
                if background is None:
                    raise InputError(
                        f"{name}: has transparent pixels; give parameters.background in a card, the grey value (0 to "
                        "255) to lay them on, or save it without transparency"
                    )
                below = Image.new("RGBA", picture.size, (background, background, background, 255))
                picture = Image.alpha_composite(below, picture)
        if depth == "uint8":
            picture = picture.convert(mode)
        if picture.size != size[::-1]:
            if depth != "uint8":
                picture = picture.convert("F")
            picture = picture.resize(size[::-1], Image.Resampling.BILINEAR)
        return np.asarray(picture)


def _folders(root: Path) -> list[Path]:
    children = (child for child in root.iterdir() if child.is_dir() and not child.name.startswith((".", "__MACOSX")))
    return sorted(children, key=lambda path: path.name)


def _images(paths: Iterable[Path]) -> list[Path]:
    chosen = [path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")]
    broken = next((path for path in chosen if path.is_symlink() and not path.exists()), None)
    if broken is not None:
        raise InputError(f"{broken}: is a link to a file that is not there; fetch it, or take the link away")
    return sorted((path for path in chosen if path.is_file()), key=lambda path: path.as_posix())


def _order_of_splits(name: str) -> tuple[int, str]:
    known = name.lower() in _SPLITS
    return (_SPLITS.index(name.lower()) if known else len(_SPLITS), name)


def _warn_of_others(folders: list[Path]) -> None:
    """Warn of files that may be images of another kind."""
    others = [
        path
        for folder in folders
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".") and path.suffix.lower() not in IMAGE_SUFFIXES | _BESIDES
    ]
    if others:
        _warn(f"{others[0]}: is no kind of image that is read, and left out, with {len(others) - 1} more files")


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=2)
