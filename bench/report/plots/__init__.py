"""Figures of a report: functions of tables and arrays that return a `document.Figure`, or None without data.

All share one look (``style``), axes that are quick to draw (``axes``), charts with a row a variant (``rows``), and one
way to become SVG and PNG (``export``, ``svg``), which happens where somebody looks. `style.hover` gives points a text.
None of them uses pyplot or leaves a trace in matplotlib's global settings.
"""

from bench.report.plots.comparisons import critical_difference, forest
from bench.report.plots.dose import dose_response
from bench.report.plots.embedding import embedding_map, latent_structure
from bench.report.plots.images import certain_points, drawn_samples, samples
from bench.report.plots.scores import parameter_curve, quality_against_time, score_strips
from bench.report.plots.stability import cluster_stability, confusion, point_agreement
from bench.report.plots.style import Look, looks_of
from bench.report.plots.training import health_timeline, learning_curves
from bench.report.plots.uncertainty import (
    ReliabilityCurve,
    RiskCurve,
    detection_by_score,
    reliability_diagram,
    risk_coverage_curves,
)

__all__ = [
    "Look",
    "ReliabilityCurve",
    "RiskCurve",
    "certain_points",
    "cluster_stability",
    "confusion",
    "critical_difference",
    "detection_by_score",
    "dose_response",
    "drawn_samples",
    "embedding_map",
    "forest",
    "health_timeline",
    "latent_structure",
    "learning_curves",
    "looks_of",
    "parameter_curve",
    "point_agreement",
    "quality_against_time",
    "reliability_diagram",
    "risk_coverage_curves",
    "samples",
    "score_strips",
]
