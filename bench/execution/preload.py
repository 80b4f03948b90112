"""What a worker process imports and looks up before its first run, so that no run's time contains it."""

# ruff: noqa: F401

import sklearn.metrics
import torch._dynamo  # which torch's optimizers import when they are first used

import methods.sdec
import methods.vade
from bench.execution import local
from bench.execution.provenance import commit, versions
from bench.metrics import internal, scoring

versions()
commit()
