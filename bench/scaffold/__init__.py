"""A start for an author: a method in a file, or in an installable package, that runs as it is written."""

from bench.scaffold.files import Start, start_file, start_package
from bench.scaffold.names import Names, names_of

__all__ = ["Names", "Start", "names_of", "start_file", "start_package"]
