"""What runs on a Ray worker: a lane, which runs the cells that the driver gives it; and the shelf of networks."""

from __future__ import annotations

import faulthandler
import importlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray._common.utils import get_system_memory
from ray._private.utils import get_used_memory
from ray.exceptions import RayError

from bench.data.dataset import Dataset
from bench.errors import TimeIsUpError
from bench.plan.cells import Cell
from bench.plan.registry import find_method
from bench.records.store import Record
from bench.run.fit import PRELOAD, Outputs, failed, fit_cell, limit_threads
from bench.run.isolated import Sealed, run_sealed, specs_of
from bench.run.networks import default_memory, is_stored, memory_of, pack, unpack
from bench.run.processes import Forks, ProcessDiedError
from bench.run.ray.driver import Report
from bench.run.resources import HARD_STOP, Settings
from bench.run.shared_files import PREFIX, temporary_folder, write_all

#: Seconds a lane waits before it asks again.
_NAP = 0.2
#: Share of a node's memory that is still free, by Ray's limit, when a large process is ended.
_BEFORE_RAY = 0.03
#: Bytes of a process that may be what fills a node.
_LARGE = 1e9


@dataclass(frozen=True)
class Job:
    """What every lane of a run needs; it travels once to each node.

    Attributes
    ----------
    settings : Settings
    data : dict of str to ObjectRef
        The data sets, in Ray's object store: workers of a node map the same memory.
    home : str
        The driver's node.
    shelf : ActorHandle or None
        Where workers elsewhere get their networks.
    places : dict of str to Path
        On the driver's node, the data sets that cells of somebody's methods need, as files.
    """

    settings: Settings
    data: dict[str, Any]
    home: str
    shelf: Any
    places: dict[str, Path]


class Lane(tune.Trainable):
    """A worker with its share of a machine: a trial that lasts as long as the driver has cells for it."""

    def setup(self, config: dict[str, Any], job: Job) -> None:  # type: ignore[override]
        """Prepare the process; Tune calls this once."""
        self._job, self._greeted = job, False
        self._cells: list[Cell | Sealed] = []
        self._forks: Forks | None = None
        self._folders, self._places = ExitStack(), dict[str, Path]()
        self._datasets: dict[str, Dataset] = {}
        self._shelved: set[str] = set()
        self._device = job.settings.device
        if not config["gpus"]:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # what it did not ask for belongs to others
            self._device = "cpu"
        context = ray.get_runtime_context()
        self._at_home = context.get_node_id() == job.home
        self._places |= job.places if self._at_home else {}
        self._memory = job.settings.memory if self._at_home else str(default_memory())
        self._placement = {"node": context.get_node_id()[:12], "gpus": [str(i) for i in ray.get_gpu_ids()]}
        signal.signal(signal.SIGTERM, lambda *_: os._exit(1))  # Ray's would look like a method that quits
        for module in PRELOAD:
            importlib.import_module(module)

    def cleanup(self) -> None:
        """Leave nothing behind; Tune calls this at the end."""
        if self._forks:
            self._forks.stop()
        self._folders.close()

    def assign(self, cells: list[Cell | Sealed]) -> None:
        """Take the cells of the next step; those of somebody's methods sealed."""
        self._cells = cells

    def step(self) -> dict[str, Any]:
        """Run the cells assigned; the first step only says that the lane is there."""
        report = Report(placement=self._placement)
        if not self._greeted:
            self._greeted = True
            report.handle = ray.get_runtime_context().current_actor
        elif not self._cells:
            time.sleep(_NAP)
        for cell in self._cells:
            if isinstance(cell, Sealed):
                self._run_apart(cell, report)
                continue
            report.outcomes.append(self._run(cell))
            if report.outcomes[-1][0].status == "timeout":  # who knows what it left running
                report.spent = True
                break
        self._cells = []
        return {"report": [report]}  # in a list, for the driver to empty: Tune keeps the last result of each trial

    def _run(self, cell: Cell) -> tuple[Record, Outputs]:
        timeout = self._job.settings.timeout
        memory = memory_of(cell, self._memory)
        try:
            info = find_method(cell.configuration.source)
            dataset, others = self._data_of(cell)
            limit_threads(self._job.settings.threads_of(info))
            self._fetch(cell.network, memory)
            try:
                with _deadline(timeout):
                    return fit_cell(
                        cell, info, dataset, others, device=self._device, memory=memory, placement=self._placement
                    )
            finally:
                self._shelve(cell.network, memory)
        except TimeIsUpError:
            return failed(cell, "timeout", f"not done after {timeout:g} s", self._device, self._placement), {}
        except RayError:  # the data are gone, with a node: not the method's fault, so the cell is tried again
            raise
        except Exception as error:  # what a worker elsewhere may lack: a plugin, disk space
            reason = f"{type(error).__name__}: {error}"
            return failed(cell, "failed", reason, self._device, self._placement), {}

    def _run_apart(self, cell: Sealed, report: Report) -> None:
        """Run a cell of somebody's method in a process for it alone, and put what came of it into the report."""
        timeout = self._job.settings.timeout
        memory = None if self._memory is None else Path(self._memory)
        network = None if memory is None or cell.network is None else memory / cell.network
        settings = replace(self._job.settings, memory=self._memory, device=self._device)
        self._forks = self._forks or Forks()
        try:
            places = self._places_of(cell)
            self._fetch(cell.network, network)
            try:
                answer = self._forks.call(
                    run_sealed, cell, settings, places, self._placement, timeout=timeout, is_too_large=_fills_the_node
                )
            finally:
                self._shelve(cell.network, network)
        except TimeoutError:
            report.faults.append((cell.key, "timeout", f"not done after {timeout:g} s"))
        except MemoryError:
            report.faults.append((cell.key, None, "killed for want of memory: try fewer cells at a time"))
        except ProcessDiedError as error:
            report.faults.append((cell.key, None, f"the worker process died (exit code {error.code})"))
        except RayError:
            raise
        except Exception as error:
            report.faults.append((cell.key, "failed", f"{type(error).__name__}: {error}"))
        else:
            report.outcomes.append(answer)

    def _places_of(self, cell: Sealed) -> dict[str, Path]:
        """Return where the data sets of a cell lie on this node; on the driver's they lie there already."""
        missing = [spec for spec in cell.specs if spec not in self._places]
        if missing:
            folder = self._folders.enter_context(temporary_folder(PREFIX))
            self._places |= write_all({spec: ray.get(self._job.data[spec]) for spec in missing}, missing, folder)
        return {spec: self._places[spec] for spec in cell.specs}

    def _data_of(self, cell: Cell) -> tuple[Dataset, dict[str, Dataset]]:
        """Return a cell's data set, and by name those of its outliers."""
        # Cells come data set by data set: what the last one needed is likely to serve, and nothing else is kept.
        kept = {spec: self._datasets.get(spec) or ray.get(self._job.data[spec]) for spec in specs_of(cell)}
        self._datasets = kept
        return kept[cell.spec], kept

    def _fetch(self, network: str | None, folder: Path | None) -> None:
        """Get a network that was trained on another node."""
        if self._at_home or network is None or folder is None or network in self._shelved or is_stored(folder):
            return
        try:
            files = ray.get(self._job.shelf.fetch.remote(network))
        except RayError:
            return  # then it is trained here
        if files:
            unpack(files, folder)
            self._shelved.add(network)

    def _shelve(self, network: str | None, folder: Path | None) -> None:
        """Hand a network that was trained here to the others."""
        if self._at_home or network is None or folder is None or network in self._shelved:
            return
        files = pack(folder)
        if not files:  # the cell ended before it was trained
            return
        try:
            ray.get(self._job.shelf.store.remote(network, files))
        except RayError:
            return
        self._shelved.add(network)


class Shelf:
    """The driver's folder of networks, for workers on other nodes.

    Parameters
    ----------
    memory : str
        The folder. Nothing else is kept, so the actor may die and start again.
    """

    def __init__(self, memory: str) -> None:
        self._memory = Path(memory)

    def fetch(self, network: str) -> dict[str, bytes]:
        """Return the files of a network, none if it is not there."""
        return pack(self._memory / Path(network).name)

    def store(self, network: str, files: dict[str, bytes]) -> None:
        """Keep the files of a network."""
        unpack(files, self._memory / Path(network).name)


def _fills_the_node(process: int) -> bool:
    """Tell whether a cell's own process is what fills its node.

    Ray counts the lane's memory alone, and would end other lanes as well.
    """
    allowed = float(os.environ.get("RAY_memory_usage_threshold", "0.95")) - _BEFORE_RAY  # noqa: SIM112 - Ray's own
    total = get_system_memory()
    try:
        facts = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        host, free = (int(facts[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
        if max(get_used_memory(), host - free if total >= host else 0) < allowed * total:  # as Ray's own watch counts
            return False
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, LookupError, ValueError):  # it has just ended, or there is no /proc
        return False
    return pages * os.sysconf("SC_PAGE_SIZE") > _LARGE


@contextmanager
def _deadline(seconds: float | None) -> Iterator[None]:
    """Interrupt what runs longer than ``seconds``; end the process if it does not heed that.

    The alarm reaches Python code and waiting system calls; the watchdog, which needs no interpreter, the rest.
    """
    if seconds is None:
        yield
        return

    def ring(*_: Any) -> None:
        raise TimeIsUpError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds + HARD_STOP, exit=True, file=sys.__stderr__ or sys.stderr)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)
