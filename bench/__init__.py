"""Core of deepclustbench: suites, cells, runners, metrics and statistics."""
