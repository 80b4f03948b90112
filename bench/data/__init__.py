"""Data sets: cards that describe them, and how their files become points in [0, 1]."""
