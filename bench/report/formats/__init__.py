"""Formats of a report: terminal, Markdown and CSV in `text`, LaTeX, and one self-contained page."""
