"""A start for an author: a method in a file, or in an installable package, that runs as it is written."""

from bench.scaffold.new_method import Names, Start, names_of, start_file, start_package

__all__ = ["Names", "Start", "names_of", "start_file", "start_package"]
