"""The method under test, the small data it is tried on, and its first fit, which the checks share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from bench.data.dataset import Dataset
from bench.method import MethodInfo
from bench.plan.cells import Configuration
from bench.plan.configurations import Paired, resolve_configurations
from bench.plan.method_spec import MethodSpec
from bench.plan.registry import find_method
from bench.plan.suite import Suite
from bench.run.outputs import checked_labels
from bench.testing import generators

N_POINTS, N_NEW, N_CLUSTERS, IMAGE_SHAPE = 120, 30, 4, (4, 4)
#: As large as the runner's: 31 bits.
SEEDS = (1_811_306_837, 7, 2**31 - 1, 42)

#: Seeds of the global generators that nobody would think of: one that a method sets itself would leave no trace.
_STATE, _OTHER_STATE = 902_364_117, 113_765_209

FIRST_CHECK = "fit_gives_labels"


class Failed(AssertionError):  # noqa: N818 - a verdict
    """A check failed.

    Parameters
    ----------
    seen : str
        What was seen.
    change : str
        What the author should change.
    """

    def __init__(self, seen: str, change: str) -> None:
        super().__init__(seen, change)
        self.seen, self.change = seen, change


class NotApplicable(Exception):  # noqa: N818 - a verdict
    """A check has no object in this method; the message says why."""


@dataclass(frozen=True)
class FirstFit:
    """What was seen of a fit.

    Attributes
    ----------
    estimator, returned : object
        What was fitted, and what ``fit`` returned.
    error : BaseException or None
        What it raised.
    given, left : ndarray
        The points before and after.
    touched : list of str
        Modules whose global generator it changed.
    """

    estimator: Any
    returned: Any
    error: BaseException | None
    given: np.ndarray
    left: np.ndarray
    touched: list[str]


class Subject:
    """A method with the parameters it is tried with.

    Parameters
    ----------
    info : MethodInfo
    preset : str
    params : mapping
        Beside the preset's.

    Raises
    ------
    InputError
        If it has no such preset or parameter, or cannot be made.
    """

    def __init__(self, info: MethodInfo, preset: str, params: Mapping[str, Any]) -> None:
        self.info, self.preset, self.params = info, preset, params
        self.failures: list[str] = []
        # What else the method declares has checks of its own, and shall not keep the others from being run.
        bare = replace(info, twin=None, pretraining=(), search_space={})
        self.configuration: Configuration = paired(bare, preset, params, self.dataset).configuration

    @cached_property
    def dataset(self) -> Dataset:
        """Overlapping blobs in [0, 1], as images, read-only as every data set."""
        points, classes = _blobs(N_POINTS + N_NEW)
        x = points[:N_POINTS]
        x.flags.writeable = False
        names = tuple("abcdefgh"[:N_CLUSTERS])
        return Dataset("checks", x, classes[:N_POINTS], N_CLUSTERS, IMAGE_SHAPE, names, _hash(x))

    @property
    def x(self) -> np.ndarray:
        """The points (n, d), a writable copy for each who asks."""
        return self.dataset.x.copy()

    @property
    def new(self) -> np.ndarray:
        """Points of the same blobs that nothing is fitted to, (m, d)."""
        return _blobs(N_POINTS + N_NEW)[0][N_POINTS:]

    @cached_property
    def parameters(self) -> list[str]:
        """Every parameter of the estimator."""
        return list(self.info.load()(**self.configuration.params).get_params(deep=False))

    @property
    def seeded(self) -> bool:
        """Whether the estimator takes a seed."""
        return "random_state" in self.parameters

    def make(self, seed: int = SEEDS[0], **changes: Any) -> Any:
        """Return a new estimator, with what the runner sets where it has that."""
        told = {"random_state": seed, "device": "cpu", "memory": None, **changes}
        estimator = self.info.load()(**self.configuration.params)
        return estimator.set_params(**{name: value for name, value in told.items() if name in self.parameters})

    def fit(self, x: np.ndarray | None = None, seed: int = SEEDS[0], **changes: Any) -> Any:
        """Return a new estimator, fitted."""
        estimator = self.make(seed, **changes)
        estimator.fit(self.x if x is None else x)
        return estimator

    def labels(self, estimator: Any, n: int = N_POINTS) -> np.ndarray:
        """Return the labels of a fitted estimator.

        Raises
        ------
        Failed
            If they are not what the contract asks for.
        """
        right = "set labels_ in fit: one integer a point, from 0, and -1 for noise"
        if not hasattr(estimator, "labels_"):
            raise Failed(f"after fit, {type(estimator).__name__} has no labels_", right)
        try:
            return checked_labels("labels_", estimator.labels_, n)
        except ValueError as error:
            raise Failed(str(error), right) from error

    @cached_property
    def first(self) -> FirstFit:
        """The first fit, whatever came of it."""
        estimator, given, left = self.make(), self.x, self.x
        generators.set_all(_STATE)
        before, returned, error = generators.states(), None, None
        try:
            returned = estimator.fit(left)
        except (Exception, SystemExit) as raised:  # a plugin may go wrong in any way
            error = raised
        return FirstFit(estimator, returned, error, given, left, generators.touched_since(before))

    @property
    def fitted(self) -> Any:
        """The estimator of the first fit.

        Raises
        ------
        NotApplicable
            If that gave no labels, which is what another check is for.
        """
        try:
            if self.first.error is None:
                self.labels(self.first.estimator)
                return self.first.estimator
        except Failed:
            pass
        raise NotApplicable(f"there is no fit to look at: see {FIRST_CHECK}")

    @cached_property
    def again(self) -> Any:
        """Another fit of the same seed, among other states of the global generators."""
        with generators.kept():
            generators.set_all(_OTHER_STATE)
            return self.fit()

    def repeated_labels(self) -> np.ndarray:
        """Return the labels of the first fit, to compare others with.

        Raises
        ------
        NotApplicable
            If not even the same fit gives them again, which is what another check is for.
        """
        labels = self.labels(self.fitted)
        if not np.array_equal(labels, self.labels(self.again)):
            raise NotApplicable("its labels do not repeat: see same_seed_same_labels")
        return labels

    def member(self, name: str) -> Any:
        """Return a member of the fitted estimator.

        Raises
        ------
        NotApplicable
            If it has none.
        """
        found = getattr(self.fitted, name, None)
        if found is None:
            raise NotApplicable(f"it has no {name}")
        return found


def paired(info: MethodInfo, preset: str, params: Mapping[str, Any], dataset: Dataset) -> Paired:
    """Return the configuration that a suite of this one method makes of it, and its twin.

    Raises
    ------
    InputError
        As `bench.plan.configurations.resolve_configurations`.
    """
    suite = Suite(
        name="checks", preset=preset, methods=[info.name], datasets=["checks"], seeds=[0], set={info.name: dict(params)}
    )
    (pair,) = resolve_configurations(suite, MethodSpec.parse(info.name), dataset, finder_of(info), fixed=True)
    return pair


def finder_of(info: MethodInfo) -> Any:
    """Return what finds methods by name, this one among them."""
    return lambda name: info if name == info.name else find_method(name)


def _blobs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points (n, d) of blobs that overlap, in [0, 1], and the blob of each."""
    rng = np.random.default_rng(0)
    centers = rng.uniform(0.3, 0.7, (N_CLUSTERS, int(np.prod(IMAGE_SHAPE))))
    classes = np.arange(n) % N_CLUSTERS
    points = np.clip(centers[classes] + rng.normal(0, 0.15, (n, centers.shape[1])), 0, 1)
    return points.astype(np.float32), classes


def _hash(x: np.ndarray) -> str:
    return hashlib.sha256(x.tobytes()).hexdigest()
