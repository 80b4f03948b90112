"""Many cells through Ray Tune, on this machine or on a cluster.

A Tune trial is a *lane*: a worker with its share of a machine, which lives as long as there are cells for
it. After each result the driver, as Tune's scheduler, gives the lane its next cells. One trial a cell would
start a process, and import torch, for each of them; and Tune's reuse of actors keeps a short grid on one
worker, since every trial that ends takes over the worker that another one was waiting for.

All that matters is in the driver: which cells are left (:class:`bench.run.queue.Backlog`) and the
records. Tune's own state is thrown away, and what dies takes nothing along but the cells it worked on.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import ray
from ray import tune
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.tune import TuneError
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from bench.data.dataset import Dataset
from bench.errors import InputError
from bench.run.isolated import is_apart, specs_of
from bench.run.queue import Backlog
from bench.run.ray.driver import Driver, Node, listed
from bench.run.ray.worker import Job, Lane, Shelf
from bench.run.resources import Finished, Running, Settings, Share
from bench.run.shared_files import write_all

logger = logging.getLogger("ray.deepclustbench")  # into the run's ray.log


def run_ray(
    backlog: Backlog[Share],
    settings: Settings,
    datasets: Mapping[str, Dataset],
    *,
    folder: Path,
    private: bool,
    max_concurrent: int | None = None,
    finished: Finished,
    running: Running = lambda _: None,
) -> None:
    """Run cells on the Ray that is connected; call ``finished`` in this process as each ends.

    A worker or a node that dies loses the cells it was working on, which are tried again. KeyboardInterrupt
    passes on; the cells that had ended were handed over.

    Parameters
    ----------
    backlog : Backlog
        What to run, its kinds the shares that cells ask for. Once it is closed, only what is being worked on
        still ends.
    settings : Settings
    datasets : mapping of str to Dataset
        By the suite's names for them.
    folder : path
        Where Tune may keep what it wants to.
    private : bool
        Whether this process is Ray's only one and this machine its only node, so that no network need travel.
    max_concurrent : int or None
        Cells at one time.
    finished, running : callable

    Raises
    ------
    InputError
        If no node can hold a cell, or no worker can start.
    """
    nodes = _alive_nodes()
    for share in {*backlog.ready(), *backlog.held()}:
        if not any(share.fits(node) for node in nodes):
            raise InputError(f"a cell asks for {share}, and no node has them; the nodes have {listed(nodes)}")
    driver = Driver(
        backlog, settings, nodes=_alive_nodes, max_concurrent=max_concurrent, finished=finished, running=running
    )
    home = ray.get_runtime_context().get_node_id()
    shelf = None if private or settings.memory is None else _shelf(settings.memory, home)
    needed = dict.fromkeys(spec for cell in backlog.cells if is_apart(cell) for spec in specs_of(cell))
    places = write_all(datasets, needed, folder / "data")
    job = Job(settings, {name: ray.put(data) for name, data in datasets.items()}, home, shelf, places)
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = "64"  # lanes that start at one time
    lane = tune.with_resources(tune.with_parameters(Lane, job=job), _bundle)
    with _deaths_known():
        while not driver.over:
            try:
                _run_tune(lane, driver, folder)
            except (RayError, TuneError, RuntimeError, OSError) as error:
                logger.warning("Tune gave up; starting it again", exc_info=error)
                driver.bereaved(error)
            driver.rest()
    if driver.trouble:
        raise driver.trouble


def _run_tune(lane: Any, driver: Driver, folder: Path) -> None:
    tune.Tuner(
        lane,
        tune_config=tune.TuneConfig(search_alg=_Starts(driver), scheduler=_Steers(driver), num_samples=-1),
        run_config=tune.RunConfig(
            storage_path=mkdtemp(dir=folder),
            name="lanes",
            verbose=0,
            stop=_Ends(driver),
            callbacks=[_Rests(driver)],
            failure_config=tune.FailureConfig(max_failures=0),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    ).fit()


def _bundle(config: Mapping[str, float]) -> tune.PlacementGroupFactory:
    wanted = {"CPU": config["cpus"], "GPU": config["gpus"]}
    return tune.PlacementGroupFactory([{name: value for name, value in wanted.items() if value}])


def _shelf(memory: str, home: str) -> Any:
    """Start the shelf of networks beside this process."""
    here = NodeAffinitySchedulingStrategy(home, soft=False)
    options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1, "scheduling_strategy": here}
    return ray.remote(Shelf).options(**options).remote(memory)


def _alive_nodes() -> list[Node]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


@contextmanager
def _deaths_known() -> Iterator[None]:
    """Let Tune take a worker that Ray killed for want of memory, or whose result was lost, for a dead one.

    Tune takes only a RayActorError for a death. At anything else it gives up, and ends all lanes with it.
    """
    original = RayActorManager._actor_task_failed

    def report(self: RayActorManager, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, RayError) and not isinstance(exception, RayActorError | RayTaskError):
            exception = RayActorError(error_msg=f"{type(exception).__name__}: {exception}")
        original(self, tracked_actor_task, exception)

    RayActorManager._actor_task_failed = report  # type: ignore[method-assign]
    try:
        yield
    finally:
        RayActorManager._actor_task_failed = original  # type: ignore[method-assign]


class _Starts(Searcher):
    """Tune asks it for the next trial."""

    def __init__(self, driver: Driver) -> None:
        super().__init__()
        self._driver = driver

    def suggest(self, trial_id: str) -> Any:
        if self._driver.over:
            return Searcher.FINISHED  # else Tune, with no trial left, would wait ten minutes for the next one
        share = self._driver.wanted()
        if share is None:
            return None
        self._driver.start(trial_id, share)
        return {"cpus": share.cpus, "gpus": share.gpus}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Do nothing: the scheduler is told more."""

    def save(self, checkpoint_path: str) -> None:
        """Keep nothing: what is done is in the records."""

    def restore(self, checkpoint_path: str) -> None:
        """Take nothing back."""


class _Steers(FIFOScheduler):
    """Tune asks it after each result whether a trial goes on."""

    def __init__(self, driver: Driver) -> None:
        super().__init__()
        self._driver = driver

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        goes_on = self._driver.result(trial.trial_id, result["report"].pop())
        return self.CONTINUE if goes_on else self.STOP

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        self._driver.lost(trial.trial_id, Path(trial.error_file).read_text())


class _Ends(tune.Stopper):
    """Tune asks it whether all is over."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._driver.over


class _Rests(tune.Callback):
    """Tune calls it after each of its rounds."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self._driver.rest()
