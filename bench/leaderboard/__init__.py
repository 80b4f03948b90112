"""Leaderboards: tables of scored cells, and their rendering as text.

``tables`` computes, ``render`` writes; both import pandas, so neither is imported here.
"""
