"""A report such as a real run leaves: three boards, three data sets, dozens of variants, and one hostile plugin."""

import math
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
import pytest

from bench.metrics import find_metric
from bench.report.document import Board, Column, Content, Part, Report, Sentence, Table
from bench.report.plots.figure import Figure
from bench.report.values import Absent, Amount, Code, Count, Interval, Name, Number, P, Ranks, Tally

HOSTILE = "</script><script>window.__hacked = 1</script><img src=x onerror=\"window.__hacked=2\"> 'quoted' & \u202eevil"
UNBROKEN = "longname" * 37 + "1234"  # 300 characters without a space
DATASETS = ("digits", "usps", "Fashion-MNIST")
METHODS = (
    *("DEC (counterpart of S-DEC)", "S-DEC", "DEC", "KMeans", "VAE+KMeans", "AE+KMeans", "VaDE", "AE+GMM"),
    *(f"S-DEC (beta={beta}, tail={tail})" for beta in ("0.001", "0.01", "0.1") for tail in ("normal", "t")),
)
PAIRS = (("S-DEC", "DEC (counterpart of S-DEC)"), ("VaDE", "AE+GMM"), ("VAE+KMeans", "AE+KMeans"))
COMMAND = "deepclustbench run quick --methods sdec,dec --set sdec.beta=0.001,0.01,0.1 --seeds 0-9"
ACC = find_metric("acc")


def figure(name, marks, title, width=460, height=300, alt=None, group=""):
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12">{marks}</svg>'
    )
    words = alt or f"{title}. What it shows, in words and numbers: .801 against .803."
    return Figure(name, title, words, svg, group, "The run of median ACC, seed 4." if group else "")


def forest(name, rows, rng):
    width, height, middle = 820, 60 + 24 * len(rows), 420
    marks = [f'<path d="M {middle} 20 L {middle} {height - 30}" style="fill: none; stroke: currentColor"/>']
    for line, label in enumerate(rows):
        y, half = 36 + 24 * line, abs(rng.normal(50, 20)) + 10
        difference = rng.normal(0, 0.03)
        estimate = middle + 2000 * difference
        text = f"{label}, seed {line}: {Interval(difference, signed=True)}"
        marks.append(f'<text x="250" y="{y + 4}" style="text-anchor: end; fill: currentColor">{escape(label)}</text>')
        marks.append(
            f'<path d="M {estimate - half:.1f} {y} L {estimate + half:.1f} {y}" style="stroke: currentColor"/>'
        )
        marks.append(
            f'<rect x="{estimate - 4:.1f}" y="{y - 4}" width="8" height="8"><title>{escape(text)}</title></rect>'
        )
        marks.append(f'<text x="720" y="{y + 4}" style="fill: currentColor">{Number(difference)}</text>')
    return figure(name, "".join(marks), "ACC with noise less ACC without, 95 % intervals", width, height)


def scatter(name, rng, group=""):
    colours = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9")
    marks = '<path d="M30 10V270H450" stroke="currentColor" fill="none" clip-path="url(#frame)"/>'
    marks += '<defs><clipPath id="frame"><rect width="460" height="300"/></clipPath></defs>'
    for colour in colours:
        x, y = rng.uniform(80, 400), rng.uniform(50, 230)
        for dx, dy in rng.normal(0, 16, size=(16, 2)):
            marks += f'<circle cx="{x + dx:.1f}" cy="{y + dy:.1f}" r="2.2" fill="{colour}" opacity=".75"/>'
    return figure(name, marks, "Embedding: two principal components, coloured by class", group=group)


def curves(name, rng, group=""):
    marks = '<path d="M40 10V260H450" stroke="currentColor" fill="none"/>'
    for colour in ("#0072b2", "#d55e00"):
        level = rng.uniform(60, 120)
        points = " ".join(
            f"{40 + 4 * t},{250 - level * (1 - math.exp(-t / 20)) - rng.normal(0, 3):.1f}" for t in range(100)
        )
        marks += f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"/>'
    return figure(
        name, marks + '<text x="230" y="290" fill="currentColor">epoch</text>', "Losses over epochs", group=group
    )


def confusion(name, rng, group=""):
    marks = "".join(
        f'<rect x="{60 + 22 * j}" y="{30 + 22 * i}" width="21" height="21" fill="#0072b2" '
        f'opacity="{0.9 if i == j else rng.uniform(0, 0.25):.2f}"/>'
        for i in range(10)
        for j in range(10)
    )
    return figure(
        name,
        marks + '<text x="60" y="20" fill="currentColor">cluster</text>',
        "Classes against clusters",
        300,
        280,
        group=group,
    )


def part(dataset, sentences=(), tables=(), notes=(), figures=()):
    return Part(dataset, pd.DataFrame({"x": [1]}), tuple(sentences), tuple(tables), tuple(notes), tuple(figures))


def contrasts(rng):
    rows = []
    for variant, twin in PAIRS:
        own, other, p = rng.uniform(0.6, 0.9), rng.uniform(0.6, 0.9), rng.uniform(0, 0.4)
        apart = Interval(own - other, own - other - 0.02, own - other + 0.02, ACC, signed=True)
        numbers = (Number(own, ACC), Name(twin), Number(other, ACC), apart, P(p / 3), P(p), Count(10))
        rows.append((Name(variant), *numbers, Name("not significant")))
    columns = (
        *(Column("method", words=True), Column("ACC", aside=2), Column("counterpart", words=True)),
        *(Column("counterpart ACC", aside=2), Column("ΔACC [95 % CI]"), Column("p", aside=1), Column("p (Holm)")),
        *(Column("seeds", aside=1), Column("verdict", words=True)),
    )
    return Table("ACC with noise and without", columns, tuple(rows), cite=True)


def leaderboard(rng, names):
    rows = []
    means = sorted(rng.uniform(0.5, 0.9, len(names)), reverse=True)
    for rank, (name, mean) in enumerate(zip(names, means, strict=True)):
        if rank == len(names) - 1:  # every run failed: no score, so nothing to sort by
            rows.append((Name(name), Tally((0, 10, 0)), *[Absent()] * 6, Name("not compared")))
            continue
        difference, p, sd = mean - means[0], rng.uniform(0, 0.2), rng.uniform(0.001, 0.05)
        verdict = "reference" if rank == 0 else "worse" if p < 0.05 else "not significant"
        apart = Interval(difference, difference - 0.02, difference + 0.02, ACC, signed=True)
        compared = (Absent(), Absent(), Absent()) if rank == 0 else (apart, P(p / 2), P(p))
        numbers = (Number(mean, ACC, sd), Number(mean - 0.1, ACC), Ranks(rank + 1, len(names)))
        rows.append((Name(name), Tally((10, 0, 0)), *numbers, *compared, Name(verdict)))
    columns = (
        *(Column("method", words=True), Column("runs", aside=2), Column("ACC ± sd"), Column("recall", aside=3)),
        *(Column("rank"), Column("Δ [95 % CI]"), Column("p", aside=3), Column("p (Holm)")),
        Column("verdict", words=True, aside=1),
    )
    return Table("ACC, best mean first; Δ and p against the best", columns, tuple(rows), best=0, cite=True)


def further(rng, names):
    rows = [
        (
            Name(name),
            Interval(rng.uniform(0.5, 0.9), 0.5, 0.9, ACC),
            *(Number(rng.uniform(0.5, 0.9), ACC, rng.uniform(0, 0.05)) for _ in range(3)),
            Number(rng.uniform(0.6, 1)),
            Amount(rng.uniform(1, 9), "s"),
            Amount(rng.uniform(500, 600), "MB"),
        )
        for name in names
    ]
    headings = ("median ACC [Q1, Q3]", "NMI", "ARI", "AMI", "stability", "time", "memory")
    return Table("Means ± sd over seeds", (Column("method", True), *map(Column, headings)), tuple(rows))


def contrast_sentences():
    yield Sentence(
        "S-DEC vs DEC (counterpart of S-DEC):",
        "ΔACC −.001, 95 % CI [−.003, .001] (unadjusted), p = .112, n = 10; not significant after Holm (.336).",
    )
    yield Sentence("VaDE vs AE+GMM:", "ΔACC +.031, 95 % CI [.012, .044] (unadjusted), p = .004, n = 10.")


def sections(board, rng, datasets, names):
    """What every board has: some sections on each data set, the leaderboard open."""
    stochastic = [name for name in METHODS if "S-DEC" in name and "of S" not in name] + ["VaDE", "VAE+KMeans"]
    verdicts = (
        Sentence(
            f"No. On {dataset} none of 3 stochastic methods differs significantly in ACC from its deterministic "
            "counterpart (10 paired seeds, Holm).",
            "S-DEC is equivalent within ±.01; VaDE and VAE+KMeans are inconclusive.",
        )
        for dataset in datasets
    )
    yield Content("verdict", "Verdict", (part("", verdicts, figures=[forest(f"{board}-forest", stochastic, rng)]),))
    yield Content(
        "contrasts",
        "Stochastic methods against their counterparts",
        tuple(part(one, contrast_sentences(), [contrasts(rng)], ["Holm adjusts p."]) for one in datasets),
        csv="contrasts.csv",
    )
    boards = []
    for one in datasets:
        claim = Sentence(f"Best mean on {one}: S-DEC, ACC .801 ± .014.", "It is significantly better than AE+KMeans.")
        figures = [curves(f"{board}-{one}-ranks", rng), scatter(f"{board}-{one}-plane", rng)]
        notes = ["VaDE: 1 of 10 runs collapsed, and counts.", f"Left out: {names[-1]}."]
        boards.append(part(one, [claim], [leaderboard(rng, names)], notes, figures))
    yield Content("leaderboard", "Leaderboard", tuple(boards), news=True, csv="leaderboard.csv")
    others = (part(one, [Sentence("Time of a run:", "from 0.2 s.")], [further(rng, names[:8])]) for one in datasets)
    yield Content("metrics", "Other metrics, time and memory", tuple(others), csv="tables/metrics.csv")


def closing(rng, datasets, methods, words):
    """What the first board alone has."""
    yield Content("health", "Health of the runs", (part("", [Sentence("All 80 runs finished and are healthy.")]),))
    pictures = []
    for one in datasets:
        figures = [
            draw(f"{one}-{number}-{name}", rng, method)
            for number, method in enumerate(methods)
            for name, draw in (("embedding", scatter), ("confusion", confusion), ("losses", curves))
        ]
        pictures.append(part(one, [Sentence("The median run of each method.")], figures=figures))
    yield Content("pictures", "Pictures", tuple(pictures))
    reading = [Sentence("Runs", "are ok / failed / collapsed."), Sentence("Δ", "is the Hodges-Lehmann estimate.")]
    yield Content("reading", "How to read this", (part("", reading),))
    rows = [("Suite", "quick"), ("Versions", "torch 2.11.0, Python 3.11.7"), *((word, word) for word in words)]
    values = [(Name(what), Name(value)) for what, value in rows] + [(Name("Command"), Code(COMMAND))]
    table = Table("Where the numbers come from", (Column("what", True), Column("value", True)), tuple(values))
    yield Content("provenance", "Provenance", (part("", tables=[table]),))


FILES = ("leaderboard.md", "leaderboard.tex", "scores.csv", "leaderboard.csv", "contrasts.csv")


@pytest.fixture(scope="session")
def report() -> Report:
    """Three boards, three data sets, sixteen variants of which two are hostile."""
    rng = np.random.default_rng(0)
    names = (*METHODS, UNBROKEN, HOSTILE)
    titles = {"fixed": "Fixed presets", "label-free": "Chosen without labels", "oracle": "Chosen with the labels"}
    boards = []
    for name, title in titles.items():
        own = list(sections(name, rng, DATASETS, names))
        if name == "fixed":
            own += closing(rng, DATASETS, (*METHODS[:4], UNBROKEN, HOSTILE), (HOSTILE, UNBROKEN))
        boards.append(Board(name, title, f"How the hyper-parameters of {name} were chosen.", tuple(own)))
    title, subtitle = "Does stochasticity help?", "Sixteen methods on three data sets"
    return Report(title, subtitle, tuple(boards), (f"A plugin is called {HOSTILE}.",), FILES)


@pytest.fixture(scope="session")
def small_report() -> Report:
    """One board, one data set and eight methods: what the built-in suite gives."""
    rng = np.random.default_rng(0)
    own = (*sections("fixed", rng, DATASETS[:1], METHODS[:8]), *closing(rng, DATASETS[:1], METHODS[:8], ()))
    board = Board("fixed", "Fixed presets", "Hyper-parameters were fixed before any run.", own)
    return Report("Does stochasticity help?", "Six methods on handwritten digits", (board,), files=FILES)
