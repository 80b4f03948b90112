"""Frames of runs that no method made, for tests of sections."""

import io

import numpy as np
import pandas as pd
from rich.console import Console

from bench.metrics import find_metric
from bench.report.board import BoardRuns
from bench.report.document import Board, Report
from bench.report.formats.terminal import print_report
from bench.report.runs_frame import REQUIRED_COLUMNS
from bench.report.section import content_of
from bench.report.sections import contrasts, leaderboard, metrics, over_datasets, verdict


def steps(n):
    """Small differences around 0, all distinct."""
    return np.linspace(-0.002, 0.002, n)


def runs_of(variant, n=10, *, twin=None, dataset="digits", title=None, **columns):
    """One row a seed; a column holds one value for all seeds, or a list or array with one for each."""
    rows = []
    for seed in range(n):
        row = {
            "dataset": dataset,
            "method": variant.split()[0],
            "variant": variant,
            "title": title or variant,
            "config": f"config of {variant}",
            "twin": None if twin is None else f"config of {twin}",
            "role": "asked",
            "kind": "deterministic" if twin is None else "stochastic",
            "planned": n,
            "hardware": "a processor",
            "unlabelled": False,
            "revised": False,
            "seed": seed,
            "status": "ok",
            "flags": [],
            "acc": 0.7 + steps(n)[seed],
            "wall_time": 10.0,
            "peak_memory": 500.0,
            "seeded": True,
        }
        for name, value in columns.items():
            row[name] = value[seed] if isinstance(value, list | np.ndarray) else value
        assert set(REQUIRED_COLUMNS) <= row.keys()
        rows.append(row)
    return rows


def board_of(*rows, **more):
    """The headline of these runs; without results no section may ask for raw outputs or parameters."""
    frame = pd.DataFrame([row for some in rows for row in some])
    return BoardRuns("fixed", frame, find_metric("acc"), **{"results": None, **more})


def dataset_of(*rows, **more):
    """The runs of the one data set there is."""
    (one,) = board_of(*rows, **more).datasets
    return one


def texts_of(section, runs):
    """The sentences of a section, none where it has no rows."""
    rows = section.rows(runs)
    if len(rows) and "dataset" not in rows and section.of == "data set":
        rows.insert(0, "dataset", runs.dataset)  # as reports do
    return [sentence.text for sentence in section.sentences(rows)] if len(rows) else []


def table_of(section, runs):
    """The one table of a section as a list of dicts of text by heading, None where there is none."""
    rows = section.rows(runs)
    tables = section.tables(rows) if len(rows) else []
    if not tables:
        return None
    (table,) = tables
    headings = [column.heading for column in table.columns]
    return [dict(zip(headings, map(str, row), strict=True)) for row in table.rows]


def notes_of(section, runs):
    """The notes of a section in one text."""
    rows = section.rows(runs)
    return " ".join(section.notes(rows, runs)) if len(rows) else ""


def spread(mean, n=10, step=0.002):
    """Scores around a mean, all distinct."""
    return mean + step * (np.arange(n) - (n - 1) / 2)


def scored(variant, scores, *, failed=(), collapsed=(), **columns):
    """Runs with these scores, one a seed; a failed seed keeps its place and loses its score."""
    n = len(scores)
    values = np.array([np.nan if seed in failed else score for seed, score in enumerate(scores)], dtype=float)
    ended = ["failed" if seed in failed else "ok" for seed in range(n)]
    flags = [["collapsed"] if seed in collapsed else [] for seed in range(n)]
    costs = {"wall_time": 10.0 + np.arange(n), "peak_memory": 500.0 + np.arange(n)}
    return runs_of(
        variant, n, **{"acc": values, "nmi": values - 0.1, "status": ended, "flags": flags, **costs, **columns}
    )


def by_variant(section, runs):
    """The rows of a section, by variant."""
    return section.rows(runs).set_index("variant")


def written(*boards, sections=None, draw=False):
    """A report of boards without results: of the sections that need none."""
    chosen = sections or (verdict, contrasts, leaderboard, over_datasets, metrics)
    contents = [
        tuple(c for s in chosen if (c := content_of(s.section, board, [], draw=draw)) is not None) for board in boards
    ]
    made = (Board(b.name, b.title, b.note, c) for b, c in zip(boards, contents, strict=True))
    return Report("Does stochasticity help?", "made runs", tuple(made))


def printed(report, width=100, *, terminal=True, verbose=True):
    """What a terminal of that width shows of a report, or a file."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system=None)
    print_report(report, console, verbose=verbose)
    return out.getvalue()
