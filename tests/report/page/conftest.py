"""A report such as a real run leaves: three boards, three data sets, dozens of variants, and one hostile plugin."""

import math
from xml.sax.saxutils import escape

import numpy as np
import pytest

from bench.report.document import Board, Figure, Pictures, Report, Section, TextTable

HOSTILE = "</script><script>window.__hacked = 1</script><img src=x onerror=\"window.__hacked=2\"> 'quoted' & \u202eevil"
UNBROKEN = "longname" * 37 + "1234"  # 300 characters without a space
DATASETS = ("digits", "usps", "Fashion-MNIST")
METHODS = (
    *("DEC (twin of S-DEC)", "S-DEC", "DEC", "KMeans", "VAE+KMeans", "AE+KMeans", "VaDE", "AE+GMM (twin of VaDE)"),
    *(f"S-DEC (beta={beta}, tail={tail})" for beta in ("0.001", "0.01", "0.1") for tail in ("normal", "t")),
)


def figure(name, marks, title, width=460, height=300, alt=None):
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12">{marks}</svg>'
    )
    return Figure(
        name, title, alt or f"{title}. What it shows is said here in words and numbers: .801 against .803.", svg
    )


def forest(name, rows, rng):
    width, height, middle = 820, 60 + 24 * len(rows), 520
    marks = [f'<path d="M{middle} 20V{height - 30}" stroke="currentColor" stroke-dasharray="2 3" fill="none"/>']
    for line, label in enumerate(rows):
        y, estimate, half = 36 + 24 * line, middle + rng.normal(0, 60), abs(rng.normal(50, 20)) + 10
        marks.append(f'<text x="250" y="{y + 4}" text-anchor="end" fill="currentColor">{escape(label)}</text>')
        marks.append(f'<path d="M{estimate - half:.1f} {y}h{2 * half:.1f}" stroke="currentColor" stroke-width="1.5"/>')
        marks.append(f'<rect x="{estimate - 4:.1f}" y="{y - 4}" width="8" height="8" fill="#0072b2"/>')
    ticks = "".join(
        f'<text x="{middle + tick * 2000:.0f}" y="{height - 10}" text-anchor="middle" fill="currentColor">{tick}</text>'
        for tick in (-0.1, -0.05, 0, 0.05, 0.1)
    )
    return figure(name, "".join(marks) + ticks, "Stochastic variant less its twin: ACC, 95 % interval", width, height)


def scatter(name, rng):
    colours = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9")
    marks = '<path d="M30 10V270H450" stroke="currentColor" fill="none" clip-path="url(#frame)"/>'
    marks += '<defs><clipPath id="frame"><rect width="460" height="300"/></clipPath></defs>'
    for colour in colours:
        x, y = rng.uniform(80, 400), rng.uniform(50, 230)
        for dx, dy in rng.normal(0, 16, size=(16, 2)):
            marks += f'<circle cx="{x + dx:.1f}" cy="{y + dy:.1f}" r="2.2" fill="{colour}" opacity=".75"/>'
    return figure(name, marks, "Embedding: two principal components, coloured by class")


def curves(name, rng):
    marks = '<path d="M40 10V260H450" stroke="currentColor" fill="none"/>'
    for colour in ("#0072b2", "#d55e00"):
        level = rng.uniform(60, 120)
        points = " ".join(
            f"{40 + 4 * t},{250 - level * (1 - math.exp(-t / 20)) - rng.normal(0, 3):.1f}" for t in range(100)
        )
        marks += f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"/>'
    return figure(name, marks + '<text x="230" y="290" fill="currentColor">epoch</text>', "Losses over epochs")


def confusion(name, rng):
    marks = "".join(
        f'<rect x="{60 + 22 * j}" y="{30 + 22 * i}" width="21" height="21" fill="#0072b2" '
        f'opacity="{0.9 if i == j else rng.uniform(0, 0.25):.2f}"/>'
        for i in range(10)
        for j in range(10)
    )
    return figure(
        name, marks + '<text x="60" y="20" fill="currentColor">cluster</text>', "Classes against clusters", 300, 280
    )


def number(value):
    sign = "-" if value < 0 else ""
    return sign + f"{abs(value):.3f}".removeprefix("0")


def interval(value, half):
    return f"{number(value)} [{number(value - half)}, {number(value + half)}]"


def twins(rng):
    rows, keys = [], []
    pairs = (("S-DEC", "DEC (twin of S-DEC)"), ("VaDE", "AE+GMM (twin of VaDE)"), ("VAE+KMeans", "AE+KMeans"))
    for variant, twin in pairs:
        own, other, p = rng.uniform(0.6, 0.9), rng.uniform(0.6, 0.9), rng.uniform(0, 0.4)
        rows.append((variant, number(own), twin, number(other), interval(own - other, 0.02), number(p), "10"))
        keys.append((variant, own, twin, other, own - other, p, 10.0))
    header = ("variant", "ACC", "twin", "twin ACC", "difference [95 %]", "p (Holm)", "n")
    return TextTable("Twins: ACC with the noise and without", header, tuple(rows), tuple(keys))


def board_table(rng, names):
    rows, keys = [], []
    means = sorted(rng.uniform(0.5, 0.9, len(names)), reverse=True)
    for rank, (name, mean) in enumerate(zip(names, means, strict=True)):
        difference, p, sd = mean - means[0], rng.uniform(0, 0.2), rng.uniform(0.001, 0.05)
        if rank == len(names) - 1:  # every run failed: no score, so nothing to sort by
            rows.append((name, "0/10/0", "-", "-", "-", "not compared"))
            keys.append((name, 0.0, None, None, None, "not compared"))
            continue
        verdict = "reference" if rank == 0 else "worse" if p < 0.05 else "no difference shown"
        compared = ("-", "-") if rank == 0 else (interval(difference, 0.02), number(p))
        rows.append((name, "10/0/0", f"{number(mean)} ± {number(sd)}", *compared, verdict))
        keys.append((name, 10.0, mean, *((None, None) if rank == 0 else (difference, p)), verdict))
    header = ("variant", "runs", "ACC ± sd", "difference [95 %]", "p (Holm)", "verdict")
    title = "Board: ACC, best mean first, and the difference to the reference"
    return TextTable(title, header, tuple(rows), tuple(keys))


def further(rng, names):
    rows = tuple(
        (
            name,
            f"{number(rng.uniform(0.5, 0.9))} [{number(rng.uniform(0.5, 0.7))}, {number(rng.uniform(0.7, 0.9))}]",
            *(f"{number(rng.uniform(0.5, 0.9))} ± {number(rng.uniform(0, 0.05))}" for _ in range(3)),
            number(rng.uniform(0.6, 1)),
            f"{rng.uniform(1, 9):.1f} s",
            f"{rng.uniform(500, 600):.0f} MB",
        )
        for name in names
    )
    header = ("variant", "median [Q1, Q3]", "NMI", "ARI", "AMI", "stability", "time", "memory")
    return TextTable("Further: ACC quartiles, descriptive scores, agreement of seeds, time, memory", header, rows)


def sections(board, rng, names):
    stochastic = [name for name in METHODS if "S-DEC" in name and "twin" not in name] + ["VaDE", "VAE+KMeans"]
    over_all = Section(
        "All data sets",
        (
            "S-DEC wins on 2 of 3 data sets against its twin DEC: .012 [.004, .021], p = .041 (Holm), n = 3.",
            "No difference shown between VaDE and its twin AE+GMM (twin of VaDE): .009 [-.001, .017], p = .076, n = 3.",
        ),
        (twins(rng),),
        figures=(forest(f"{board}-forest", stochastic, rng),),
    )
    each = [
        Section(
            dataset,
            (
                "No difference shown between S-DEC and its twin DEC (twin of S-DEC): -.001 [-.003, .001], p = .336 "
                "(Holm), n = 10; equivalent in practice (within ±.010).",
                "VaDE is better than its twin AE+GMM (twin of VaDE) by .031 [.012, .044], p = .012 (Holm), n = 10.",
                "No difference shown between VAE+KMeans and its twin AE+KMeans: .013 [-.005, .036], p = .336 (Holm), "
                "n = 10.",
            ),
            (twins(rng), board_table(rng, names), further(rng, METHODS[:8])),
            (
                "VaDE: 1 of 10 runs collapsed, and counts.",
                f"No deterministic twin in these runs: {names[-2]}, {names[-1]}.",
            ),
            (curves(f"{board}-{dataset}-ranks", rng), scatter(f"{board}-{dataset}-plane", rng)),
        )
        for dataset in DATASETS
    ]
    return (over_all, *each)


def _finding(dataset):
    """Sentences, and a table with more rows than fit a screen."""
    told = (
        f"On {dataset}, scores from draws find mis-clustered points better than scores without in 1 of 40 contrasts.",
        f"{HOSTILE}: sampling does not help: H[mean q] has an AUROC smaller than 1 − max q by .017 [.012, .019].",
    )
    rows = tuple((method, HOSTILE, f".{i:03d}") for i, method in enumerate((*METHODS, UNBROKEN) * 3))
    keys = tuple((method, HOSTILE, i / 1000) for i, (method, _, _) in enumerate(rows))
    header = ("variant", "sampled score", "AUROC")
    return told, (TextTable("Does sampling help?", header, rows, keys, frozenset(header[:2])),)


@pytest.fixture(scope="session")
def report() -> Report:
    """Three boards, three data sets, sixteen variants of which two are hostile."""
    rng = np.random.default_rng(0)
    names = (*METHODS, UNBROKEN, HOSTILE)
    boards = (
        Board(
            "fixed",
            "Hyper-parameters fixed beforehand",
            "Every method runs with the values of its preset, chosen before any run. This is the headline: nothing "
            "here was tuned on these data.",
            sections("fixed", rng, names),
        ),
        Board(
            "label-free",
            "Hyper-parameters chosen without labels",
            "Of each search space the configuration with the best silhouette in pixel space was kept.",
            sections("label-free", rng, names),
        ),
        Board(
            "oracle",
            "Hyper-parameters chosen with the labels",
            "Of each search space the configuration with the best ACC was kept. No one without labels can do that: "
            "it bounds what tuning could gain.",
            sections("oracle", rng, names),
        ),
    )
    pictures = tuple(
        Pictures(
            dataset,
            variant,
            "The run of median ACC, seed 4.",
            (
                scatter(f"{dataset}-{number_of}-embedding", rng),
                confusion(f"{dataset}-{number_of}-confusion", rng),
                curves(f"{dataset}-{number_of}-losses", rng),
            ),
        )
        for dataset in DATASETS
        for number_of, variant in enumerate((*METHODS[:4], UNBROKEN, HOSTILE))
    )
    told = tuple(Section(dataset, *_finding(dataset)) for dataset in DATASETS)
    findings = Board("findings", "What stochasticity buys", "Of the runs of the first board.", told)
    return Report(
        findings=findings,
        title="Does making a deep clustering method stochastic help?",
        subtitle="Sixteen methods on three data sets",
        figures=(curves("overall", rng),),
        answer=(
            "Over three data sets S-DEC is better than its twin DEC by .012 [.004, .021], p = .041 (Holm), n = 3.",
            "No difference shown between VaDE and its twin AE+GMM over three data sets: .009 [-.001, .017], p = .076 "
            "(Holm), n = 3.",
            "No difference shown between VAE+KMeans and its twin AE+KMeans over three data sets: .013 [-.005, .036], "
            "p = .336 (Holm), n = 3.",
        ),
        boards=boards,
        pictures=pictures,
        how_to_read=(
            "Runs are ok / failed / collapsed. A collapsed run is an ok run and counts in every number; a failed one "
            "has no score.",
            "A difference is the Hodges-Lehmann estimate over matched seeds with its exact 95 % interval; p is the "
            "two-sided Wilcoxon signed-rank test, Holm-adjusted within its table.",
            "Stability is the mean ARI between the labels of different seeds, collapsed runs left out.",
        ),
        provenance=(
            ("suite", "quick"),
            ("command", "deepclustbench run quick --methods sdec,dec --set sdec.beta=0.001,0.01,0.1 --seeds 0-9"),
            ("versions", "deepclustbench 0.1.0, torch 2.11.0, scikit-learn 1.7.2, Python 3.11.7"),
            ("hardware", "AMD EPYC 7B13, 2 cores, no GPU"),
            ("commit", "f972bd94a1c5"),
            ("plugin", HOSTILE),
            (UNBROKEN, UNBROKEN),
        ),
    )
