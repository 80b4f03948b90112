"""The text of findings, one section a data set, before any markup."""

from __future__ import annotations

from functools import lru_cache

from bench.report.boards import BoardFrame, DatasetFindings
from bench.report.document import Escape, Section, TextTable
from bench.report.sections.calibration import calibration_sentences, calibration_table
from bench.report.sections.contrasts import (
    SamplingContrast,
    contrast_table,
    overall_sentence,
    stochastic_variants,
    variant_sentence,
)
from bench.report.sections.error_detection import best_sentences, detection_table, outlier_table

TITLE = "What stochasticity buys"
SUBTITLE = "uncertainty, stability, outliers"
NOTE = (
    "Of the runs of the first board. Only whether sampling helps is tested, by contrasts that are fixed before any "
    "run; calibration, stability, variance and health only describe."
)
WHERE = "Tables of uncertainty, stability, variance, health and outliers: report.html and leaderboard.md."
_POINTS = "mis-clustered points"


@lru_cache(maxsize=8)  # the terminal and the page say the same
def findings_of(board: BoardFrame, escape: Escape = str) -> tuple[Section, ...]:
    """Return the sections on uncertainty, stability, variance, health and outliers, by data set.

    Parameters
    ----------
    board : BoardFrame
        The headline.
    escape : callable
        Rewrites every name that comes from data or plugins.

    Returns
    -------
    tuple of Section
        Data sets of which there is nothing to say are absent.
    """
    sections = (_section(findings, escape) for findings in board.findings)
    return tuple(section for section in sections if section.headline or section.tables)


def _section(findings: DatasetFindings, escape: Escape) -> Section:
    labels = {name: escape(label) for name, label in findings.labels.items()}
    dataset = escape(findings.dataset)
    headline: list[str] = []
    tables: list[TextTable] = []
    if findings.contrasts:
        headline += _answers(findings, findings.contrasts, labels, dataset, _POINTS, escape)
        tables.append(contrast_table(findings.contrasts, labels, escape))
    if len(findings.detection):
        tables.append(detection_table(findings.detection, labels, escape))
    if len(findings.calibration):
        headline += calibration_sentences(findings.calibration, findings.masked_runs, labels)
        tables.append(calibration_table(findings.calibration, labels))
    if len(findings.outliers):
        headline += best_sentences(findings.outliers, labels, escape)
        if findings.outlier_contrasts:
            headline += _answers(findings, findings.outlier_contrasts, labels, dataset, "outliers", escape)
            tables.append(contrast_table(findings.outlier_contrasts, labels, escape))
        tables.append(outlier_table(findings.outliers, labels, escape))
    notes = _notes(findings, labels) if headline or tables else ()
    return Section(dataset, tuple(headline), tuple(tables), notes)


def _answers(
    findings: DatasetFindings,
    contrasts: list[SamplingContrast],
    labels: dict[str, str],
    dataset: str,
    what: str,
    escape: Escape,
) -> list[str]:
    """Say over the data set, and of each variant, whether sampling helps; of outliers only where that is shown."""
    sentences = [overall_sentence(contrasts, dataset, what)]
    shown = [c for c in contrasts if c.outliers is None or c.comparison.outcome in ("better", "worse")]
    places = dict.fromkeys((c.variant, c.outliers) for c in shown)
    for variant, outliers in places:
        own = [c for c in contrasts if (c.variant, c.outliers) == (variant, outliers)]
        sought = what if outliers is None else f"outliers from {escape(outliers)}"
        sentences.append(variant_sentence(own, labels[variant], sought, escape, collapsed=findings.collapsed[variant]))
    return sentences


def _notes(findings: DatasetFindings, labels: dict[str, str]) -> tuple[str, ...]:
    notes = []
    if findings.contrasts:
        asked = {c.variant for c in findings.contrasts}
        without = [labels[name] for name in stochastic_variants(findings.masked_runs) if name not in asked]
        if without:
            notes.append(f"Stochastic, but without a score from draws to compare: {', '.join(without)}.")
    return tuple(notes)
