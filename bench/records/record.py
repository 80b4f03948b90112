"""What a run's folder holds of each run: planned, recorded, and how its data set names the points."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.plan.cells import ConfigurationFacts, DataPart, Text
from bench.text import clean_name

Status = Literal["ok", "failed", "diverged", "timeout"]

_UNNAMED = "(unnamed)"


class _Keyed(BaseModel):
    """Has a key; a class of its own because the key is the first field of a record's file."""

    key: str


class _OnDataset(BaseModel):
    dataset: str
    fingerprint: str


class RunFacts(ConfigurationFacts, _OnDataset):
    """What a planned run and a record share: the configuration and its data set.

    Attributes
    ----------
    dataset, fingerprint : str
        Name of the data set and hash of its content.
    """

    model_config = ConfigDict(extra="forbid")

    def row(self) -> dict[str, Any]:
        """Return the columns that a report reads, with names made printable: they may come from plugins."""
        names: dict[str, str | None] = {
            name: clean_name(getattr(self, name)) or _UNNAMED for name in ("dataset", "variant", "title")
        }
        if self.role == "twin":  # older records add "(twin of S-DEC)", read as "(counterpart of S-DEC)"
            head, _, rest = str(names["title"]).partition(" (counterpart of ")
            names["title"] = head + rest.partition(")")[2]
        names["preset"] = self.preset and clean_name(self.preset)
        facts = {name: getattr(self, name) for name in RunFacts.model_fields} | names
        last = {name: facts.pop(name) for name in ("kind", "seeded")}  # the order of the columns of scores.parquet
        return facts | last


class PlannedRuns(RunFacts):
    """A configuration that is to be reported on a data set, with the keys of its runs.

    Attributes
    ----------
    boards : list of str
        Those on which it stands by itself; none for one that is reported as a counterpart alone.
    keys : dict of int to str
        By seed.
    """

    boards: list[str]
    keys: dict[int, str]


class Record(RunFacts, _Keyed):
    """The outcome of one run; times in seconds, memory in MB.

    Attributes
    ----------
    params : dict
        Every parameter of the estimator, ``random_state`` included.
    seed, part : int, str
        As in `bench.plan.cells.Cell`. A run on the "selection" part has seen no labels and serves to choose
        hyper-parameters.
    status : {"ok", "failed", "diverged", "timeout"}
    flags : list of str
        Such as "collapsed".
    metrics, reasons : dict
        Values by metric, and why one is None.
    outliers : dict
        How well outliers are told from the fitted points, by name of the outliers, score and metric.
    health, health_epoch, health_reason, health_advice
        The verdict on the training, the epoch since which it holds, what decided, and what to try, if known.
    metrics_version : int
    n_iter, stop_reason
        How long the training went on, and why it ended.
    timings : dict of str to float
        Seconds of each phase.
    peak_memory : float or None
    warnings : list of str
    versions, hardware, commit
        What computed it.
    placement : dict
        The ``node`` and ``gpus`` of a cluster; empty elsewhere.
    pack : list of int
        The seeds that were trained together, if there were several; on a GPU, the last digits depend on them.
    code : str or None
        Hash of the plugin's file that the method comes from.
    error : str or None
        The traceback of a run without labels.
    """

    params: dict[str, Any]
    seed: int
    part: DataPart = "whole"
    status: Status
    flags: list[str] = []
    metrics: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    outliers: dict[str, dict[str, dict[str, float]]] = {}
    health: str | None = None
    health_epoch: int | None = None
    health_reason: str | None = None
    health_advice: str | None = Field(default=None, exclude_if=lambda advice: advice is None)
    metrics_version: int
    n_iter: int | None = None
    stop_reason: Text | None = None
    timings: dict[Text, float] = {}
    peak_memory: float | None = None
    warnings: list[Text] = []
    versions: dict[str, str]
    hardware: dict[str, Any]
    placement: dict[str, Any] = {}
    pack: list[int] = Field(default=[], exclude_if=lambda seeds: not seeds)
    commit: str | None
    code: str | None = None
    error: Text | None = None

    @property
    def wall_time(self) -> float | None:
        """Seconds of training; a network from the cache counts with the time it took to train."""
        phases = [s for name, s in self.timings.items() if name not in ("fit", "score")]
        return sum(phases) if phases else self.timings.get("fit")


class Items(BaseModel):
    """The names that the source of a data set gives its points.

    Attributes
    ----------
    dataset : str
        Name of the data set.
    source : str
        The file or folder that the points came from; empty where there is none.
    items : list of str
        For each point a file below ``source``, or a row.
    """

    model_config = ConfigDict(extra="forbid")

    dataset: str
    source: str
    items: list[str]
