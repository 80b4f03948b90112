"""The findings in six panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from bench.statistics.power import signed_rank_power
from tests.simulation.agreement import LIMITS, MODELS
from tests.simulation.claims import N_PAIRS
from tests.simulation.contrasts import N_CONTRASTS
from tests.simulation.exact import attainable_coverage, family_wise_bound
from tests.simulation.study import (
    AGREEMENT_RUNS,
    CONTRAST_EFFECT,
    COVERAGE_N,
    COVERAGE_SETTINGS,
    FAMILY_SEEDS,
    FAMILY_SETTINGS,
    POOLED_DATASETS,
    POOLED_INTERACTIONS,
    POOLED_SEEDS,
    PROTOCOL_POWER,
    Finding,
)

# Okabe and Ito's colours; the markers say the same to who sees none.
STYLES = {
    "normal noise": ("#0072B2", "o"),
    "heavy-tailed noise": ("#D55E00", "s"),
    "skewed noise": ("#009E73", "^"),
    "rounded to .01": ("#CC79A7", "D"),
    "rounded to .05": ("#E69F00", "v"),
    "two data sets, each family": ("#56B4E9", "P"),
    "noise of one method helps": ("#000000", "X"),
}
GREY = "#666666"
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.markersize": 4,
    "lines.linewidth": 1.2,
    "svg.hashsalt": "simulation",  # the same findings give the same file
}


def draw(findings: Sequence[Finding]) -> Figure:
    """Draw all findings, 7 inches wide."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 9.4), layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08))
        (errors, contrasts), (intervals, powers), (pooling, agreement) = figure.subplots(3, 2)
        settings = [*FAMILY_SETTINGS, "two data sets, each family"]
        _draw_errors(errors, findings, "family-wise error", settings, N_PAIRS)
        errors.set_title("a  Family-wise error, 15 pairs, Holm")
        settings = [*FAMILY_SETTINGS, "noise of one method helps"]
        _draw_errors(contrasts, findings, "error in contrasts", settings, N_CONTRASTS)
        contrasts.set_title("b  Family-wise error, 9 contrasts, Holm")
        _draw_coverage(intervals, findings)
        _draw_power(powers, findings)
        _draw_pooling(pooling, findings)
        _draw_agreement(agreement, findings)
        handles = [
            Line2D([], [], color=color, marker=marker, linestyle="none", label=setting)
            for setting, (color, marker) in STYLES.items()
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, title="a, b and c")
        return figure


def _series(findings: Sequence[Finding], claim: str, setting: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chosen = [f for f in findings if (f.claim, f.setting) == (claim, setting)]
    rows = np.array([(f.n, f.rate.value, f.rate.standard_error) for f in chosen])
    return rows[:, 0], rows[:, 1], rows[:, 2]


def _draw_errors(
    axes: Axes, findings: Sequence[Finding], claim: str, settings: Sequence[str], family_size: int
) -> None:
    places = {n: place for place, n in enumerate(FAMILY_SEEDS)}
    for setting, shift in zip(settings, np.linspace(-0.3, 0.3, len(settings)), strict=True):
        color, marker = STYLES[setting]
        rows = [row for row in zip(*_series(findings, claim, setting), strict=True) if row[0] in places]
        at, rates, errors = np.array([(places[int(n)] + shift, rate, error) for n, rate, error in rows]).T
        axes.errorbar(at, rates, 2 * errors, color=color, marker=marker, linestyle="none", capsize=0)
    for n, place in places.items():
        axes.hlines(family_wise_bound(n, family_size), place - 0.4, place + 0.4, color="black", linewidth=0.8)
    axes.axhline(0.05, color=GREY, linestyle="--", linewidth=0.8)
    axes.axhline(0.055, color=GREY, linestyle=":", linewidth=0.8)
    axes.text(-0.45, 0.049, "level 5 %", color=GREY, va="top")
    axes.text(-0.45, 0.0555, "limit 5.5 %", color=GREY, va="bottom")
    axes.text(-0.4, 0.0015, "exact bound", va="bottom")
    axes.set_xticks(list(places.values()), [str(n) for n in places])
    axes.set(xlabel="seeds", ylabel="families with a false claim", ylim=(-0.001, 0.06))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))


def _draw_pooling(axes: Axes, findings: Sequence[Finding]) -> None:
    blue, _ = STYLES["normal noise"]
    for interaction, color, nudge in zip(POOLED_INTERACTIONS, (GREY, "black"), (-0.04, 0.04), strict=True):
        for n_datasets, line, marker in zip(POOLED_DATASETS, ("-", "--"), ("o", "s"), strict=True):
            setting = f"{n_datasets} data sets, interaction {interaction:g} sd"
            n, pooled, errors = _series(findings, "error of pooling", setting)
            axes.errorbar(n, pooled, 2 * errors, color=color, linestyle=line, marker=marker)
            n, of_means, errors = _series(findings, "error of means", setting)
            axes.errorbar(n, of_means, 2 * errors, color=blue, linestyle=line, marker=marker)
        axes.text(n[-1] + 0.7, pooled[-1] + nudge, f"interaction\n{interaction:g} sd", color=color, va="center")
    axes.text(n[-1], 0.1, "one mean a data set", color=blue, ha="right", va="bottom")
    for n_datasets, line, marker in zip(POOLED_DATASETS, ("-", "--"), ("o", "s"), strict=True):
        axes.plot([], [], color=GREY, linestyle=line, marker=marker, label=f"{n_datasets} data sets")
    axes.legend(loc="upper left")
    axes.set_xticks(POOLED_SEEDS)
    axes.set(xlabel="seeds on each data set", ylabel="false claims of an average effect", xlim=(4, 26), ylim=(0, 0.85))
    axes.spines["bottom"].set_bounds(4, 21)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_title("e  Seeds × data sets pooled into one test")


def _draw_coverage(axes: Axes, findings: Sequence[Finding]) -> None:
    axes.axhspan(0.94, 0.97, color="#EEEEEE", zorder=0)
    axes.plot(COVERAGE_N, [attainable_coverage(n) for n in COVERAGE_N], color="black", linewidth=0.8, zorder=1)
    for setting in COVERAGE_SETTINGS:
        color, marker = STYLES[setting]
        n, rates, _ = _series(findings, "coverage", setting)
        axes.plot(n, rates, color=color, marker=marker, linestyle="none", markersize=3)
    axes.text(50, 0.9405, "promised, 94 to 97 %", color=GREY, ha="right", va="bottom")
    axes.text(22, 0.955, "exact, untied", va="bottom")
    axes.set_xscale("log")
    axes.set_xticks([6, 8, 10, 15, 20, 30, 50], ["6", "8", "10", "15", "20", "30", "50"])
    axes.minorticks_off()
    axes.set(xlabel="matched pairs", ylabel="intervals that hold the truth", ylim=(0.935, 1.002))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_title("c  Coverage of the 95 % interval")


def _draw_power(axes: Axes, findings: Sequence[Finding]) -> None:
    n, rates, _ = _series(findings, "power", "effect of .8 sd")
    axes.plot(n, rates, color="#0072B2", marker="o")
    axes.text(n[7], rates[7] + 0.03, "one comparison", color="#0072B2", ha="right")
    n, rates, _ = _series(findings, "power in contrasts", "effect of .8 sd")
    axes.plot(n, rates, color="#D55E00", marker="s", linestyle="none")
    axes.text(n[-1], 0.28, "one of nine contrasts", color="#D55E00", ha="right", va="top")
    n = np.arange(min(n), max(n) + 1)
    first_steps = [signed_rank_power(int(k), CONTRAST_EFFECT, 0.05 / N_CONTRASTS) for k in n]
    axes.plot(n, first_steps, color="#D55E00", label="first step of Holm")
    axes.plot(
        list(PROTOCOL_POWER),
        list(PROTOCOL_POWER.values()),
        color="black",
        marker="o",
        markersize=8,
        markerfacecolor="none",
        linestyle="none",
        label="protocol",
    )
    axes.legend(loc="lower right")
    axes.set_xticks([5, 6, 8, 10, 15, 20])
    axes.set(xlabel="matched pairs", ylabel="comparisons that find it", ylim=(-0.02, 1))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_title("d  Power at .8 sd of the differences")


def _draw_agreement(axes: Axes, findings: Sequence[Finding]) -> None:
    axes.axhspan(0.93, 0.97, color="#EEEEEE", zorder=0)
    styles = [*list(STYLES.values())[:5], (GREY, "x"), (GREY, "+")]
    for (model, (color, marker)), shift in zip(
        zip((*MODELS, *LIMITS), styles, strict=True), np.linspace(-0.3, 0.3, 7), strict=True
    ):
        _, rates, errors = _series(findings, "coverage of mean ARI", model)
        at = np.arange(len(AGREEMENT_RUNS)) + shift
        axes.errorbar(at, rates, 2 * errors, color=color, marker=marker, linestyle="none", capsize=0, label=model)
    axes.text(-0.45, 0.915, "promised, 93 to 97 %", color=GREY, va="top")
    axes.set_xticks(range(len(AGREEMENT_RUNS)), [str(n) for n in AGREEMENT_RUNS])
    axes.set(xlabel="runs", ylabel="intervals that hold the truth", xlim=(-0.5, 2.5), ylim=(0.2, 1.02))
    axes.legend(loc="lower right", fontsize=7, handlelength=1, labelspacing=0.3)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_title("f  Coverage, mean ARI between runs")
