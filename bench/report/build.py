"""Puts a report together: the answer, the boards with their figures, pictures of the methods, provenance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from bench.metrics import METRICS_VERSION
from bench.records.results import Results
from bench.report import plots
from bench.report.boards import HEADLINE, BoardFrame
from bench.report.document import AssignmentsNote, Board, Figure, Report, Section
from bench.report.figures import findings_figures, section_figures
from bench.report.numbers import format_equation
from bench.report.overall import OVERALL
from bench.report.pictures import pictures_of
from bench.report.plots.export import figure_name
from bench.report.ranking import Ranking, rope_of
from bench.report.sections.leaderboard import HOW_TO_READ, sections_of
from bench.report.sections.uncertainty import NOTE, findings_of
from bench.report.sections.uncertainty import TITLE as FINDINGS
from bench.report.sentences import is_equivalent
from bench.statistics.correction import MethodComparison, Outcome

#: More rows than this fill screen after screen; the tables have all of them.
_MOST_CONTRASTS = 48
_OPEN: dict[Outcome, str] = {
    "cannot be significant": "with too few seeds to show anything",
    "not compared": "not compared",
}
_NO_ANSWER = "These runs cannot say: they have no stochastic method with its deterministic twin."
_QUESTION = "Does stochasticity help?"


def report_of(results: Results, boards: Sequence[BoardFrame], assignments: AssignmentsNote | None = None) -> Report:
    """Return the whole report of some results.

    Parameters
    ----------
    results : Results
    boards : sequence of BoardFrame
        The headline first; at least one.
    assignments : AssignmentsNote, optional
        Where readers find which item is in which cluster.
    """
    written = tuple(_board(board, results) for board in boards)
    headline = boards[0]
    return Report(
        title=_QUESTION,
        subtitle=" + ".join(dict.fromkeys(suite.title or suite.name for suite in results.suites)),
        answer=(*_counts(headline), *_sentences(written[0].sections)) or (_NO_ANSWER,),
        figures=_present([_forest(headline)]),
        boards=written,
        pictures=pictures_of(results, headline),
        how_to_read=HOW_TO_READ,
        provenance=tuple(_provenance(results, headline.about)),
        findings=_findings(headline),
        assignments=assignments,
    )


def _counts(board: BoardFrame) -> list[str]:
    """Answer the question for each data set in one line: how many contrasts show what."""
    lines = []
    for tables in board.datasets:
        if len(tables.contrasts) < 2:  # of one its own sentence says it all
            continue
        outcomes = [contrast.outcome for contrast in tables.contrasts]
        equivalent = sum(is_equivalent(contrast, tables.collapsed(contrast)) for contrast in tables.contrasts)
        parts = [
            f"{outcomes.count('better')} of {len(outcomes)} stochastic variants shown to be better than their twins",
            f"{outcomes.count('worse')} worse",
            f"{equivalent} equivalent in practice",
        ]
        parts += [f"{n} {words}" for outcome, words in _OPEN.items() if (n := outcomes.count(outcome))]
        lines.append(f"{tables.dataset}: {', '.join(parts)}.")
    return lines


def _sentences(sections: Sequence[Section]) -> list[str]:
    several = len(sections) > 1
    return [f"{s.dataset}: {text}" if several else text for s in sections for text in s.headline]


def _board(board: BoardFrame, results: Results) -> Board:
    """Return a board with the figures of each section."""
    looks = plots.looks_of(board.frame)
    figures: list[list[Figure | None]] = []
    if board.overall is not None:
        figures.append([_ranks(board.overall.ranking, board.overall.labels, looks, OVERALL, board.name)])
    for tables in board.datasets:
        ranks = _ranks(tables.ranking, tables.labels, looks, tables.dataset, board.name)
        figures.append([ranks, *section_figures(tables, board.name, results.params, looks)])
    if figures and board.name != HEADLINE:
        figures[0].insert(0, _forest(board))
    if board.choices:  # their section is the first
        figures.insert(0, [])
    sections = zip(sections_of(board), figures, strict=True)
    drawn = tuple(replace(section, figures=_present(own)) for section, own in sections)
    return Board(board.name, board.title, board.note, drawn)


def _findings(board: BoardFrame) -> Board | None:
    sections, looks = findings_of(board), plots.looks_of(board.frame)
    figures = {findings.dataset: findings_figures(findings, looks) for findings in board.findings}
    drawn = tuple(replace(section, figures=figures[section.dataset]) for section in sections)
    return Board("findings", FINDINGS, NOTE, drawn) if drawn else None


def _present(figures: Iterable[Figure | None]) -> tuple[Figure, ...]:
    return tuple(figure for figure in figures if figure is not None)


def _forest(board: BoardFrame) -> Figure | None:
    """Draw the contrasts of a board, those over data sets first."""
    rows = []
    if board.overall is not None:
        rows += [_contrast(c, OVERALL, board.overall.labels) for c in board.overall.contrasts]
    for tables in board.datasets:
        rows += [_contrast(c, tables.dataset, tables.labels) for c in tables.contrasts]
    if not rows:
        return None
    some = f"; the first {_MOST_CONTRASTS} of {len(rows)}" if len(rows) > _MOST_CONTRASTS else ""
    return plots.forest(
        pd.DataFrame(rows[:_MOST_CONTRASTS]),
        board.metric,
        rope=rope_of(board.metric),
        name=figure_name("contrasts", board.name),
        title=f"{board.metric.title} with the noise less {board.metric.title} without, with 95 % intervals{some}",
    )


def _contrast(contrast: MethodComparison, group: str, labels: Mapping[str, str]) -> dict[str, Any]:
    result = contrast.result
    low, high = (result.hodges_lehmann_interval if result else None) or (np.nan, np.nan)
    p = "" if contrast.p_adjusted is None else f"{format_equation(contrast.p_adjusted)}, "
    return {
        "group": group,
        "label": f"{labels[contrast.a]} − {labels[contrast.b]}",
        "difference": result.hodges_lehmann if result else np.nan,
        "ci_low": low,
        "ci_high": high,
        "text": f"{p}{contrast.n}" if result else str(contrast.reason),
        "outcome": contrast.outcome,
    }


def _ranks(
    ranking: Ranking, labels: Mapping[str, str], looks: Mapping[str, plots.Look], dataset: str, board: str
) -> Figure | None:
    """Draw the mean ranks; none where a variant lacks a unit, or nothing could be shown to differ."""
    possible = any(c.outcome not in ("not compared", "cannot be significant") for c in ranking.comparisons)
    if not ranking.mean_rank or not possible:
        return None
    n = max(len(c.matched) for c in ranking.comparisons)
    return plots.critical_difference(
        ranking.mean_rank,
        ranking.cliques,
        labels,
        looks,
        name=figure_name("ranks", board, dataset),
        title=f"Mean ranks on {dataset} over {n} {ranking.unit}s; a bar joins dots that are not told apart",
    )


def _provenance(results: Results, about: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    rows = []
    for suite, run in zip(results.suites, results.runs, strict=True):
        description = f": {suite.description}" if suite.description else ""
        rows.append(("Suite", f"{suite.name}{description}"))
        rows += [("Command", command) for command in run.commands()]
    fingerprints = results.frame.groupby("dataset")["fingerprint"].first()
    for name, fingerprint in fingerprints.items():
        sentences = "".join(f" {sentence}" for sentence in about.get(str(name), ()))
        rows.append(("Data", f"{name}, SHA-256 {fingerprint}{'.' * bool(sentences)}{sentences}"))
    seeds = sorted({seed for suite in results.suites for seed in suite.seeds})
    rows.append(("Seeds", ", ".join(map(str, seeds))))
    chosen_on = sorted({seed for suite in results.suites for seed in suite.selection_seeds or ()})
    if chosen_on:
        rows.append(("Selection seeds", ", ".join(map(str, chosen_on))))
    rows.append(
        ("Primary metric", f"{results.primary_metric}, declared in the suite; metrics version {METRICS_VERSION}")
    )
    rows += [("Hardware", text) for text in results.origin["hardware"]]
    rows += [("Versions", text) for text in results.origin["versions"]]
    rows += [("Commit", text) for text in results.origin["commits"]]
    rows += [("Note", text) for text in results.notes]
    rows.append(("Report written by", f"deepclustbench {version('deepclustbench')}"))
    return rows
