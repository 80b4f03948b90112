"""Clusterers that go wrong on purpose; tests copy this file to where workers find it by PYTHONPATH."""

import os
import time
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin

from bench.method import Diverged


def die_once():
    """End a worker before it takes a cell, and leave a mark by which the next one knows."""
    mark = Path(__file__).with_name("died at the start")  # not all workers have a test's environment
    if not mark.exists():
        mark.touch()
        os._exit(9)


class Parity(ClusterMixin, BaseEstimator):
    """Two clusters by the parity of the point's number: quick and known."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None):
        self.labels_ = np.arange(len(X)) % 2
        return self


class Raises(Parity):
    def fit(self, X, y=None):
        raise RuntimeError("this method always fails")


class Quits(Parity):
    def fit(self, X, y=None):
        raise SystemExit("this method quits")


class Diverges(Parity):
    def fit(self, X, y=None):
        raise Diverged("clustering", 7)


class Dies(Parity):
    def fit(self, X, y=None):
        os._exit(9)


class Hangs(Parity):
    def fit(self, X, y=None):
        time.sleep(600)


class Naps(Parity):
    def fit(self, X, y=None):
        time.sleep(3)
        return super().fit(X)


class DiesOnce(Parity):
    """Dies, and leaves a mark by which the next attempt knows."""

    def fit(self, X, y=None):
        mark = Path(os.environ["SCRATCH"], f"died-{self.random_state}")
        if not mark.exists():
            mark.touch()
            os._exit(9)
        return super().fit(X)


class Deaf(Parity):
    """Hangs, and does not hear the alarm."""

    def fit(self, X, y=None):
        import signal

        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
        time.sleep(600)


class EatsMemory(Parity):
    def fit(self, X, y=None):
        held = []
        while True:
            held.append(np.ones(10_000_000))
            time.sleep(0.01)


class Occupies(Parity):
    """Notes when it held which GPUs."""

    def fit(self, X, y=None):
        start = time.time()
        time.sleep(2)
        with Path(os.environ["SCRATCH"], "gpus").open("a") as file:
            print(start, time.time(), os.environ.get("CUDA_VISIBLE_DEVICES"), file=file)
        return super().fit(X)


class TooFewLabels(Parity):
    def fit(self, X, y=None):
        self.labels_ = np.zeros(3, dtype=int)
        return self


class BelowNoise(Parity):
    def fit(self, X, y=None):
        self.labels_ = np.arange(len(X)) % 4 - 3
        return self


class OneCluster(Parity):
    def fit(self, X, y=None):
        self.labels_ = np.zeros(len(X), dtype=int)
        return self


class Mute(Parity):
    """Has something to choose, and no `predict`."""

    def __init__(self, shift=0, random_state=None):
        self.shift = shift
        self.random_state = random_state


class Stripes(ClusterMixin, BaseEstimator):
    """Cuts the points into so many stripes by their mean, and can cut others; none are more than it can."""

    def __init__(self, parts=2):
        self.parts = parts

    def fit(self, X, y=None):
        if not self.parts:
            raise RuntimeError("nothing to cut into")
        self.edges_ = np.quantile(X.mean(1), np.arange(1, self.parts) / self.parts)
        self.labels_ = self.predict(X)
        return self

    def predict(self, X):
        return np.searchsorted(self.edges_, X.mean(1))


class WarnsAndWrites(Parity):
    def fit(self, X, y=None):
        X[0] = 1  # data sets are shared: they are read-only
        return super().fit(X)
