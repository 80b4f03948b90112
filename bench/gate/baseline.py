"""What a run is compared with: the scores of an earlier one, in a file that reads well in a review."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from bench.errors import InputError
from bench.gate.quantities import quantities
from bench.text import clean_name

#: A hundred variants on ten data sets with fifty seeds are some 3 MB.
LARGEST_BYTES = 64_000_000


def _printable(name: str) -> str:
    if not name or clean_name(name) != name:
        raise ValueError("a name must be printable, in one line")
    return name


def _quantity(name: str) -> str:
    if name not in quantities():
        raise ValueError(f"{_shown(name)} is nothing that can be compared; take some of {', '.join(quantities())}")
    return name


#: Names come from plugins and are printed.
Name = Annotated[str, AfterValidator(_printable)]
QuantityName = Annotated[str, AfterValidator(_quantity)]
Tolerance = Annotated[FiniteFloat, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Scores(_Strict):
    """The scores of a method in one metric, by seed; None where a run gave none. Costs are in seconds or MB.

    ``default_tolerance`` is what the rule gave when they were taken: where the tolerance is another, a person set it.
    """

    scores: dict[int, FiniteFloat | None]
    tolerance: Tolerance
    default_tolerance: Tolerance

    def scored(self) -> dict[int, float]:
        """Return those that are there."""
        return {seed: score for seed, score in self.scores.items() if score is not None}


class Status(_Strict):
    """How the runs ended: ``failed`` counts all that gave no labels, ``collapsed`` is a part of ``ok``."""

    ok: Count
    failed: Count
    collapsed: Count


class MethodScores(_Strict):
    """What a variant did on a data set.

    Attributes
    ----------
    seeded : bool
        Whether the method takes a seed.
    params : dict
        All parameters but those that differ from seed to seed.
    hardware : list of str
        What its costs were taken on.
    metrics : dict of str to Scores
    """

    title: Name
    method: Name
    version: int
    preset: str | None
    seeded: bool
    params: dict[str, Any]
    hardware: list[Name]
    seeds: Annotated[list[int], Field(min_length=1)]
    status: Status
    metrics: dict[QuantityName, Scores]

    @model_validator(mode="after")
    def _seeds(self) -> MethodScores:
        if self.seeds != sorted(set(self.seeds)):
            raise ValueError("seeds must ascend, each once")
        if self.status.ok + self.status.failed != len(self.seeds) or self.status.collapsed > self.status.ok:
            raise ValueError(f"status does not count {len(self.seeds)} seeds")
        for name, scores in self.metrics.items():
            if list(scores.scores) != self.seeds:
                raise ValueError(f"metrics.{name} has not the seeds {self.seeds}")
            if not scores.scored():
                raise ValueError(f"metrics.{name} has no scores")
        return self


class Provenance(_Strict):
    """Where the scores come from."""

    commands: list[str]
    commits: list[str]
    hardware: list[str]
    versions: list[str]


class Baseline(_Strict):
    """The scores of a run.

    Attributes
    ----------
    format : int
        Of the file.
    suite, primary_metric : str
    chosen_metrics : list of str or None
        Those that were asked for, instead of the usual ones; they stay when the file is updated.
    metrics_version : int
    provenance : Provenance
    datasets : dict of str to str
        Fingerprints.
    methods : dict of str to dict of str to MethodScores
        By data set and variant.
    """

    format: Literal[1]
    suite: Name
    primary_metric: str
    chosen_metrics: list[QuantityName] | None
    metrics_version: int
    provenance: Provenance
    datasets: Annotated[dict[Name, str], Field(min_length=1)]
    methods: dict[Name, Annotated[dict[Name, MethodScores], Field(min_length=1)]]

    @model_validator(mode="after")
    def _datasets(self) -> Baseline:
        if self.datasets.keys() != self.methods.keys():
            raise ValueError("datasets and methods do not name the same data sets")
        return self

    def scores(self) -> Iterator[tuple[str, str, MethodScores]]:
        """Yield data set, variant and scores of all that it holds."""
        for dataset, methods in self.methods.items():
            for variant, scores in methods.items():
                yield dataset, variant, scores

    def metric_names(self) -> list[str]:
        """Return the names of all that it compares, in the order of the table of metrics."""
        there = {name for _, _, scores in self.scores() for name in scores.metrics}
        return [name for name in quantities() if name in there]

    def variants(self) -> list[str]:
        """Return the names of the variants that it holds."""
        return sorted({variant for _, variant, _ in self.scores()})


def load_baseline(path: str | Path) -> Baseline:
    """Read a baseline; nothing in it is ever executed.

    Raises
    ------
    InputError
        If it cannot be read or is not a baseline; the key is named.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise InputError(f"{path}: larger than {LARGEST_BYTES // 10**6} MB, so no baseline")
        return Baseline.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: there is no baseline; --update writes one") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(_shown(str(part)) for part in first["loc"])
        reason = _shown(first["msg"].removeprefix("Value error, "))
        mend = "mend it, take it back from version control, or write one anew with --update to another file"
        raise InputError(f"{path}: not a valid baseline ({key + ': ' if key else ''}{reason}); {mend}") from None


def write_baseline(path: str | Path, baseline: Baseline) -> None:
    """Write a baseline, whole or not at all; the same one gives the same bytes.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    path = Path(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text_of(baseline), encoding="utf-8", newline="\n")
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error


def text_of(baseline: Baseline) -> str:
    """Return the file's text: keys in order, each on its line, numbers that belong together on one."""
    return _text(baseline.model_dump(), "") + "\n"


def _text(value: Any, indent: str) -> str:
    inner = indent + " "
    if isinstance(value, Mapping) and value:
        if all(isinstance(key, int) for key in value):
            return json.dumps({key: value[key] for key in sorted(value)}, allow_nan=False)
        lines = [f"{inner}{json.dumps(key)}: {_text(value[key], inner)}" for key in sorted(value)]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(item, str | list | Mapping) for item in value):
        return "[\n" + ",\n".join(inner + _text(item, inner) for item in value) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False)


def plain(value: Any) -> Any:
    """Return a parameter's value as JSON can hold it: numbers that are not finite become words."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def _shown(text: str) -> str:
    short = clean_name(text)
    return short if len(short) <= 80 else short[:77] + "..."
