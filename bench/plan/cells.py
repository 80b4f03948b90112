"""Cells: what is run once, and the key that says whether it has been.

A cell is (data set, method, configuration, seed). Reader and writer take its key from one function.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from bench.canonical import canonical

#: The points that a cell is fitted on: the whole data set, or a part of it, drawn anew for each seed, on which
#: hyper-parameters are chosen (see `bench.data.selection_split`).
Part = Literal["whole", "selection"]


def _hash(content: Mapping[str, Any], digits: int) -> str:
    return hashlib.sha256(canonical(content).encode()).hexdigest()[:digits]


@dataclass(frozen=True)
class Configuration:
    """A method with all its parameters on one data set.

    Attributes
    ----------
    method, title, kind, version : str, str, "deterministic" or "stochastic", int
        As the method declares them; the title tells configurations of one method apart.
    preset : str or None
        Where the parameters started from.
    variant : str
        Short unique name, such as ``sdec`` or ``sdec beta=0.01``.
    params : mapping
        Every parameter of the estimator but those that the runner sets to compute, not to ask
        (``random_state``, ``device``, ``memory``).
    seeded : bool
        Whether the estimator takes a seed; one that does not is run once.
    twin : str or None
        The ``id`` of the deterministic configuration that is left without the noise.
    pretraining : mapping or None
        The parameters that determine the pretrained network; None where none is shared.
    role : str
        "asked" for by the suite, or run only as the "twin" of one that was.
    source : str
        By what `bench.plan.registry.find_method` finds the method in another process, such as a plugin's file.
    """

    method: str
    title: str
    kind: Literal["deterministic", "stochastic"]
    version: int
    preset: str | None
    variant: str
    params: Mapping[str, Any]
    seeded: bool = True
    twin: str | None = None
    pretraining: Mapping[str, Any] | None = None
    role: Literal["asked", "twin"] = "asked"
    source: str = ""

    @cached_property
    def id(self) -> str:
        """Hash of method, version and parameters; the same for every seed and data set."""
        content = {"method": self.method, "version": self.version, "params": dict(self.params)}
        return _hash(content, 12)


#: Uniform in [0, 1], every feature by itself.
NOISE = "noise"


@dataclass(frozen=True)
class OutlierSet:
    """A set of outliers that a cell scores, beside the points that it is fitted to.

    Attributes
    ----------
    name, fingerprint : str
        Of the data set they come from; "noise" for both where they come from none.
    spec : str
        What the suite calls it.
    """

    name: str
    spec: str
    fingerprint: str

    @property
    def from_data(self) -> bool:
        """Whether they come from a data set, whatever it is called: a file may bear the name of noise."""
        return self.fingerprint != NOISE


@dataclass(frozen=True)
class Cell:
    """One run: a configuration on a data set with a seed.

    Attributes
    ----------
    spec : str
        What the suite calls the data set; a worker loads it by this.
    dataset, fingerprint : str
        Its name and the hash of its content.
    part : "whole" or "selection"
        The points it is fitted on. What a selection cell is made of shares nothing with an ordinary one: neither
        key nor random numbers nor network.
    outliers : tuple of OutlierSet
        What else it scores. They change its key, for they are part of its outcome, and nothing that is fitted.
    """

    spec: str
    dataset: str
    fingerprint: str
    configuration: Configuration
    seed: int
    part: Part = "whole"
    outliers: tuple[OutlierSet, ...] = ()

    @cached_property
    def key(self) -> str:
        """Hash of what determines the outcome: content only, never order, path or time."""
        c = self.configuration
        outliers = {o.name: o.fingerprint for o in self.outliers}
        return cell_key(self.fingerprint, c.method, c.version, c.params, self.seed, self.part, outliers)

    @property
    def random_state(self) -> int:
        """Seed for the estimator, 31 bits, from data set and seed alone: methods of one seed are paired."""
        return int(_hash(self._block, 8), 16) >> 1

    @cached_property
    def network(self) -> str | None:
        """Name of the pretrained network it starts from, shared by all cells of equal name; None for none."""
        recipe = self.configuration.pretraining
        if recipe is None:
            return None
        return _hash({**self._block, "recipe": dict(recipe)}, 32)

    @property
    def _block(self) -> dict[str, Any]:
        """What the methods that are paired have in common."""
        return {"fingerprint": self.fingerprint, "seed": self.seed, **_part_hash(self.part)}


def cell_key(
    fingerprint: str,
    method: str,
    version: int,
    params: Mapping[str, Any],
    seed: int,
    part: Part = "whole",
    outliers: Mapping[str, str] | None = None,
) -> str:
    """Return the key, 32 hexadecimal digits, under which a cell's record is kept."""
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


def _part_hash(part: Part) -> dict[str, str]:
    """Return what a part adds to a hash: nothing for the whole, whose keys are older than parts."""
    return {} if part == "whole" else {"part": part}
