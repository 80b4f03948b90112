"""Many cells through Ray Tune, on this machine or on a cluster.

A Tune trial is a *lane*: a worker with its share of a machine, which lives as long as there are cells for
it. After each result the driver, as Tune's scheduler, gives the lane its next cells. One trial a cell would
start a process, and import torch, for each of them; and Tune's reuse of actors keeps a short grid on one
worker, since every trial that ends takes over the worker that another one was waiting for.

All that matters is in the driver: which cells are left (:class:`bench.runner.backlog.Backlog`) and the
records. Tune's own state is thrown away, and what dies takes nothing along but the cells it worked on.
"""

from __future__ import annotations

import logging
import math
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import ray
from ray import tune
from ray.exceptions import OutOfMemoryError, RayError
from ray.tune import TuneError
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from bench.cells import Cell
from bench.dataset import Dataset
from bench.errors import InputError
from bench.runner.backlog import Backlog
from bench.runner.cell import Outputs, failed
from bench.runner.lane import HARD_STOP, Job, Lane, Report, Shelf
from bench.runner.settings import Finished, Running, Settings, hand_over
from bench.runner.shares import Share
from bench.store import Record, Status

logger = logging.getLogger("ray.deepclustbench")  # into the run's ray.log

#: Seconds without a node that could hold a lane after which a run ends.
PATIENCE = 60.0
#: Lanes in a row that may die before they report: then none ever will.
STILLBORN = 4


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
            raise InputError(f"a cell asks for {share}, and no node has them; the nodes have {_listed(nodes)}")
    driver = Driver(backlog, settings, max_concurrent, finished, running)
    home = ray.get_runtime_context().get_node_id()
    shelf = None if private or settings.memory is None else _shelf(settings.memory, home)
    job = Job(settings, {name: ray.put(data) for name, data in datasets.items()}, home, shelf)
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = "64"  # lanes that start at one time
    lane = tune.with_resources(tune.with_parameters(Lane, job=job), _bundle)
    while not driver.over:
        try:
            _run_tune(lane, driver, folder)
        except (RayError, TuneError, RuntimeError) as error:  # such as a worker killed by Ray's memory monitor
            logger.warning("Tune gave up; starting it again", exc_info=error)
            driver.bereaved(str(error))
        driver.rest()
    if driver.trouble:
        raise InputError(driver.trouble)


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


def _alive_nodes() -> list[dict[str, float]]:
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _listed(nodes: list[dict[str, float]]) -> str:
    return "; ".join(f"{node.get('CPU', 0):g} CPUs and {node.get('GPU', 0):g} GPUs" for node in nodes) or "nothing"


@dataclass
class _Worker:
    """What the driver knows of a lane."""

    share: Share
    handle: Any = None  # once it has reported
    cells: list[Cell] = field(default_factory=list)
    given: float = 0.0  # when it got them
    placement: Mapping[str, Any] = field(default_factory=dict)


class Driver:
    """Says when lanes start and stop, gives them their cells, and takes their results.

    Parameters
    ----------
    backlog, settings, max_concurrent, finished, running
        As in :func:`run_ray`.
    """

    def __init__(
        self,
        backlog: Backlog[Share],
        settings: Settings,
        max_concurrent: int | None,
        finished: Finished,
        running: Running,
    ) -> None:
        self._backlog, self._settings = backlog, settings
        self._max_concurrent = max_concurrent or math.inf
        self._finished, self._running = finished, running
        self._lanes: dict[str, _Worker] = {}
        self._outbox: list[tuple[Cell, tuple[Record, Outputs]]] = []
        self._stillborn, self._breaks, self._left_at_break = 0, 0, backlog.left
        self._nodes, self._looked, self._last_room = _alive_nodes(), time.monotonic(), time.monotonic()
        self.trouble: str | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Pickle as nothing: Tune writes its helpers to disk, to restore from what we keep better."""
        return {}

    @property
    def over(self) -> bool:
        """Whether the run may end: nothing to hand out and no lane at work, or no hope."""
        at_work = any(lane.cells for lane in self._lanes.values())
        return self.trouble is not None or (self._backlog.over and not at_work and not self._outbox)

    def wanted(self) -> Share | None:
        """Return what the next lane should ask for; None if there are enough of them."""
        now = time.monotonic()
        if now - self._looked > 1.0:  # nodes come and go
            self._nodes, self._looked = _alive_nodes(), now
        # Where all that is left waits for networks, its lanes may start meanwhile.
        waiting = self._backlog.ready() or self._backlog.held()
        room = {share: sum(share.fits(node) for node in self._nodes) for share in waiting}
        if self._lanes or any(room.values()) or not waiting:
            self._last_room = now
        elif now - self._last_room > PATIENCE:
            self.trouble = f"a cell asks for {next(iter(waiting))}; the nodes alive have {_listed(self._nodes)}"
        if len(self._lanes) >= self._max_concurrent:
            return None
        for share, cells in waiting.items():
            alike = [lane for lane in self._lanes.values() if lane.share == share]
            starting = sum(not lane.cells for lane in alike)
            if len(alike) < room[share] and starting < cells:
                return share
        return None

    def start(self, trial: str, share: Share) -> None:
        """Note that a lane is being started."""
        self._lanes[trial] = _Worker(share)

    def result(self, trial: str, report: Report) -> bool:
        """Take what a lane reports and give it its next cells; return whether it goes on."""
        lane = self._lanes.get(trial)
        if lane is None:
            return False
        if report.handle is not None:
            lane.handle, lane.placement, self._stillborn = report.handle, report.placement, 0
        given = {cell.key: cell for cell in lane.cells}
        outcomes = [(given.pop(record.key), (record, outputs)) for record, outputs in report.outcomes]
        self._backlog.put_back(given.values())
        lane.cells = []
        self._outbox += outcomes  # written when the lane is at work again: see ``rest``
        if report.spent:
            return self._dismiss(trial)
        cells = self._backlog.take(lane.share, workers=len(self._lanes))
        if not cells and any(cell.network for cell, _ in outcomes):
            self.rest()  # what waited for these networks may start
            cells = self._backlog.take(lane.share, workers=len(self._lanes))
        # A lane waits only for cells of its own kind, and never while another kind wants its place.
        if not cells and (self._backlog.over or self._backlog.ready() or not self._backlog.held().get(lane.share)):
            return self._dismiss(trial)
        lane.cells, lane.given = cells, time.monotonic()
        lane.handle.assign.remote(cells)  # Tune calls the next step after this, and calls arrive in order
        return True

    def bereaved(self, error: str) -> None:
        """Note that Tune has ended all lanes, and let their cells be tried again.

        Only those whose lane had died before are charged: Tune ends when Ray kills a worker to free memory.
        """
        for trial, lane in list(self._lanes.items()):
            death = _death(lane.handle)
            if death:
                self.lost(trial, death)
            else:
                self._backlog.put_back(lane.cells)
                del self._lanes[trial]
        self._breaks = 0 if self._backlog.left < self._left_at_break else self._breaks + 1
        self._left_at_break = self._backlog.left
        if self._breaks > self._settings.max_retries:
            self.trouble = f"Ray Tune ended {self._breaks} times before a cell had: {error}"

    def lost(self, trial: str, error: str) -> None:
        """Note that a lane died, as Ray tells it, and let its cells be tried again."""
        lane = self._lanes.pop(trial, None)
        if lane is None:
            return
        if lane.handle is None:
            self._stillborn += 1
            if self._stillborn == STILLBORN:
                self.trouble = f"workers die before they can start: {error.strip().splitlines()[-1]}"
        timeout = self._settings.timeout
        if timeout and len(lane.cells) == 1 and time.monotonic() - lane.given >= timeout + HARD_STOP:
            self._record(lane, lane.cells[0], "timeout", f"not done after {timeout:g} s; it could only be killed")
            return
        for cell in self._backlog.lost(lane.cells):
            self._record(lane, cell, "failed", f"{_reason(error)}, {self._settings.max_retries + 1} times")

    def rest(self) -> None:
        """Do what can wait until the lanes are at work: store what came in, show what is going on."""
        while self._outbox:
            hand_over(*self._outbox.pop(0), self._backlog, self._finished)
        self._running([lane.cells[0] for lane in self._lanes.values() if lane.cells])

    def _dismiss(self, trial: str) -> bool:
        del self._lanes[trial]  # with it goes the handle, which would keep the process alive
        return False

    def _record(self, lane: _Worker, cell: Cell, status: Status, error: str) -> None:
        self._outbox.append((cell, (failed(cell, status, error, self._settings.device, lane.placement), {})))


class _Starts(Searcher):
    """Tune asks it for the next trial."""

    def __init__(self, driver: Driver) -> None:
        super().__init__()
        self._driver = driver

    def suggest(self, trial_id: str) -> dict[str, float] | None:
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


def _death(handle: Any) -> str | None:
    """Return why Ray killed a lane; None if it lived until it was stopped."""
    if handle is None:
        return None
    try:
        ray.get(handle.assign.remote([]), timeout=1)
    except OutOfMemoryError as error:
        return str(error)
    except RayError:
        return None
    return None


def _reason(error: str) -> str:
    """Return in a line why Ray says that a worker died."""
    if "low on memory" in error:
        used = re.search(r"was (\S+ used / \S+ limit)", error)
        return f"killed for want of memory{f' ({used[1]})' if used else ''}: try fewer cells at a time"
    if re.search(r"node (has|was|is) (died|dead|terminated|removed)|[Rr]aylet", error):
        return "the node died"
    return "the worker process died (killed, perhaps for want of memory, or ended by the method)"
