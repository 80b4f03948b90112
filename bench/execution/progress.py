"""Progress of runs and of their report: a live bar on a terminal, elsewhere one plain line for each run."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from bench.plan.cells import Cell, shown_variant
from bench.records.record import Record
from bench.text import clean_name, last_line

#: Number of current runs named beside the bar.
_SHOWN = 2


def _name(variant: str) -> str:
    return clean_name(shown_variant(variant))


class Display:
    """Shows runs as they start and end.

    Parameters
    ----------
    console : Console
    total : int
        Number of runs.
    metric : str
        The score that is shown for each.
    verbose : bool
        Print a line for each run on a terminal too, which otherwise shows the bar, failures and advice.
    """

    def __init__(self, console: Console, total: int, metric: str, *, verbose: bool = False) -> None:
        self._console, self._total, self._metric = console, total, metric
        self._every_run = verbose or not console.is_terminal
        self._done, self._failed, self._start = 0, 0, time.monotonic()
        self._advised: set[tuple[str, str, str]] = set()
        self._bar = Progress(
            TextColumn("[progress.description]{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failed]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[speed]}"),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[running]}", markup=False),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("runs", total=total, failed="", speed="", running="starting workers")

    def __enter__(self) -> Display:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def stopping(self) -> None:
        """Print what Ctrl-C does."""
        self._console.print("finishing the current runs; Ctrl-C again stops at once", highlight=False)

    def running(self, cells: list[Cell]) -> None:
        """Show which runs are being executed."""
        if not cells and not self._done:
            return
        names = [f"{_name(c.configuration.variant)} seed {c.seed}" for c in cells]
        more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
        self._bar.update(self._task, running=", ".join(names[:_SHOWN] + more))

    def finished(self, record: Record) -> None:
        """Show the outcome of a run."""
        self._done += 1
        self._failed += record.status != "ok"
        if self._every_run or record.status != "ok":
            self._console.print(self._line(record), markup=False, highlight=False, soft_wrap=True)
        self._advise(record)
        self._bar.update(
            self._task,
            completed=self._done,
            failed=f"[red]{self._failed} failed" if self._failed else "",
            speed=f"{60 * self._done / (time.monotonic() - self._start):.1f}/min",
        )

    def _advise(self, record: Record) -> None:
        """Print what to try after an unhealthy run, once for each data set, variant and verdict."""
        case = record.dataset, record.variant, record.health or ""
        if record.health_advice and case not in self._advised:
            self._advised.add(case)
            text = f"  note on {_name(record.variant)}, {record.health}: {clean_name(record.health_advice)}"
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _line(self, record: Record) -> str:
        elapsed = time.monotonic() - self._start
        what = f"{record.dataset} {_name(record.variant)} seed {record.seed}"
        where = f"[{self._done}/{self._total} {elapsed:.0f}s] {what}"
        if record.status != "ok":
            return f"{where}: {record.status}: {last_line(record.error)}"
        value = record.metrics.get(self._metric)
        score = "no score" if value is None else f"{self._metric} {value:.3f}"
        flags = f" ({', '.join(record.flags)})" if record.flags else ""
        return f"{where}: {score}{flags}"


@contextmanager
def drawing(console: Console) -> Iterator[Callable[[str, float], None]]:
    """Show on a terminal how far a report is: yield what takes, after each figure, its section and the share done."""
    text = TextColumn("{task.description}", markup=False)
    bar = Progress(SpinnerColumn(), BarColumn(), text, console=console, transient=True)
    bar.disable = not console.is_terminal
    with bar:
        task = bar.add_task("report: comparing runs", total=1)
        count = itertools.count(1)

        def drawn(section: str, share: float) -> None:
            bar.update(task, completed=share, description=f"report: {next(count)} figures, {section}")

        yield drawn
