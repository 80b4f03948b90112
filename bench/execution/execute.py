"""Executes planned runs with the executor that was asked for, and ends them at Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.data.dataset import Dataset
from bench.execution.networks import is_stored
from bench.execution.queue import Kind, RunQueue
from bench.execution.resources import Finished, Running, Settings, Shares, available_memory, cores, with_gpus
from bench.plan.cells import Cell
from bench.plan.packs import divide, seeds_that_fit


@dataclass(frozen=True, kw_only=True)
class OnThisMachine:
    """Execution in processes of this machine.

    Attributes
    ----------
    jobs : int
        Number of processes.
    """

    jobs: int


@dataclass(frozen=True, kw_only=True)
class OnRay:
    """Execution through Ray Tune; one at a time in a process, since Ray keeps much of its state for good.

    Attributes
    ----------
    log : path
        File for the messages of Ray.
    address : str or None
        A cluster to join; None starts a private Ray on this machine.
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
    planned: Sequence[Cell] = (),
) -> bool:
    """Execute planned runs; return whether all were executed, False after a Ctrl-C.

    Parameters
    ----------
    cells : sequence of Cell
        The planned runs, in the order in which they should start.
    how : OnThisMachine or OnRay
    settings : Settings
    datasets : mapping of str to Dataset
        By the suite's names for them.
    finished : callable
        Called in this process with each run that ends, its record and its raw outputs.
    running : callable
        Called with the runs that are being executed.
    stopping : callable
        Called at the first Ctrl-C, after which no further run starts. The second one raises KeyboardInterrupt.
    seconds : mapping, optional
        Known duration of a run, by data set and configuration.
    planned : sequence of Cell, optional
        All runs of the plan, if others are done; they decide which runs are executed together.

    Raises
    ------
    InputError
        If the machines lack what is asked for.
    """

    def is_trained(network: str) -> bool:
        return settings.memory is not None and is_stored(Path(settings.memory) / network)

    def run(kind_of: Callable[[Cell], Kind], executor: Callable[[RunQueue[Kind]], None], workers: int) -> bool:
        packs = divide(planned or cells, cells, workers, seeds_that_fit(datasets, available_memory() / workers))
        queue = RunQueue(
            packs, kind_of=kind_of, max_retries=settings.max_retries, is_trained=is_trained, seconds=seconds
        )

        def close() -> None:
            queue.close()
            stopping()

        with _first_interrupt_calls(close):
            executor(queue)
        return not queue.n_open

    if isinstance(how, OnThisMachine):
        from bench.execution.isolated import dataset_specs
        from bench.execution.local import run_local
        from bench.execution.shared_files import shared_datasets

        jobs = how.jobs
        with shared_datasets(datasets, (spec for cell in cells for spec in dataset_specs(cell))) as paths:
            return run(
                lambda _: None,
                lambda queue: run_local(queue, settings, paths, jobs=jobs, finished=finished, running=running),
                jobs,
            )

    from bench.execution.ray.cluster import cluster

    with cluster(how.address, how.log, cpus=cores()) as folder:
        import ray

        from bench.execution.ray.tune import run_ray

        shares = with_gpus(how.shares, settings.device, ray.cluster_resources().get("GPU", 0.0))
        return run(
            shares.of,
            lambda queue: run_ray(
                queue,
                settings,
                datasets,
                folder=folder,
                private=how.address is None,
                max_concurrent=shares.max_concurrent,
                finished=finished,
                running=running,
            ),
            shares.n_workers([node["Resources"] for node in ray.nodes() if node["Alive"]]),
        )


@contextmanager
def _first_interrupt_calls(function: Callable[[], None]) -> Iterator[None]:
    """Call a function, in a thread, at the first Ctrl-C; raise KeyboardInterrupt at the second.

    Outside the main thread, which alone can handle signals, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def handle(*_: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # In a thread, since the interrupted code may be in the middle of printing.
        threading.Thread(target=function, daemon=True).start()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
