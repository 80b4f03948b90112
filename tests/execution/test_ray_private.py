"""The private parts of Ray that are used are what they were; no cluster is started."""

import inspect
import tomllib
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest
from packaging.requirements import Requirement
from ray._common.utils import get_system_memory
from ray._private import worker as ray_worker
from ray._private.utils import get_used_memory
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.air.execution._internal.tracked_actor import TrackedActor
from ray.air.execution._internal.tracked_actor_task import TrackedActorTask
from ray.exceptions import ObjectLostError, OutOfMemoryError, RayActorError
from ray.job_config import JobConfig
from ray.tune.execution import tune_controller

from bench.execution.ray.private import failures_as_deaths, job_config
from bench.execution.ray.worker import used_memory

PYPROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"


def test_the_minor_version_of_ray_is_pinned_to_the_installed_one():
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    (ray,) = (r for r in map(Requirement, project["dependencies"]) if r.name == "ray")
    major, minor, *_ = version("ray").split(".")
    assert version("ray") in ray.specifier
    for other in (int(minor) - 1, int(minor) + 1):
        assert f"{major}.{other}.0" not in ray.specifier


class Manager(RayActorManager):
    """Ray's manager, for an actor that it has not started."""

    def _cleanup_actor(self, tracked_actor):
        assert tracked_actor in self.tracked

    def __init__(self):
        super().__init__(None)  # a manager of resources would start a Ray
        self.tracked = []

    def fail(self, error):
        """Let a task of an actor fail; return the errors that Tune receives for the task."""
        received = []
        actor = TrackedActor(actor_id=1)
        self.tracked.append(actor)
        self._actor_task_failed(TrackedActorTask(actor, on_error=lambda _, e: received.append(e)), error)
        return received


@pytest.mark.parametrize("error", [OutOfMemoryError("low on memory"), ObjectLostError("0" * 40, b"", "")])
def test_a_lost_result_is_a_death_only_while_ray_is_patched(error):
    with pytest.raises(RuntimeError, match="unexpected exception"):
        Manager().fail(error)
    with failures_as_deaths():
        (received,) = Manager().fail(error)
    assert isinstance(received, RayActorError)
    assert type(error).__name__ in str(received)
    with pytest.raises(RuntimeError, match="unexpected exception"):
        Manager().fail(error)


def test_tune_reports_failures_through_the_patched_method():
    assert tune_controller.RayActorManager is RayActorManager
    assert list(inspect.signature(RayActorManager._actor_task_failed).parameters) == [
        "self",
        "tracked_actor_task",
        "exception",
    ]
    assert "self._actor_task_failed(" in inspect.getsource(RayActorManager._schedule_tracked_actor_task)


def test_workers_get_no_folder_of_the_driver():
    def folders(config):
        config._py_driver_sys_path.extend(["/a folder"])
        return list(config._get_proto_job_config().py_driver_sys_path)

    assert folders(JobConfig()) == ["/a folder"]
    assert folders(job_config()) == []
    assert "job_config._py_driver_sys_path.extend(" in inspect.getsource(ray_worker.connect)


GIB = 2**30
MEMINFO = f"MemTotal:       {8 * GIB // 1024} kB\nMemAvailable:   {6 * GIB // 1024} kB\nHugePages_Total:       0\n"


def write(root, content):
    for name, text in content.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize(
    ("files", "share"),
    [
        ({}, 2 / 8),
        (
            {
                "sys/fs/cgroup/memory.current": f"{3 * GIB}\n",
                "sys/fs/cgroup/memory.max": f"{4 * GIB}\n",
                "sys/fs/cgroup/memory.stat": f"anon 1\nactive_file {GIB}\ninactive_file {GIB // 2}\n",
            },
            1.5 / 4,
        ),
        (
            {
                "sys/fs/cgroup/memory.current": f"{5 * GIB}\n",
                "sys/fs/cgroup/memory.max": "max\n",
                "sys/fs/cgroup/memory.stat": f"active_file {GIB}\ninactive_file 0\n",
            },
            4 / 8,
        ),
        (
            {
                "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{3 * GIB}\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{4 * GIB}\n",
                "sys/fs/cgroup/memory/memory.stat": f"total_active_file {GIB}\ntotal_inactive_file 0\nactive_file 7\n",
            },
            2 / 4,
        ),
        (
            {
                "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{GIB}\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/memory.stat": "total_active_file 0\ntotal_inactive_file 0\n",
            },
            2 / 8,
        ),
    ],
    ids=["no container", "cgroup 2", "cgroup 2 without a limit", "cgroup 1", "cgroup 1 without a limit"],
)
def test_memory_in_use_is_that_of_the_container_or_of_the_machine(tmp_path, files, share):
    write(tmp_path, {"proc/meminfo": MEMINFO, **files})
    assert used_memory(tmp_path) == pytest.approx(share)


def test_memory_in_use_is_counted_as_rays_monitor_counts_it():
    host, total = psutil.virtual_memory(), get_system_memory()
    used = max(get_used_memory(), host.total - host.available if total >= host.total else 0)
    assert used_memory() == pytest.approx(used / total, abs=0.02)
