"""The report as one HTML file that needs nothing else: no network, no fonts, no server."""

from bench.leaderboard.page.render import render_page

__all__ = ["render_page"]
