"""The baseline: the scores of an earlier run, and the JSON file that holds them, laid out for review in a diff."""

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

#: A baseline of a hundred variants on ten data sets with fifty seeds has about 3 MB.
_LARGEST_BYTES = 64_000_000


def _printable(name: str) -> str:
    if not name or clean_name(name) != name:
        raise ValueError("a name must be printable, in one line")
    return name


def _quantity(name: str) -> str:
    if name not in quantities():
        raise ValueError(f"{_shown(name)} cannot be compared with a baseline; choose from {', '.join(quantities())}")
    return name


#: Names come from plugins and are printed.
_Name = Annotated[str, AfterValidator(_printable)]
_QuantityName = Annotated[str, AfterValidator(_quantity)]
_Tolerance = Annotated[FiniteFloat, Field(ge=0)]
_Count = Annotated[int, Field(ge=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class MetricScores(_Strict):
    """The scores of a variant in one metric or cost.

    Attributes
    ----------
    scores : dict of int to float or None
        By seed; None where the run has no score. Costs are in seconds or MB.
    tolerance : float
        The drop that is tolerated.
    default_tolerance : float
        The default when the scores were taken. A ``tolerance`` that differs from it was set by the user.
    """

    scores: dict[int, FiniteFloat | None]
    tolerance: _Tolerance
    default_tolerance: _Tolerance

    def scored(self) -> dict[int, float]:
        """Return the scores by seed, without missing ones."""
        return {seed: score for seed, score in self.scores.items() if score is not None}


class RunCounts(_Strict):
    """How many runs of a variant ended how: ``failed`` are all without labels, ``collapsed`` is a part of ``ok``."""

    ok: _Count
    failed: _Count
    collapsed: _Count


class MethodScores(_Strict):
    """The scores of a variant (a method in one configuration) on a data set.

    Attributes
    ----------
    title, method : str
    version : int
    preset : str or None
    seeded : bool
        Whether the method takes a seed.
    params : dict
        All parameters except those that differ between seeds.
    hardware : list of str
        The hardware of its runs, which costs depend on.
    seeds : list of int
    status : RunCounts
    metrics : dict of str to MetricScores
    """

    title: _Name
    method: _Name
    version: int
    preset: str | None
    seeded: bool
    params: dict[str, Any]
    hardware: list[_Name]
    seeds: Annotated[list[int], Field(min_length=1)]
    status: RunCounts
    metrics: dict[_QuantityName, MetricScores]

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
    """The commands, commits, hardware and package versions that the scores come from."""

    commands: list[str]
    commits: list[str]
    hardware: list[str]
    versions: list[str]


class Baseline(_Strict):
    """The scores of a run.

    Attributes
    ----------
    format : int
        Version of the file format.
    suite, primary_metric : str
    chosen_metrics : list of str or None
        The metrics that the user chose instead of the default ones; an update of the file keeps them.
    metrics_version : int
    provenance : Provenance
    datasets : dict of str to str
        Fingerprints by data set.
    methods : dict of str to dict of str to MethodScores
        By data set and variant.
    """

    format: Literal[1]
    suite: _Name
    primary_metric: str
    chosen_metrics: list[_QuantityName] | None
    metrics_version: int
    provenance: Provenance
    datasets: Annotated[dict[_Name, str], Field(min_length=1)]
    methods: dict[_Name, Annotated[dict[_Name, MethodScores], Field(min_length=1)]]

    @model_validator(mode="after")
    def _datasets(self) -> Baseline:
        if self.datasets.keys() != self.methods.keys():
            raise ValueError("datasets and methods do not name the same data sets")
        return self

    def scores(self) -> Iterator[tuple[str, str, MethodScores]]:
        """Yield data set, variant and scores of every variant."""
        for dataset, methods in self.methods.items():
            for variant, scores in methods.items():
                yield dataset, variant, scores

    def metric_names(self) -> list[str]:
        """Return the names of its metrics and costs, in the order of `bench.gate.quantities.quantities`."""
        held = {name for _, _, scores in self.scores() for name in scores.metrics}
        return [name for name in quantities() if name in held]

    def variants(self) -> list[str]:
        """Return the names of its variants on all data sets."""
        return sorted({variant for _, variant, _ in self.scores()})


def load_baseline(path: str | Path) -> Baseline:
    """Read a baseline file; nothing in it is executed.

    Raises
    ------
    InputError
        If it cannot be read or is not a valid baseline; the message names the key.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise InputError(f"{path}: larger than {_LARGEST_BYTES // 10**6} MB, which no baseline is")
        return Baseline.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: this baseline does not exist; --update writes it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(_shown(str(part)) for part in first["loc"])
        reason = _shown(first["msg"].removeprefix("Value error, "))
        mend = "correct it, restore it from version control, or write a new one with --update to another file"
        raise InputError(f"{path}: not a valid baseline ({key + ': ' if key else ''}{reason}); {mend}") from None


def write_baseline(path: str | Path, baseline: Baseline) -> None:
    """Write a baseline file atomically; equal baselines give equal bytes.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    path = Path(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(baseline_text(baseline), encoding="utf-8", newline="\n")
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error


def baseline_text(baseline: Baseline) -> str:
    """Return the JSON text of a baseline: sorted keys, one a line, and the scores of all seeds on one line."""
    return _json_text(baseline.model_dump(), "") + "\n"


def _json_text(value: Any, indent: str) -> str:
    inner = indent + " "
    if isinstance(value, Mapping) and value:
        if all(isinstance(key, int) for key in value):
            return json.dumps({key: value[key] for key in sorted(value)}, allow_nan=False)
        lines = [f"{inner}{json.dumps(key)}: {_json_text(value[key], inner)}" for key in sorted(value)]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and any(isinstance(item, str | list | Mapping) for item in value):
        return "[\n" + ",\n".join(inner + _json_text(item, inner) for item in value) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False)


def json_value(value: Any) -> Any:
    """Return a parameter's value as JSON can store it; numbers that are not finite become text."""
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def _shown(text: str) -> str:
    short = clean_name(text)
    return short if len(short) <= 80 else short[:77] + "..."
