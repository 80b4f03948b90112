"""Frames of runs, boards and reports for tests."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from bench.metrics import find_metric
from bench.plan.suite import load_suite
from bench.records.results import CollectedRuns
from bench.records.store import Run
from bench.report.board import BoardRuns
from bench.report.build import report_of
from bench.report.formats.terminal import print_report
from bench.report.section import all_sections

#: A name that means something in every markup.
HOSTILE = "x|y [red]z[/red] <b>*_` # [31m :boom: [a](http://b)"


def runs(variant, scores, *, title=None, twin=None, failed=(), collapsed=(), dataset="digits", role="asked"):
    """Return the rows of a variant, one a seed; a failed seed stays and loses its score."""
    return [
        {
            "dataset": dataset,
            "fingerprint": f"content of {dataset}",
            "method": variant.split("/")[0],
            "version": 1,
            "preset": "quick",
            "variant": variant,
            "title": title or variant,
            "config": f"config of {variant}",
            "key": f"{dataset}-{variant}-{seed}",
            "run": 0,
            "twin": None if twin is None else f"config of {twin}",
            "role": role,
            "kind": "deterministic" if twin is None else "stochastic",
            "planned": len(scores),
            "hardware": "a processor",
            "unlabelled": False,
            "revised": False,
            "seed": seed,
            "status": "failed" if seed in failed else "ok",
            "error": "RuntimeError: lost" if seed in failed else "",
            "flags": ["collapsed"] if seed in collapsed else [],
            "health": "collapsed" if seed in collapsed else None,
            "acc": np.nan if seed in failed else score,
            "nmi": np.nan if seed in failed else score - 0.1,
            "wall_time": 10.0 + seed,
            "peak_memory": 500.0 + seed,
            "seeded": True,
        }
        for seed, score in enumerate(scores)
    ]


def spread(mean, n=10, step=0.002):
    """Return n scores about a mean, each another."""
    return mean + step * (np.arange(n) - (n - 1) / 2)


#: Added to ten scores it makes differences of both signs.
WOBBLE = 0.02 * np.array([1, -1] * 5)

_SUITE = 'name = "small"\npreset = "quick"\nmethods = ["dec"]\ndatasets = ["digits"]\nseeds = 10\n'


def results_of(frame, folder):
    """Return results of a frame whose runs kept nothing but their suite."""
    path = Path(folder) / "suite.toml"
    path.write_text(_SUITE)
    origin = {"versions": ["python 3.11"], "hardware": ["a processor"], "commits": ["unknown"]}
    return CollectedRuns(frame, [Run(folder)], [load_suite(str(path))], {}, origin)


def board_of(frame, metric="acc", results=None):
    """Return the runs of a frame as the board of fixed presets."""
    return BoardRuns("fixed", frame, find_metric(metric), results)


def section(name):
    """Return the section of that name."""
    return next(section for section in all_sections() if section.name == name)


def rows_of(name, frame, metric="acc", dataset="digits"):
    """Return the rows of a section, of one data set where it has some for each."""
    board = board_of(frame, metric)
    wanted = section(name)
    if wanted.of == "board":
        return wanted.rows(board)
    return wanted.rows(next(one for one in board.datasets if one.dataset == dataset))


def sentences_of(name, frame, metric="acc", dataset="digits"):
    """Return the sentences of a section as text."""
    return [sentence.text for sentence in section(name).sentences(rows_of(name, frame, metric, dataset))]


def notes_of(name, frame, metric="acc"):
    """Return the notes of a section, of its first data set where it has some for each."""
    board, wanted = board_of(frame, metric), section(name)
    runs = board if wanted.of == "board" else board.datasets[0]
    return list(wanted.notes(wanted.rows(runs), runs))


def report_on(frame, folder, *, draw=False):
    """Return the report of a frame."""
    results = results_of(frame, folder)
    return report_of(results, [board_of(frame, results=results)], draw=draw)


def printed(report, width=100, *, terminal=True, verbose=False):
    """Return what a console prints of a report."""
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system=None)
    print_report(report, console, verbose=verbose)
    return out.getvalue()


def quick_like():
    """Return the runs of eight variants on one data set, as the suite "quick" makes them."""
    return pd.DataFrame(
        runs("kmeans", spread(0.793), title="KMeans")
        + runs("ae_kmeans", spread(0.764), title="AE+KMeans")
        + runs("vae_kmeans", spread(0.778) + WOBBLE, title="VAE+KMeans", twin="ae_kmeans")
        + runs("dec", spread(0.801, step=0.001), title="DEC")
        + runs("idec (twin of sdec)", spread(0.80), title="IDEC", role="twin")
        + runs("sdec", spread(0.801, step=0.0022), title="S-DEC", twin="idec (twin of sdec)")
        + runs("ae_gmm (twin of vade)", spread(0.739), title="AE+GMM", role="twin")
        + runs("vade", spread(0.748) + WOBBLE, title="VaDE", twin="ae_gmm (twin of vade)")
    )
