"""Reports for the page: one such as a large run leaves, with a hostile plugin; and one of a single data set."""

import math
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
import pytest

from bench.metrics import find_metric
from bench.report.document import Board, Column, Content, Part, Report, Sentence, Table
from bench.report.plots.figure import Figure
from bench.report.values import Absent, Code, Count, Interval, Name, Number, P, Quantity, Ranks, Tally

HOSTILE = "</script><script>window.__hacked = 1</script><img src=x onerror=\"window.__hacked=2\"> 'quoted' & \u202eevil"
UNBROKEN = "longname" * 37 + "1234"  # 300 characters without a space
DATASETS = ("digits", "usps", "Fashion-MNIST")
METHODS = (
    *("IDEC (counterpart of S-DEC)", "S-DEC", "DEC", "KMeans", "VAE+KMeans", "AE+KMeans", "VaDE", "AE+GMM"),
    *(f"S-DEC (beta={beta}, tail={tail})" for beta in ("0.001", "0.01", "0.1") for tail in ("normal", "t")),
)
PAIRS = (("S-DEC", METHODS[0]), ("VaDE", "AE+GMM"), ("VAE+KMeans", "AE+KMeans"))
COMMAND = "deepclustbench run quick --methods sdec,dec --set sdec.beta=0.001,0.01,0.1 --seeds 0-9"
ACC = find_metric("acc")
NO_ROWS = pd.DataFrame()


def figure(name, marks, title, width=460, height=300, **group):
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12">{marks}</svg>'
    )
    return Figure(name, title, f"{title}, in words and numbers: .801 against .803.", svg, **group)


def text(x, y, words, anchor="start"):
    return f'<text x="{x}" y="{y}" style="font-size: 12px; text-anchor: {anchor}; fill: currentColor">{words}</text>'


def forest(name, rows, rng, title="Stochastic less counterpart: ACC, 95 % interval"):
    """Names on the left, intervals, and a column of numbers on the right."""
    width, height, middle = 820, 60 + 24 * len(rows), 420
    marks = [f'<path d="M {middle} 20 L {middle} {height - 30}" style="stroke: currentColor; fill: none"/>']
    for line, row in enumerate(rows):
        y, estimate, half = 36 + 24 * line, round(middle + rng.normal(0, 40)), round(abs(rng.normal(40, 10))) + 10
        marks += [text(250, y + 4, escape(row), "end"), text(620, y + 4, f".00{line % 10}")]
        marks += [f'<path d="M {estimate - half} {y} L {estimate + half} {y}" style="stroke: currentColor"/>']
        marks += [f'<circle cx="{estimate}" cy="{y}" r="4" style="fill: #0072b2"><title>{escape(row)}</title></circle>']
    return figure(name, "".join(marks) + text(middle, height - 10, "ΔACC", "middle"), title, width, height)


def scatter(name, rng, title="Scores of every seed", **group):
    """Points that say which seed they are."""
    marks = '<path d="M 30 10 L 30 270 L 450 270" style="stroke: currentColor; fill: none" clip-path="url(#frame)"/>'
    marks += '<defs><clipPath id="frame"><rect width="460" height="300"/></clipPath></defs>'
    for seed in range(20):
        x, y = rng.uniform(80, 400), 30 + 10 * seed
        point = f"S-DEC, seed {seed}: ACC .{700 + seed}"
        marks += f'<circle cx="{x:.0f}" cy="{y}" r="2.5" style="fill: #0072b2"><title>{point}</title></circle>'
    return figure(name, marks, title, **group)


def curves(name, rng, **group):
    marks = '<path d="M 40 10 L 40 260 L 450 260" style="stroke: currentColor; fill: none"/>'
    for colour in ("#0072b2", "#d55e00"):
        level = rng.uniform(60, 120)
        points = " ".join(f"{40 + 4 * t},{250 - level * (1 - math.exp(-t / 20)):.1f}" for t in range(100))
        marks += f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"/>'
    return figure(name, marks + text(230, 290, "epoch"), "Losses over epochs", **group)


def contrasts(rng):
    rows = []
    for method, counterpart in PAIRS:
        own, other, p = rng.uniform(0.6, 0.9, 3)
        difference = Interval(own - other, own - other - 0.02, own - other + 0.02, ACC, signed=True)
        first = (Name(method), Number(own, ACC), Name(counterpart), Number(other, ACC))
        rows.append((*first, difference, P(p / 3), P(p), Count(10), Name("not significant")))
    columns = (
        *(Column("method", words=True), Column("ACC", aside=2), Column("counterpart", words=True)),
        *(Column("counterpart ACC", aside=2), Column("ΔACC [95 % CI]"), Column("p", aside=1), Column("p (Holm)")),
        *(Column("seeds", aside=1), Column("verdict", words=True)),
    )
    return Table("ACC with noise and without", columns, tuple(rows), cite=True)


def leaderboard(rng, names):
    """Best mean first; of the last method every run failed, so that it has nothing to be sorted by."""
    rows, means = [], sorted(rng.uniform(0.5, 0.9, len(names)), reverse=True)
    for place, (name, mean) in enumerate(zip(names, means, strict=True)):
        if place == len(names) - 1:
            rows.append((Name(name), Tally((0, 10, 0)), *[Absent()] * 4, Name("not compared")))
            continue
        difference = mean - means[0]
        score = Number(mean, ACC, rng.uniform(0.001, 0.05))
        compared = (
            (Absent(), Absent())
            if place == 0
            else (Interval(difference, difference - 0.02, difference + 0.02, ACC), P(rng.uniform(0.06, 0.9)))
        )
        last = Name("reference" if place == 0 else "not significant")
        rows.append((Name(name), Tally((10, 0, 0)), score, Ranks(1, place + 1), *compared, last))
    columns = (
        *(Column("method", words=True), Column("runs", aside=2), Column("ACC ± sd"), Column("rank", aside=1)),
        *(Column("Δ [95 % CI]"), Column("p (Holm)", aside=1), Column("verdict", words=True, aside=3)),
    )
    return Table("ACC, best mean first; Δ and p against the best", columns, tuple(rows), cite=True)


def metrics(rng):
    rows = tuple(
        (Name(name), *(Number(rng.uniform(0.5, 0.9), ACC, 0.02) for _ in range(6)), Quantity(4.2, "s"))
        for name in METHODS[:8]
    )
    headings = ("NMI", "ARI", "AMI", "stability", "recall", "purity", "time")
    return Table("Other metrics", (Column("method", True), *map(Column, headings)), rows)


def scores(rng, names, n):
    rows = tuple((Name(names[i % len(names)]), Name("H[mean q]"), Number(i / 1000), P(0.041)) for i in range(n))
    columns = (Column("method", True), Column("score", True), Column("AUROC"), Column("p (Holm)", aside=1))
    return Table(f"Every score: {n} of them", columns, rows)


def part(dataset, *sentences, tables=(), notes=(), figures=()):
    return Part(dataset, NO_ROWS, sentences, tuple(tables), tuple(notes), tuple(figures))


def verdict(board, datasets, rng):
    claims = [
        Sentence(f"No. On {d} none of 3 stochastic methods differs significantly.", "VaDE is inconclusive.")
        for d in datasets
    ]
    return Content(
        "verdict", "Verdict", (part("", *claims, figures=[forest(f"{board}-forest", [m for m, _ in PAIRS], rng)]),)
    )


def sections(board, datasets, names, rng):
    """Every kind of section that a leaderboard has."""
    said = Sentence("S-DEC vs IDEC:", "ΔACC −.001, 95 % CI [−.003, .001] (unadjusted), p = .336, n = 10.")
    yield verdict(board, datasets, rng)
    yield Content(
        "contrasts",
        "Stochastic methods against their counterparts",
        tuple(part(d, said, tables=[contrasts(rng)], notes=[f"Holm adjusts p on {d}."]) for d in datasets),
        csv="contrasts.csv",
    )
    yield Content(
        "leaderboard",
        "Leaderboard",
        tuple(
            part(
                d,
                Sentence(f"Best mean on {d}: S-DEC.", "ACC .801 ± .014."),
                tables=[leaderboard(rng, names)],
                figures=[scatter(f"{board}-{d}-seeds", rng), forest(f"{board}-{d}-ranks", METHODS[:8], rng)],
            )
            for d in datasets
        ),
        news=True,
        csv="leaderboard.csv",
    )


def headline_sections(datasets, names, rng):
    yield from sections("fixed", datasets, names, rng)
    yield Content(
        "metrics",
        "Other metrics",
        tuple(part(d, Sentence(f"Times on {d} differ."), tables=[metrics(rng)]) for d in datasets),
        csv="tables/metrics.csv",
    )
    yield Content(
        "error_detection",
        "Error detection",
        tuple(
            part(
                d,
                Sentence(f"Mixed. On {d} sampling helps 1 of 3 methods.", "VaDE: p = .041."),
                tables=[scores(rng, names, 21), scores(rng, names, 51)],
                figures=[forest(f"{d}-detection", METHODS * 3, rng, "AUROC of each score")],
            )
            for d in datasets
        ),
        news=True,
        csv="tables/error_detection.csv",
    )
    yield Content("health", "Health of the runs", (part("", Sentence("All 80 runs finished.", "None collapsed.")),))
    yield Content(
        "pictures",
        "Pictures",
        tuple(
            part(
                d,
                Sentence("The median run of each method."),
                figures=[
                    draw(f"{d}-{number}-{draw.__name__}", rng, group=name, group_note="Seed 4, the median run.")
                    for number, name in enumerate((*METHODS[:3], names[-1]))
                    for draw in (scatter, curves)
                ],
            )
            for d in datasets
        ),
    )
    yield Content(
        "reading", "How to read this", (part("", Sentence("Runs", "are ok / failed."), Sentence("Δ", "is.")),)
    )
    origin = (("Suite", Name("quick")), ("Command", Code(COMMAND)), ("Plugin", Name(names[-1])))
    rows = tuple((Name(what), value) for what, value in origin)
    table = Table("Where the numbers come from", (Column("what", True), Column("value", True)), rows)
    yield Content("provenance", "Provenance", (part("", tables=[table]),))


@pytest.fixture(scope="session")
def report() -> Report:
    """Three leaderboards, three data sets, sixteen methods of which two have hostile names."""
    rng = np.random.default_rng(0)
    names = (*METHODS, UNBROKEN, HOSTILE)
    boards = (
        Board("fixed", "Fixed presets", "Fixed before any run.", tuple(headline_sections(DATASETS, names, rng))),
        Board(
            "label-free",
            "Chosen without labels",
            "Chosen before any label was read.",
            tuple(sections("label-free", DATASETS, names, rng)),
        ),
        Board(
            "oracle",
            "Chosen with the labels",
            "Chosen by labels, which no user has.",
            tuple(sections("oracle", DATASETS, names, rng)),
        ),
    )
    files = ("leaderboard.md", "scores.csv", "tables/metrics.csv", "javascript:alert(1)", "//example.org/x.csv")
    return Report("Does stochasticity help?", "Sixteen methods on three data sets", boards, (HOSTILE,), files)


@pytest.fixture(scope="session")
def small_report() -> Report:
    """One leaderboard of eight methods on one data set, as the built-in suite gives."""
    rng = np.random.default_rng(1)
    board = Board(
        "fixed", "Fixed presets", "Fixed before any run.", tuple(headline_sections(DATASETS[:1], METHODS[:8], rng))
    )
    return Report("Does stochasticity help?", "Six methods on digits", (board,), files=("leaderboard.md", "scores.csv"))
