"""Settings that every executor takes, and the share of a machine that a run asks for."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.errors import InputError
from bench.execution.outputs import Outputs
from bench.execution.queue import RunQueue
from bench.method import MethodInfo
from bench.plan.cells import Cell
from bench.plan.registry import find_method
from bench.records.record import Record

#: Takes a run that has ended, its record and its raw outputs.
Finished = Callable[[Cell, Record, Outputs], None]
#: Takes the runs that are being executed; called a few times a second.
Running = Callable[[list[Cell]], None]

#: Seconds that a run has, after its time limit, to end by itself; then its process is killed.
HARD_STOP = 10.0


@dataclass(frozen=True)
class Share:
    """What one worker asks of its machine.

    Attributes
    ----------
    cpus, gpus : float
        A fraction of a GPU is shared with other workers.
    """

    cpus: float
    gpus: float

    def __str__(self) -> str:
        return f"{self.cpus:g} CPUs and {self.gpus:g} GPUs"

    def fits(self, node: Mapping[str, float]) -> int:
        """Return how many such workers a node holds, by its resources as Ray names them ("CPU", "GPU")."""
        fits = int(node.get("CPU", 0.0) / self.cpus + 1e-9)
        if not self.gpus:
            return fits
        gpus = int(node.get("GPU", 0.0))
        # A worker has a part of one GPU, or whole ones: a share of .4 puts two on each and leaves a fifth of it.
        on_gpus = gpus * int(1 / self.gpus + 1e-9) if self.gpus < 1 else int(gpus / self.gpus + 1e-9)
        return min(fits, on_gpus)


@dataclass(frozen=True, kw_only=True)
class Shares:
    """How the runs share the machines.

    Attributes
    ----------
    cpus : float
        CPUs of a run.
    gpus : float or None
        GPUs of a run; .25 puts four runs on one. None: one if there are any, else none.
    max_concurrent : int or None
        Runs at one time.
    use_gpus : bool
        Whether there are GPUs to use; if not, no run has one, whatever its method asks for.
    """

    cpus: float = 1.0
    gpus: float | None = None
    max_concurrent: int | None = None
    use_gpus: bool = True

    def n_workers(self, nodes: Iterable[Mapping[str, float]]) -> int:
        """Return how many runs without resources of their own execute at one time on nodes."""
        share = Share(self.cpus, (self.gpus or 0.0) if self.use_gpus else 0.0)
        fits = sum(share.fits(node) for node in nodes)
        return max(1, fits if self.max_concurrent is None else min(fits, self.max_concurrent))

    def of(self, cell: Cell) -> Share:
        """Return what a run asks for; what its method declares takes precedence."""
        declared = find_method(cell.configuration.source).resources
        return Share(declared.get("cpus", self.cpus), declared.get("gpus", self.gpus or 0.0) if self.use_gpus else 0.0)


def with_gpus(shares: Shares, device: str, available: float) -> Shares:
    """Return shares with ``gpus`` decided: by default one for each run if there are any.

    Raises
    ------
    InputError
        If GPUs are asked for and there are none, or the device excludes them.
    """
    if device == "cpu" and shares.gpus:
        raise InputError("--gpus-per-trial needs GPUs, and --device cpu uses none; leave one of them out")
    if device == "cuda" and not available:
        raise InputError("--device cuda: the machines that Ray sees have no GPU")
    use_gpus = shares.gpus is not None or (available > 0 and device != "cpu")
    gpus = shares.gpus if shares.gpus is not None else float(use_gpus)
    return replace(shares, gpus=gpus, use_gpus=use_gpus)


def cores() -> int:
    """Return how many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_memory() -> float:
    """Return how many bytes of this machine's memory are available; infinity where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return math.inf


@dataclass(frozen=True)
class Settings:
    """Settings that do not depend on the executor.

    Attributes
    ----------
    threads : int or None
        Threads of a run; None gives it as many as it has CPUs. Floating-point sums depend on them, so equal records
        need an equal number of threads; the number of runs at one time never matters.
    cpus : float
        CPUs of a run whose method declares no other number.
    device : str
        "auto", "cpu", "cuda", ...
    memory : str or None
        Folder of pretrained networks.
    timeout : float or None
        Seconds that a run may take.
    max_retries : int
        How often a run is tried again after its worker died.
    """

    threads: int | None = None
    cpus: float = 1.0
    device: str = "auto"
    memory: str | None = None
    timeout: float | None = None
    max_retries: int = 2

    def threads_of(self, method: MethodInfo) -> int:
        """Return the number of threads of a run of a method."""
        return self.threads or max(1, int(method.resources.get("cpus", self.cpus)))


def store_result(cell: Cell, result: tuple[Record, Outputs], queue: RunQueue[Any], finished: Finished) -> None:
    """Pass the record and outputs of a run to ``finished``, then mark the run as ended."""
    record, outputs = result
    finished(cell, record, outputs)
    fit_seconds = record.timings.get("fit")
    seconds = None if fit_seconds is None else fit_seconds + record.timings.get("score", 0.0)
    queue.mark_ended(cell, ok=record.status == "ok", seconds=seconds)
