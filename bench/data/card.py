"""The model of a card, the .toml file that describes a data set."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)

from bench.data.readers import loader_names
from bench.errors import InputError
from bench.text import one_line

#: The names that a data set may have.
NAME_PATTERN = r"^[A-Za-z0-9_.-]+$"


class Variable(BaseModel):
    """Keep this many columns, those that vary most."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    variable: PositiveInt


class Pca(BaseModel):
    """Replace the columns by this many principal components."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    pca: PositiveInt


Step = Literal["log1p", "l2"] | Variable | Pca


class Card(BaseModel):
    """A data set, as its .toml file describes it.

    Attributes
    ----------
    name, title : str
        The name on the command line, and the name in reports.
    loader : str
        The reader: one of `bench.data.readers.loader_names`.
    splits : tuple of str
        Splits in the order they are merged; own data without splits has ``"all"``.
    n : int or None
        Number of points over all splits; checked where given.
    shape : tuple of int or None
        Shape of one point; checked where given. Flat points are images where this has more dimensions.
    classes : tuple of str or None
        Names of the classes, in the order of their numbers.
    n_clusters : int or None
        Number of clusters to ask for, where it is not the number of classes.
    noise_label : int, str or None
        The label of points that belong to no class, beside -1.
    preprocessing : tuple of str or mapping
        Steps applied to the values, in order, before scaling: see `bench.data.values`.
    scaling : str or float
        How values are brought to [0, 1]: "unit" (they are), "uint8" (divided by 255), a number to divide by,
        "minmax" (one range), "minmax-feature" (a range a column) or "auto" (see `bench.data.values`).
    licence, citation, homepage : str
        For the listing.
    fingerprint : dict of str to str
        SHA-256 of each split's decoded content, or "unknown".
    parameters : dict
        Keywords of the loader; own data have ``path``, relative to the card (or a table: split → path).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    title: str = ""
    loader: str
    splits: Annotated[tuple[str, ...], Field(min_length=1)] = ("all",)
    n: Annotated[int, Field(ge=2)] | None = None
    shape: Annotated[tuple[PositiveInt, ...], Field(min_length=1, max_length=3)] | None = None
    classes: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    n_clusters: Annotated[int, Field(ge=2)] | None = None
    noise_label: int | str | None = None
    preprocessing: tuple[Step, ...] = ()
    scaling: (
        Literal["auto", "unit", "uint8", "minmax", "minmax-feature"]
        | Annotated[float, Field(gt=0, allow_inf_nan=False)]
    ) = "auto"
    licence: str = "unknown"
    citation: str = ""
    homepage: str = ""
    fingerprint: dict[str, Annotated[str, Field(pattern=r"^([0-9a-f]{64}|unknown)$")]] = {}
    parameters: dict[str, Any] = {}

    @field_validator("loader")
    @classmethod
    def _known_loader(cls, loader: str) -> str:
        if loader not in loader_names():
            raise ValueError(f"{loader!r} is unknown; the loaders are {', '.join(loader_names())}")
        return loader

    @model_validator(mode="after")
    def _consistent(self) -> Card:
        for key in ("splits", "classes"):
            values = getattr(self, key) or ()
            if len(set(values)) < len(values):
                raise ValueError(f"{key} names one twice; name each once")
        strange = [split for split in self.fingerprint if split not in self.splits]
        if strange:
            raise ValueError(f"fingerprint.{strange[0]} is not a split; the splits are {', '.join(self.splits)}")
        return self


def read_card(path: Path) -> Card:
    """Read a card's .toml file; a relative ``parameters.path`` is taken from the card's own folder.

    Raises
    ------
    InputError
        If the file cannot be read, or a key is unknown, missing or wrong.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable TOML card ({one_line(error)}); mend the file") from error
    try:
        card = Card.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path}: {_fault(error)}") from None
    own = card.parameters.get("path")
    if own is None:
        return card
    resolved = (
        {split: _beside(path, each) for split, each in own.items()} if isinstance(own, dict) else _beside(path, own)
    )
    return card.model_copy(update={"parameters": {**card.parameters, "path": resolved}})


def _beside(card: Path, path: Any) -> Any:
    return str(card.parent / Path(path).expanduser()) if isinstance(path, str) else path


def _fault(error: ValidationError) -> str:
    """Return the first fault of a card, as one line that lists what would be right."""
    # A misspelt key is also a missing one: an unknown key is reported first.
    first = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"][: 1 if first["loc"][:1] == ("scaling",) else None])
    if first["loc"][:1] == ("preprocessing",):
        steps = '"log1p", {variable = 2000}, {pca = 50} and "l2"'
        return f"key 'preprocessing': write a list of {steps}, in the order wanted"
    if first["type"] == "extra_forbidden":
        return f"unknown key {key!r}; the keys of a card are {', '.join(Card.model_fields)}"
    if first["type"] == "missing":
        return f"key {key!r} is missing; give it"
    message = one_line(first["msg"]).removeprefix("Value error, ")
    return f"key {key!r}: {message}" if key else message
