"""Simulate everything and write results/statistics: about eight minutes on one core."""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from pathlib import Path

from tests.simulation.figure import draw
from tests.simulation.report import readme
from tests.simulation.study import Finding, findings

FOLDER = Path(__file__).resolve().parents[2] / "results" / "statistics"


def write(found: Sequence[Finding], folder: Path) -> None:
    """Write the figure, the table and every number."""
    folder.mkdir(parents=True, exist_ok=True)
    figure = draw(found)
    figure.savefig(folder / "simulation.png", dpi=200)
    figure.savefig(folder / "simulation.svg", metadata={"Date": None})
    (folder / "README.md").write_text(readme(found), encoding="utf-8")
    with (folder / "simulation.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["claim", "setting", "n", "count", "trials", "rate", "standard_error", "exact"])
        for f in found:
            exact = "" if f.exact is None else f"{f.exact:.5f}"
            rate = [f.rate.count, f.rate.trials, f"{f.rate.value:.5f}", f"{f.rate.standard_error:.5f}"]
            rows.writerow([f.claim, f.setting, f.n, *rate, exact])


if __name__ == "__main__":
    start = time.perf_counter()
    write(list(findings()), FOLDER)
    print(f"{FOLDER}: {time.perf_counter() - start:.0f} s")
