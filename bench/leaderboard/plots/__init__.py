"""Figures of a report: functions of plain tables and arrays, each returning a `content.Figure`, or None without data.

All share one look (``style``) and one way to become SVG and PNG (``export``). None of them uses pyplot or leaves a
trace in matplotlib's global settings.
"""

from bench.leaderboard.plots.comparisons import critical_difference, forest
from bench.leaderboard.plots.curves import learning_curves
from bench.leaderboard.plots.maps import embedding_map
from bench.leaderboard.plots.parameters import parameter_curve
from bench.leaderboard.plots.pictures import confusion, latent_variance, samples
from bench.leaderboard.plots.scores import scores_by_seed
from bench.leaderboard.plots.style import Look, looks_of
from bench.leaderboard.plots.tradeoff import quality_against_time

__all__ = [
    "Look",
    "confusion",
    "critical_difference",
    "embedding_map",
    "forest",
    "latent_variance",
    "learning_curves",
    "looks_of",
    "parameter_curve",
    "quality_against_time",
    "samples",
    "scores_by_seed",
]
