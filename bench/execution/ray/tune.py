"""The Ray executor: runs through Ray Tune, on this machine or on a cluster.

A trial of Tune is a *worker*: a process with a share of a machine, which lives as long as there are packs for it. After
each result the driver, called by Tune's scheduler, assigns the worker its next packs. A trial for each pack would be
Tune's usual way, and is slower for packs of seconds, as those of plugins that train one seed at a time. A new process
for each imports torch, which takes four seconds. With Tune's reuse of actors, each trial that ends takes over the
worker that another one was waiting for: of 40 trials of half a second on two CPUs, all ran on one worker.

The driver decides everything: which runs are open (:class:`bench.execution.queue.RunQueue`) and which records are
stored.
Tune's own state is discarded, and a worker or node that dies loses only the runs it was executing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import ray
from ray import tune
from ray.exceptions import RayError
from ray.tune import TuneError
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from bench.data.dataset import Dataset
from bench.errors import InputError
from bench.execution.isolated import dataset_specs, is_isolated
from bench.execution.queue import RunQueue
from bench.execution.ray.driver import Driver, Node, describe_nodes
from bench.execution.ray.private import failures_as_deaths
from bench.execution.ray.worker import NetworkStore, Worker, WorkerSetup
from bench.execution.resources import Finished, Running, Settings, Share
from bench.execution.shared_files import write_datasets

_logger = logging.getLogger("ray.deepclustbench")  # writes to the run's ray.log


def run_ray(
    queue: RunQueue[Share],
    settings: Settings,
    datasets: Mapping[str, Dataset],
    *,
    folder: Path,
    private: bool,
    max_concurrent: int | None = None,
    finished: Finished,
    running: Running = lambda _: None,
) -> None:
    """Execute runs on the connected Ray; call ``finished`` in this process as each ends.

    The runs of a worker or node that dies are tried again. KeyboardInterrupt propagates; runs that had ended were
    passed to ``finished``.

    Parameters
    ----------
    queue : RunQueue
        Its kinds are the shares that runs ask for. Once it is closed, only the runs that have started still end.
    settings : Settings
    datasets : mapping of str to Dataset
        By the suite's names for them.
    folder : path
        For temporary files, Tune's included.
    private : bool
        Whether Ray was started by this process and has only this machine, so that no network need be sent.
    max_concurrent : int or None
        Limit on the number of runs at one time.
    finished, running : callable

    Raises
    ------
    InputError
        If no node fits a run, or no worker can start.
    """
    nodes = _alive_nodes()
    for share in {*queue.ready(), *queue.waiting()}:
        if not any(share.fits(node) for node in nodes):
            raise InputError(f"a run asks for {share}, and no node has them; the nodes have {describe_nodes(nodes)}")
    driver = Driver(
        queue, settings, nodes=_alive_nodes, max_concurrent=max_concurrent, finished=finished, running=running
    )
    node = ray.get_runtime_context().get_node_id()
    store = None if private or settings.memory is None else _start_network_store(settings.memory, node)
    isolated = dict.fromkeys(spec for cell in queue.cells if is_isolated(cell) for spec in dataset_specs(cell))
    paths = write_datasets(datasets, isolated, folder / "data")
    setup = WorkerSetup(settings, {name: ray.put(data) for name, data in datasets.items()}, node, store, paths)
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = "64"  # limit on the workers that start at one time
    worker = tune.with_resources(tune.with_parameters(Worker, setup=setup), _resources)
    with failures_as_deaths():
        while not driver.is_done:
            try:
                _run_tune(worker, driver, folder)
            except (RayError, TuneError, RuntimeError, OSError) as error:
                _logger.warning("Tune gave up; starting it again", exc_info=error)
                driver.tune_failed(error)
            driver.flush()
    if driver.error:
        raise driver.error


def _run_tune(worker: Any, driver: Driver, folder: Path) -> None:
    tune.Tuner(
        worker,
        tune_config=tune.TuneConfig(search_alg=_Searcher(driver), scheduler=_Scheduler(driver), num_samples=-1),
        run_config=tune.RunConfig(
            storage_path=mkdtemp(dir=folder),
            name="workers",
            verbose=0,
            stop=_Stopper(driver),
            callbacks=[_Callback(driver)],
            failure_config=tune.FailureConfig(max_failures=0),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    ).fit()


def _resources(config: Mapping[str, float]) -> tune.PlacementGroupFactory:
    amounts = {"CPU": config["cpus"], "GPU": config["gpus"]}
    return tune.PlacementGroupFactory([{name: amount for name, amount in amounts.items() if amount}])


def _start_network_store(memory: str, node: str) -> Any:
    """Start the network store on the node of this process."""
    here = NodeAffinitySchedulingStrategy(node, soft=False)
    options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1, "scheduling_strategy": here}
    return ray.remote(NetworkStore).options(**options).remote(memory)


def _alive_nodes() -> list[Node]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


class _Searcher(Searcher):
    """Starts workers: Tune asks it for the next trial."""

    def __init__(self, driver: Driver) -> None:
        super().__init__()
        self._driver = driver

    def suggest(self, trial_id: str) -> Any:
        if self._driver.is_done:
            return Searcher.FINISHED  # otherwise Tune, without a trial, would wait ten minutes for the next one
        share = self._driver.next_share()
        if share is None:
            return None
        self._driver.add_worker(trial_id, share)
        return {"cpus": share.cpus, "gpus": share.gpus}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Do nothing: the scheduler passes the result to the driver."""

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: records hold what is done."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: records hold what is done."""


class _Scheduler(FIFOScheduler):
    """Passes each result to the driver: Tune asks it whether the trial continues."""

    def __init__(self, driver: Driver) -> None:
        super().__init__()
        self._driver = driver

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        continues = self._driver.take_report(trial.trial_id, result["report"].pop())
        return self.CONTINUE if continues else self.STOP

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        self._driver.worker_died(trial.trial_id, Path(trial.error_file).read_text())


class _Stopper(tune.Stopper):
    """Ends the experiment: Tune asks it after each result."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._driver.is_done


class _Callback(tune.Callback):
    """Stores results: Tune calls it after each step of its loop."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self._driver.flush()
