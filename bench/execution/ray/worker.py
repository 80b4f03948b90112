"""The actors of a Ray run: workers, which execute the runs that the driver assigns, and the network store."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.exceptions import RayError

from bench.data.dataset import Dataset
from bench.errors import RunTimeoutError
from bench.execution.fit import fit_pack, set_threads
from bench.execution.isolated import PickledPack, dataset_specs, run_pickled_pack
from bench.execution.networks import default_memory, is_stored, network_folder, read_files, write_files
from bench.execution.processes import IsolatedCalls, ProcessDiedError
from bench.execution.ray.driver import WorkerReport
from bench.execution.resources import HARD_STOP, Settings
from bench.execution.shared_files import PREFIX, temporary_folder, write_datasets
from bench.plan.cells import Cell
from bench.plan.packs import Pack
from bench.plan.registry import find_method

#: Seconds between two reports of a worker that has no runs.
_IDLE_SECONDS = 0.2
#: How far below Ray's limit, as a share of the node's memory, a large process is killed.
_MARGIN = 0.03
#: Bytes from which a process is large.
_LARGE = 1e9
#: Where Linux shows the memory of a container: folder, files of usage and limit, prefix of the statistics' names.
_CGROUPS = (
    ("/sys/fs/cgroup/memory", "memory.usage_in_bytes", "memory.limit_in_bytes", "total_"),
    ("/sys/fs/cgroup", "memory.current", "memory.max", ""),
)


@dataclass(frozen=True)
class WorkerSetup:
    """What every worker needs; it is sent to each node once.

    Attributes
    ----------
    settings : Settings
    data : dict of str to ObjectRef
        The data sets in Ray's object store; the workers of a node share the memory.
    driver_node : str
        Ray's name for the driver's node.
    network_store : ActorHandle or None
        The `NetworkStore` for workers on other nodes.
    paths : dict of str to Path
        On the driver's node, the files of the data sets that runs of plugins need.
    """

    settings: Settings
    data: dict[str, Any]
    driver_node: str
    network_store: Any
    paths: dict[str, Path]


class Worker(tune.Trainable):
    """A process with a share of a machine: a trial of Tune that lasts as long as the driver has runs for it."""

    def setup(self, config: dict[str, Any], setup: WorkerSetup) -> None:  # type: ignore[override]
        """Prepare the process; Tune calls this once."""
        self._setup, self._has_reported = setup, False
        self._packs: list[Pack | PickledPack] = []
        self._isolated: IsolatedCalls | None = None
        self._folders, self._paths = ExitStack(), dict[str, Path]()
        self._datasets: dict[str, Dataset] = {}
        self._exchanged: set[str] = set()  # networks that the store has
        self._device = setup.settings.device
        if not config["gpus"]:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # GPUs that it did not ask for belong to others
            self._device = "cpu"
        context = ray.get_runtime_context()
        self._on_driver_node = context.get_node_id() == setup.driver_node
        self._paths |= setup.paths if self._on_driver_node else {}
        self._memory = setup.settings.memory if self._on_driver_node else str(default_memory())
        self._placement = {"node": context.get_node_id()[:12], "gpus": [str(i) for i in ray.get_gpu_ids()]}
        signal.signal(signal.SIGTERM, lambda *_: os._exit(1))  # Ray's handler looks like a method that exits
        import bench.execution.preload  # noqa: F401

    def cleanup(self) -> None:
        """End processes and remove files; Tune calls this at the end."""
        if self._isolated:
            self._isolated.stop()
        self._folders.close()

    def assign(self, packs: list[Pack | PickledPack]) -> None:
        """Set the packs of the next step; those of plugins are pickled."""
        self._packs = packs

    def step(self) -> dict[str, Any]:
        """Execute the assigned packs; the first step only reports that the worker has started."""
        report = WorkerReport(placement=self._placement)
        if not self._has_reported:
            self._has_reported = True
            report.handle = ray.get_runtime_context().current_actor
        elif not self._packs:
            time.sleep(_IDLE_SECONDS)
        for pack in self._packs:
            if isinstance(pack, PickledPack):
                self._run_isolated(pack, report)
                continue
            self._run(pack, report)
            if report.must_stop:
                break
        self._packs = []
        return {"report": [report]}  # in a list, which the driver empties, since Tune keeps the last result

    def _run(self, pack: Pack, report: WorkerReport) -> None:
        """Execute a pack, and add its results or fault to the report."""
        timeout = self._setup.settings.timeout
        try:
            info = find_method(pack[0].configuration.source)
            datasets = self._datasets_of(pack[0])
            set_threads(self._setup.settings.threads_of(info))
            with self._networks([cell.network for cell in pack]), _deadline(timeout and timeout * len(pack)):
                report.results += fit_pack(
                    pack,
                    info,
                    datasets[pack[0].spec],
                    datasets,
                    device=self._device,
                    memories=[network_folder(cell, self._memory) for cell in pack],
                    placement=self._placement,
                )
        except RunTimeoutError:
            report.faults.append((pack[0].key, "timeout", f"not done after {timeout:g} s"))
            report.must_stop = True  # it may have left threads
        except RayError:  # the data set was lost with a node: the pack is tried again
            raise
        except Exception as error:  # such as of a plugin or disk space that this node lacks
            report.faults.append((pack[0].key, "failed", f"{type(error).__name__}: {error}"))

    def _run_isolated(self, pack: PickledPack, report: WorkerReport) -> None:
        """Execute a pack of a plugin in a process of its own, and add its results or fault to the report."""
        timeout, key = self._setup.settings.timeout, pack.keys[0]
        settings = replace(self._setup.settings, memory=self._memory, device=self._device)
        self._isolated = self._isolated or IsolatedCalls()
        try:
            paths = self._dataset_paths(pack)
            with self._networks(pack.networks):
                report.results += self._isolated.call(
                    run_pickled_pack,
                    pack,
                    settings,
                    paths,
                    self._placement,
                    timeout=timeout and timeout * len(pack.keys),
                    is_too_large=_fills_node,
                )
        except TimeoutError:
            report.faults.append((key, "timeout", f"not done after {timeout:g} s"))
        except MemoryError:
            report.faults.append((key, None, "killed for lack of memory: use a smaller --max-concurrent"))
        except ProcessDiedError as error:
            report.faults.append((key, None, f"the worker process died (exit code {error.code})"))
        except RayError:
            raise
        except Exception as error:
            report.faults.append((key, "failed", f"{type(error).__name__}: {error}"))

    @contextmanager
    def _networks(self, networks: Sequence[str | None]) -> Iterator[None]:
        """Get networks that were trained on another node, and send those that are trained meanwhile to the store."""
        folders = {n: Path(self._memory) / n for n in networks if n is not None and self._memory is not None}
        for network, folder in folders.items():
            self._fetch_network(network, folder)
        try:
            yield
        finally:
            for network, folder in folders.items():
                self._store_network(network, folder)

    def _dataset_paths(self, pack: PickledPack) -> dict[str, Path]:
        """Return the files of a pack's data sets on this node; write those that are missing."""
        missing = [spec for spec in pack.specs if spec not in self._paths]
        if missing:
            folder = self._folders.enter_context(temporary_folder(PREFIX))
            self._paths |= write_datasets({spec: ray.get(self._setup.data[spec]) for spec in missing}, missing, folder)
        return {spec: self._paths[spec] for spec in pack.specs}

    def _datasets_of(self, cell: Cell) -> dict[str, Dataset]:
        """Return the data sets that a run needs: those of the last run are kept, since runs come in their order."""
        self._datasets = {
            spec: self._datasets.get(spec) or ray.get(self._setup.data[spec]) for spec in dataset_specs(cell)
        }
        return self._datasets

    def _fetch_network(self, network: str, folder: Path) -> None:
        """Get a network that was trained on another node."""
        if self._on_driver_node or network in self._exchanged or is_stored(folder):
            return
        try:
            files = ray.get(self._setup.network_store.read.remote(network))
        except RayError:
            return  # the network is trained here
        if files:
            write_files(files, folder)
            self._exchanged.add(network)

    def _store_network(self, network: str, folder: Path) -> None:
        """Send a network that was trained on this node to the store."""
        if self._on_driver_node or network in self._exchanged:
            return
        files = read_files(folder)
        if not files:  # the run ended before the network was trained
            return
        try:
            ray.get(self._setup.network_store.write.remote(network, files))
        except RayError:
            return
        self._exchanged.add(network)


class NetworkStore:
    """The driver's folder of pretrained networks, for workers on other nodes.

    Parameters
    ----------
    memory : str
        The folder. It holds all of the actor's state, so the actor may die and start again.
    """

    def __init__(self, memory: str) -> None:
        self._memory = Path(memory)

    def read(self, network: str) -> dict[str, bytes]:
        """Return the files of a network; none if it is not stored."""
        return read_files(self._memory / Path(network).name)

    def write(self, network: str, files: dict[str, bytes]) -> None:
        """Store the files of a network."""
        write_files(files, self._memory / Path(network).name)


def _fills_node(pid: int) -> bool:
    """Tell whether the process of a plugin's run is large, and its node nearly full.

    Ray's own monitor counts the worker's memory without that of this process, so it would kill other workers.
    """
    limit = float(os.environ.get("RAY_memory_usage_threshold", "0.95"))  # noqa: SIM112 - Ray's spelling
    try:
        if used_memory() < limit - _MARGIN:
            return False
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, LookupError, ValueError):  # the process has just ended, or there is no /proc
        return False
    return pages * os.sysconf("SC_PAGE_SIZE") > _LARGE


def used_memory(root: Path = Path("/")) -> float:
    """Return the used share of this node's memory, or of its container's, as Ray's monitor computes it.

    Parameters
    ----------
    root : path
        Folder in which /proc and /sys are.
    """
    lines = (root / "proc/meminfo").read_text().splitlines()
    meminfo = {name: int(value.split()[0]) * 1024 for name, value in (line.split(":") for line in lines)}
    total = meminfo["MemTotal"]
    used = total - meminfo["MemAvailable"]
    for folder, usage_file, limit_file, prefix in _CGROUPS:
        cgroup = root / folder.lstrip("/")
        if not (cgroup / usage_file).exists():
            continue
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        cached = int(stat[f"{prefix}inactive_file"]) + int(stat[f"{prefix}active_file"])
        used_inside = int((cgroup / usage_file).read_text()) - cached
        limit = (cgroup / limit_file).read_text().strip()  # "max" for none
        if limit.isdecimal() and int(limit) < total:
            return used_inside / int(limit)
        return max(used_inside, used) / total
    return used / total


@contextmanager
def _deadline(seconds: float | None) -> Iterator[None]:
    """Raise RunTimeoutError after some seconds; exit the process if the code has not ended some seconds later.

    The exception interrupts Python code and blocking system calls; the watchdog thread, written in C, all else.
    """
    if seconds is None:
        yield
        return

    def interrupt(*_: Any) -> None:
        raise RunTimeoutError

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(seconds + HARD_STOP, exit=True, file=sys.__stderr__ or sys.stderr)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)
