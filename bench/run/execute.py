"""Executes runs on this machine or through Ray."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.data.dataset import Dataset
from bench.errors import InputError
from bench.plan.cells import Cell
from bench.run.networks import is_stored
from bench.run.queue import Backlog, Kind
from bench.run.resources import Finished, Running, Settings, Shares


@contextmanager
def patient_interrupts(first: Callable[[], None]) -> Iterator[None]:
    """Call ``first``, in a thread, at the first Ctrl-C; raise KeyboardInterrupt at the second.

    Outside the main thread, where signals cannot be taken, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def handle(*_: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # In a thread: what is interrupted may be in the midst of printing, which a handler must not do then.
        threading.Thread(target=first, daemon=True).start()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass(frozen=True, kw_only=True)
class OnThisMachine:
    """In processes of this machine.

    Attributes
    ----------
    jobs : int
        Processes.
    """

    jobs: int


@dataclass(frozen=True, kw_only=True)
class OnRay:
    """Through Ray Tune; one Ray a process, since Ray keeps much for the life of one.

    Attributes
    ----------
    log : path
        File for what Ray has to say.
    address : str or None
        A cluster to join; None starts a private Ray with what the machine has.
    shares : Shares
    """

    log: Path
    address: str | None = None
    shares: Shares = field(default_factory=Shares)


def execute(
    cells: Sequence[Cell],
    how: OnThisMachine | OnRay,
    settings: Settings,
    datasets: Mapping[str, Dataset],
    *,
    finished: Finished,
    running: Running = lambda _: None,
    stopping: Callable[[], None] = lambda: None,
    seconds: Mapping[tuple[str, str], float] | None = None,
) -> bool:
    """Run cells; return whether all were run, False after a Ctrl-C.

    Parameters
    ----------
    cells : sequence of Cell
        In the order in which they are wanted.
    how : OnThisMachine or OnRay
    settings : Settings
    datasets : mapping of str to Dataset
        By the suite's names for them.
    finished : callable
        Takes each cell as it ends, with its record and raw outputs, in this process.
    running : callable
        Told about what is being worked on.
    stopping : callable
        Called at the first Ctrl-C, which lets running cells end. The second raises KeyboardInterrupt.
    seconds : mapping, optional
        What a cell of (data set, configuration) is known to take.

    Raises
    ------
    InputError
        If the machines cannot do what is asked.
    """

    def is_trained(network: str) -> bool:
        return settings.memory is not None and is_stored(Path(settings.memory) / network)

    def run(kind_of: Callable[[Cell], Kind], executor: Callable[[Backlog[Kind]], None]) -> bool:
        backlog = Backlog(
            cells, kind_of=kind_of, max_retries=settings.max_retries, is_trained=is_trained, seconds=seconds
        )

        def close() -> None:
            backlog.close()
            stopping()

        with patient_interrupts(close):
            executor(backlog)
        return not backlog.left

    if isinstance(how, OnThisMachine):
        from bench.run.isolated import specs_of
        from bench.run.local import run_local
        from bench.run.shared_files import shared

        jobs = how.jobs
        with shared(datasets, (spec for cell in cells for spec in specs_of(cell))) as places:
            return run(
                lambda _: None,
                lambda backlog: run_local(backlog, settings, places, jobs=jobs, finished=finished, running=running),
            )

    from bench.run.ray.cluster import cluster

    with cluster(how.address, how.log, cpus=cores()) as folder:
        import ray

        from bench.run.ray.tune import run_ray

        shares = with_gpus(how.shares, settings.device, ray.cluster_resources().get("GPU", 0.0))
        return run(
            shares.of,
            lambda backlog: run_ray(
                backlog,
                settings,
                datasets,
                folder=folder,
                private=how.address is None,
                max_concurrent=shares.max_concurrent,
                finished=finished,
                running=running,
            ),
        )


def with_gpus(shares: Shares, device: str, available: float) -> Shares:
    """Decide what was left open: a GPU a cell where there is one.

    Raises
    ------
    InputError
        If GPUs are asked for and not there, or there and not to be used.
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
