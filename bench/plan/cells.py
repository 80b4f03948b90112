"""Planned runs, in code called cells, and the key under which the record of each is stored.

A cell is (data set, method, configuration, seed). One function makes the key for writers and readers of records.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from bench.canonical import canonical
from bench.errors import InputError
from bench.text import storable

if TYPE_CHECKING:
    from bench.data.dataset import Dataset

#: Every run is a file and a row of the report, which is made in memory.
MOST_CELLS = 200_000

#: The points that a method is fitted to: the whole data set, or a part of it, drawn anew for each seed, on which
#: hyper-parameters are chosen (see `bench.data.selection_split`).
DataPart = Literal["whole", "selection"]
#: Text that a plugin may have written.
Text = Annotated[str, AfterValidator(storable)]


#: How the names of counterparts are stored and shown.
_STORED, _SHOWN = "(twin of ", "(counterpart of "


def shown_variant(variant: str) -> str:
    """Return the name of a variant as users read it; stored names of counterparts hold "twin of"."""
    return variant.replace(_STORED, _SHOWN)


def stored_variant(variant: str) -> str:
    """Return the name of a variant as records and baselines store it."""
    return variant.replace(_SHOWN, _STORED)


#: The ablations that contrasts are made of, and the field of a configuration that links to each.
LINKED_ABLATIONS = {"prior only": "prior_only", "noise only": "noise_only"}


class ConfigurationFacts(BaseModel):
    """What identifies a configuration, in plans, records and reports alike.

    Attributes
    ----------
    method, title, kind, version : str, str, "deterministic" or "stochastic", int
        As the method declares them; the title tells configurations of one method apart.
    preset : str or None
        Where the parameters started from.
    variant : str
        Short unique name, such as ``sdec`` or ``sdec beta=0.01``.
    config : str
        Hash of method, version and parameters; the same for every seed and data set.
    seeded : bool
        Whether the estimator takes a seed; one that does not is run once.
    twin : str or None
        ``config`` of the deterministic counterpart.
    prior_only, noise_only : str or None
        ``config`` of the ablations without noise and without prior.
    role : {"asked", "twin", "ablation"}
        Asked for by the suite, or run only as the counterpart or an ablation of one that was.
    """

    method: str
    version: int
    preset: str | None
    variant: Text
    title: Annotated[Text, AfterValidator(shown_variant)]
    kind: Literal["deterministic", "stochastic"]
    config: str
    seeded: bool = True
    twin: str | None = None
    prior_only: str | None = None
    noise_only: str | None = None
    role: Literal["asked", "twin", "ablation"] = "asked"


class Configuration(ConfigurationFacts):
    """A method with all its parameters on one data set.

    Attributes
    ----------
    params : mapping
        Every parameter of the estimator except ``random_state``, ``device`` and ``memory``, which the runner sets.
    pretraining : mapping or None
        The parameters that determine the pretrained network; None where none is shared.
    source : str
        What `bench.plan.registry.find_method` needs to find the method in another process, such as a plugin's file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: str = ""  # always computed
    params: Mapping[str, Any]
    pretraining: Mapping[str, Any] | None = None
    source: str = ""

    @model_validator(mode="before")
    @classmethod
    def _hashed(cls, content: dict[str, Any]) -> dict[str, Any]:
        hashed = {"method": content["method"], "version": content["version"], "params": dict(content["params"])}
        return {**content, "config": _hash(hashed, 12)}

    def changed(self, **changes: Any) -> Configuration:
        """Return a copy with other values of some fields; ``config`` follows from them."""
        return Configuration(**{**dict(self), **changes})


#: Outliers that are uniform in [0, 1], each feature independently; also their fingerprint.
UNIFORM_NOISE = "noise"


@dataclass(frozen=True)
class OutlierSet:
    """Outliers that a fitted method scores beside the points it is fitted to.

    Attributes
    ----------
    name, fingerprint : str
        Of the data set they come from; `UNIFORM_NOISE` for both where they come from none.
    spec : str
        How the suite names it.
    """

    name: str
    spec: str
    fingerprint: str

    @property
    def from_data(self) -> bool:
        """Whether they come from a data set, whatever its name: a file may be named noise."""
        return self.fingerprint != UNIFORM_NOISE


@dataclass(frozen=True)
class Cell:
    """One planned run: a configuration on a data set with a seed.

    Attributes
    ----------
    spec : str
        How the suite names the data set; a worker loads it by this.
    dataset, fingerprint : str
        Its name and the hash of its content.
    part : {"whole", "selection"}
        The points that the method is fitted to. Runs on either part share neither keys, random numbers nor networks.
    outliers : tuple of OutlierSet
        What else is scored. They change the key, because they are part of the outcome, and nothing that is fitted.
    """

    spec: str
    dataset: str
    fingerprint: str
    configuration: Configuration
    seed: int
    part: DataPart = "whole"
    outliers: tuple[OutlierSet, ...] = ()

    @cached_property
    def key(self) -> str:
        """Hash of what determines the outcome: content only, never order, path or time."""
        c = self.configuration
        outliers = {o.name: o.fingerprint for o in self.outliers}
        return cell_key(self.fingerprint, c.method, c.version, c.params, self.seed, self.part, outliers)

    @property
    def facts(self) -> dict[str, Any]:
        """What records and the stored plan say of the configuration and its data set, by field."""
        of_configuration = {name: getattr(self.configuration, name) for name in ConfigurationFacts.model_fields}
        return {"dataset": self.dataset, "fingerprint": self.fingerprint, **of_configuration}

    @property
    def random_state(self) -> int:
        """Seed of the estimator, 31 bits, from data set and seed alone: runs of one seed are paired across methods."""
        return int(_hash(self._block, 8), 16) >> 1

    @cached_property
    def network(self) -> str | None:
        """Name of the pretrained network it starts from, shared by all runs of equal name; None for none."""
        recipe = self.configuration.pretraining
        if recipe is None:
            return None
        return _hash({**self._block, "recipe": dict(recipe)}, 32)

    @property
    def _block(self) -> dict[str, Any]:
        """What paired runs have in common."""
        return {"fingerprint": self.fingerprint, "seed": self.seed, **_part_hash(self.part)}


def cell_key(
    fingerprint: str,
    method: str,
    version: int,
    params: Mapping[str, Any],
    seed: int,
    part: DataPart = "whole",
    outliers: Mapping[str, str] | None = None,
) -> str:
    """Return the key, 32 hexadecimal digits, under which the record of a run is stored."""
    content = {
        "fingerprint": fingerprint,
        "method": method,
        "version": version,
        "params": dict(params),
        "seed": seed,
        **_part_hash(part),
        **({"outliers": dict(outliers)} if outliers else {}),
    }
    return _hash(content, 32)


def make_cells(
    spec: str,
    dataset: Dataset,
    configurations: Iterable[Configuration],
    seeds: list[int],
    part: DataPart = "whole",
    outliers: tuple[OutlierSet, ...] = (),
) -> list[Cell]:
    """Return the runs of configurations on a data set; one that takes no seed is run once on the same points.

    Raises
    ------
    InputError
        If they are more than `MOST_CELLS`.
    """
    configurations = list(configurations)
    refuse_too_many(len(configurations) * len(seeds))
    return [
        Cell(spec, dataset.name, dataset.fingerprint, configuration, seed, part, outliers)
        for configuration in configurations
        for seed in (seeds if configuration.seeded or part == "selection" else seeds[:1])
    ]


def unique_cells(cells: Iterable[Cell]) -> list[Cell]:
    """Return the first run of each key."""
    first: dict[str, Cell] = {}
    for cell in cells:
        first.setdefault(cell.key, cell)
    return list(first.values())


def refuse_too_many(n_cells: int) -> None:
    """Refuse more than `MOST_CELLS` runs.

    Raises
    ------
    InputError
        If they are more.
    """
    if n_cells > MOST_CELLS:
        raise InputError(
            f"this makes {n_cells:,} runs or more, and a folder holds {MOST_CELLS:,} at most; "
            "take fewer seeds, a smaller grid or --search, or several folders"
        )


def _hash(content: Mapping[str, Any], digits: int) -> str:
    return hashlib.sha256(canonical(content).encode()).hexdigest()[:digits]


def _part_hash(part: DataPart) -> dict[str, str]:
    """Return what a part adds to a hash: nothing for the whole, whose keys are older than parts."""
    return {} if part == "whole" else {"part": part}
