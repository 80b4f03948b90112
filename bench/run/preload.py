"""What the server of workers does before it forks: it imports, and learns what is the same in every record."""

from bench.metrics import internal, scoring
from bench.run import local
from bench.run.provenance import commit, versions

__all__ = ["internal", "local", "scoring"]

versions()
commit()
