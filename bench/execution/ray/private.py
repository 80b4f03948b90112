"""All that uses private parts of Ray, for want of public ones; hence pyproject.toml pins Ray's minor version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.job_config import JobConfig


@contextmanager
def failures_as_deaths() -> Iterator[None]:
    """Let Tune treat a worker that Ray killed for its use of memory, or whose result was lost, as a dead one.

    Tune treats only a RayActorError as the death of a worker. Any other RayError makes it fail, with all its workers.
    """
    from ray.air.execution._internal.actor_manager import RayActorManager

    original = RayActorManager._actor_task_failed

    def task_failed(self: RayActorManager, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, RayError) and not isinstance(exception, RayActorError | RayTaskError):
            exception = RayActorError(error_msg=f"{type(exception).__name__}: {exception}")
        original(self, tracked_actor_task, exception)

    RayActorManager._actor_task_failed = task_failed  # type: ignore[method-assign]
    try:
        yield
    finally:
        RayActorManager._actor_task_failed = original  # type: ignore[method-assign]


class _NoFolders(list[str]):
    def extend(self, _: Any) -> None:
        """Ignore the folders that Ray would add."""


def job_config() -> JobConfig:
    """Return a configuration by which workers import nothing from the driver's working directory or script folder."""
    config = JobConfig()
    config._py_driver_sys_path = _NoFolders()
    return config
