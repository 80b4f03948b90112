"""Reports: what records say, computed once and written in several formats."""
