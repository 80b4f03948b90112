"""Reader of files at fixed places below the data root, which a card may say how to download."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bench.data.readers import Raw, Request, read_request, reading
from bench.errors import InputError
from bench.text import one_line

if TYPE_CHECKING:
    import numpy as np

    from bench.data.card import Card


class CardFile(BaseModel):
    """The file of one split of a card.

    Attributes
    ----------
    path : str
        Path below the data root, with slashes.
    url : str or None
        Address of the file, by http or https.
    sha256 : str or None
        SHA-256 of the downloaded file; needed for a download. An existing file is checked by the card's fingerprint
        alone, so that it may hold the same values in another layout.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    url: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None

    @field_validator("path")
    @classmethod
    def _below(cls, path: str) -> str:
        parts = PurePosixPath(path).parts
        if not parts or parts[0] == "/" or ".." in parts or "\\" in path or ":" in path:
            raise ValueError(f"{path!r} is no place below the data root; write one such as UCI/optdigits.tra")
        return path


def load(request: Request, *, files: dict[str, Any], labels: tuple[int | str, ...] = (), **options: Any) -> Raw:
    """Read the file of a split with the reader of its kind, which follows the colon in the card's loader.

    Parameters
    ----------
    request : Request
    files : dict of str to dict
        A `CardFile` for each split.
    labels : tuple of int or str
        The labels as the file writes them, in the order of the card's classes; needed where they are neither names of
        classes nor numbers from 0.
    **options
        Parameters of the reader.

    Returns
    -------
    Raw

    Raises
    ------
    InputError
        If the file is missing or unreadable, or a label is not among `labels`.
    """
    file = _file(files, request.split, request.card)
    path = request.data_root / file.path
    if not path.is_file():
        fetch = f"`deepclustbench datasets --download {request.card}` fetches it where there is a network, or "
        raise InputError(
            f"data set {request.card!r}: {path.name} not found in {path.parent}; {fetch if file.url else ''}"
            f"point --data-root (DEEPCLUSTBENCH_DATA) at the folder that holds {file.path}"
        )
    raw = read_request(replace(request, kind=request.member, member="", path=path), options)
    if labels and raw.labels is not None:
        raw = replace(raw, labels=_positions(raw.labels, labels, path))
    return raw


def is_present(card: Card, data_root: Path) -> bool:
    """Return whether the files of all splits exist; False as well where the card does not name them properly."""
    try:
        return all((data_root / file.path).is_file() for file in _files(card))
    except InputError:
        return False


def download(card: Card, data_root: Path) -> Path:
    """Download the files of a card's splits that are missing or differ; each appears whole or not at all.

    Returns
    -------
    Path
        Folder that holds the first file.

    Raises
    ------
    InputError
        If a file has no URL, the network fails, or a downloaded file has another SHA-256.
    """
    import pooch

    pooch.get_logger().setLevel("ERROR")
    files = _files(card)
    for file in files:
        if file.url is None or file.sha256 is None:
            raise InputError(
                f"data set {card.name!r} is not downloaded (its card has no url and sha256 for {file.path}); "
                f"put the file below {data_root} by hand"
            )
    for file in files:
        path = data_root / file.path
        action = f"download of data set {card.name!r} from {file.url}"
        by_hand = f"try again, or put the file at {path} by hand"
        with reading(action, f"check the network and the url in the card and {by_hand}"):
            try:
                pooch.retrieve(
                    file.url,
                    known_hash=f"sha256:{file.sha256}",
                    fname=path.name,
                    path=path.parent,
                    downloader=pooch.HTTPDownloader(timeout=30),
                )
            except ValueError as error:
                if isinstance(error, OSError):  # raised for a malformed URL
                    raise
                raise InputError(
                    f"{action}: what was sent is not the file of the card (sha256 {file.sha256}), and nothing of it "
                    f"was kept; {by_hand}"
                ) from error
    return (data_root / files[0].path).parent


def _files(card: Card) -> list[CardFile]:
    return [_file(card.parameters.get("files"), split, card.name) for split in card.splits]


def _file(files: Any, split: str, card: str) -> CardFile:
    if not isinstance(files, dict) or split not in files:
        raise InputError(
            f"card {card!r}: parameters.files has no {split!r}; write {split} = "
            '{path = "below the data root", url = "https://...", sha256 = "..."} there'
        )
    try:
        return CardFile.model_validate(files[split])
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(["files", split, *(str(part) for part in first["loc"])])
        raise InputError(
            f"card {card!r}: parameters.{key}: {one_line(first['msg']).removeprefix('Value error, ')}; a file has "
            "path, url and sha256"
        ) from None


def _positions(values: np.ndarray, labels: tuple[int | str, ...], path: Path) -> np.ndarray:
    """Return the place of each label in `labels`."""
    import numpy as np

    from bench.data.readers.labels import plain_labels

    position = {str(label): place for place, label in enumerate(labels)}
    words = [str(value) for value in plain_labels(values, str(path)).tolist()]
    for row, word in enumerate(words):
        if word not in position:
            raise InputError(f"{path}: label {word!r} in row {row} is not in parameters.labels ({', '.join(position)})")
    return np.array([position[word] for word in words], dtype=np.int64)
