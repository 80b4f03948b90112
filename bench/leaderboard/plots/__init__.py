"""Figures of a report: functions of plain tables and arrays, each returning a `content.Figure`, or None without data.

All share one look (``style``) and one way to become SVG and PNG (``export``). None of them uses pyplot or leaves a
trace in matplotlib's global settings.
"""

from bench.leaderboard.plots.calibration import ReliabilityCurve, RiskCurve, reliability, risk_coverage
from bench.leaderboard.plots.comparisons import critical_difference, forest
from bench.leaderboard.plots.confusion import confusion
from bench.leaderboard.plots.curves import learning_curves
from bench.leaderboard.plots.detection import detection_by_score
from bench.leaderboard.plots.health import health_timeline
from bench.leaderboard.plots.images import certain_points, drawn_samples, samples
from bench.leaderboard.plots.latent import latent_structure
from bench.leaderboard.plots.maps import embedding_map
from bench.leaderboard.plots.parameters import parameter_curve
from bench.leaderboard.plots.scores import scores_by_seed
from bench.leaderboard.plots.stability import cluster_stability, point_agreement
from bench.leaderboard.plots.style import Look, looks_of
from bench.leaderboard.plots.tradeoff import quality_against_time

__all__ = [
    "Look",
    "ReliabilityCurve",
    "RiskCurve",
    "certain_points",
    "cluster_stability",
    "confusion",
    "critical_difference",
    "detection_by_score",
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
    "reliability",
    "risk_coverage",
    "samples",
    "scores_by_seed",
]
