"""What the statistics promise, measured on data whose truth is known.

The slow tests and the figure of results/statistics share these functions; `python -m tests.simulation` draws it.
"""
