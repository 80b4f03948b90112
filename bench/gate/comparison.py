"""What came of comparing a run with a baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

#: The worst first.
Verdict = Literal["fail", "cannot compare", "warn", "pass", "not compared"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
#: Rows that are no metric: how the runs ended, whether their seeds matter, and whether the same ones gave the same.
RUNS, SEEDS, REPEAT = "runs", "seeds", "repeat"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing that was compared, or could not be.

    Attributes
    ----------
    dataset : str
    variant, metric : str
        Empty in a row that concerns a whole data set, or a whole method; the metric is "runs" where it is how they
        ended, "seeds" where it is whether they differ, "repeat" where it is whether the same ones gave the same.
    verdict : {"fail", "cannot compare", "warn", "pass", "not compared"}
    reason : str
    baseline, run : float or None
        Means over seeds.
    drop, low, high : float or None
        By how much the run is worse, and the 95 % interval; of costs, as a share.
    tolerance : float or None
    n : int or None
        Scores of the run that were compared.
    """

    dataset: str
    variant: str = ""
    metric: str = ""
    verdict: Verdict
    reason: str
    baseline: float | None = None
    run: float | None = None
    drop: float | None = None
    low: float | None = None
    high: float | None = None
    tolerance: float | None = None
    n: int | None = None

    @property
    def excess(self) -> float:
        """The drop in tolerances."""
        return (self.drop or 0.0) / self.tolerance if self.tolerance else (self.drop or 0.0)


@dataclass(frozen=True)
class Comparison:
    """A run against a baseline.

    Attributes
    ----------
    suite : str
        The baseline's.
    rows : list of Row
        The worst first.
    notes : list of str
        What a reader must know beside them.
    """

    suite: str
    rows: list[Row]
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, suite: str, rows: Iterable[Row], notes: Iterable[str]) -> Comparison:
        """Put rows in order."""
        ordered = sorted(rows, key=lambda r: (VERDICTS.index(r.verdict), -r.excess, r.dataset, r.variant))
        return cls(suite, ordered, list(notes))

    def having(self, verdict: Verdict) -> list[Row]:
        """Return the rows of a verdict."""
        return [row for row in self.rows if row.verdict == verdict]

    @property
    def failures(self) -> list[Row]:
        """The rows that are regressions."""
        return self.having("fail")

    @property
    def exit_code(self) -> int:
        """1 with a regression, else 2 where something could not be compared or nothing was, else 0."""
        if self.failures:
            return 1
        judged = self.having("warn") or self.having("pass")
        return 2 if self.having("cannot compare") or not judged else 0

    @property
    def summary(self) -> str:
        """One line: how it ended and how often."""
        counts = Counter(row.verdict for row in self.rows)
        told = ", ".join(f"{counts[verdict]} {_SAID[verdict]}" for verdict in VERDICTS if counts[verdict])
        ended = {0: "no regression", 1: "REGRESSION", 2: "cannot compare"}[self.exit_code]
        return f"{self.suite}: {ended} ({told or 'nothing to compare'})"

    def as_json(self) -> dict[str, Any]:
        """Return everything, as plain values."""
        head = {"format": 1, "suite": self.suite, "exit_code": self.exit_code, "summary": self.summary}
        return head | {"rows": [asdict(row) for row in self.rows], "notes": self.notes}


_SAID: dict[Verdict, str] = {
    "fail": "failed",
    "cannot compare": "cannot be compared",
    "warn": "warned of",
    "pass": "passed",
    "not compared": "left out",
}
