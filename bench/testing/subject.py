"""The method under test, its test data, the fits that the checks share, and the global random generators."""

from __future__ import annotations

import contextlib
import hashlib
import pickle
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from bench.data.dataset import Dataset
from bench.execution.outputs import checked_labels
from bench.method import MethodInfo
from bench.plan.cells import Configuration
from bench.plan.configurations import Paired, resolve_configurations
from bench.plan.method_spec import MethodSpec
from bench.plan.registry import find_method
from bench.plan.suite import Suite

N_POINTS, N_CLUSTERS = 120, 4
_N_NEW, _IMAGE_SHAPE = 30, (4, 4)
#: Seeds of 31 bits, as the runner's.
TEST_SEEDS = (1_811_306_837, 7, 2**31 - 1, 42)

#: Seeds of the global generators. They are unusual values, so that a method that seeds them itself changes their state.
_GLOBAL_SEED, _OTHER_GLOBAL_SEED = 902_364_117, 113_765_209


class CheckFailed(AssertionError):  # noqa: N818 - a verdict
    """A check fails.

    Parameters
    ----------
    seen : str
        The observation that contradicts the claim.
    change : str
        What the author of the method should change.
    """

    def __init__(self, seen: str, change: str) -> None:
        super().__init__(seen, change)
        self.seen, self.change = seen, change


class NotApplicable(Exception):  # noqa: N818 - a verdict
    """A check does not apply to the method; the message says why."""


@dataclass(frozen=True)
class FirstFit:
    """Outcome of the first fit.

    Attributes
    ----------
    estimator, returned : object
        The estimator, and the value that ``fit`` returned.
    error : BaseException or None
        The exception that ``fit`` raised.
    x_before, x_after : ndarray
        The points before and after the fit.
    changed_generators : list of str
        Modules whose global generator the fit changed.
    """

    estimator: Any
    returned: Any
    error: BaseException | None
    x_before: np.ndarray
    x_after: np.ndarray
    changed_generators: list[str]


class Subject:
    """A method under test with its parameters.

    Parameters
    ----------
    info : MethodInfo
    preset : str
    params : mapping
        Parameters that override those of the preset.

    Raises
    ------
    InputError
        If the preset or a parameter does not exist, or the constructor fails.
    """

    def __init__(self, info: MethodInfo, preset: str, params: Mapping[str, Any]) -> None:
        self.info, self.preset, self.params = info, preset, params
        self.failures: list[str] = []
        # The rest of the declaration has its own checks; a fault there must not prevent the other checks.
        bare = replace(info, twin=None, ablations={}, pretraining=(), search_space={})
        self.configuration: Configuration = paired_configuration(bare, preset, params, self.dataset).configuration

    @cached_property
    def dataset(self) -> Dataset:
        """Overlapping blobs in [0, 1] as 4 by 4 images; read-only, as every data set."""
        points, classes = _blobs(N_POINTS + _N_NEW)
        x = points[:N_POINTS]
        x.flags.writeable = False
        names = tuple("abcdefgh"[:N_CLUSTERS])
        return Dataset("checks", x, classes[:N_POINTS], N_CLUSTERS, _IMAGE_SHAPE, names, _hash(x))

    @property
    def x(self) -> np.ndarray:
        """A writable copy of the points, (n, d)."""
        return self.dataset.x.copy()

    @property
    def new_points(self) -> np.ndarray:
        """Points of the same blobs that are not part of the fit, (m, d)."""
        return _blobs(N_POINTS + _N_NEW)[0][N_POINTS:]

    @cached_property
    def parameters(self) -> list[str]:
        """Names of the estimator's parameters."""
        return list(self.info.load()(**self.configuration.params).get_params(deep=False))

    @property
    def seeded(self) -> bool:
        """Whether the estimator has a ``random_state``."""
        return "random_state" in self.parameters

    def make(self, seed: int = TEST_SEEDS[0], **changes: Any) -> Any:
        """Return a new estimator with the parameters that the runner sets, where it has them."""
        params = {"random_state": seed, "device": "cpu", "memory": None, **changes}
        estimator = self.info.load()(**self.configuration.params)
        return estimator.set_params(**{name: value for name, value in params.items() if name in self.parameters})

    def fit(self, x: np.ndarray | None = None, seed: int = TEST_SEEDS[0], **changes: Any) -> Any:
        """Return a new fitted estimator."""
        estimator = self.make(seed, **changes)
        estimator.fit(self.x if x is None else x)
        return estimator

    def labels(self, estimator: Any, n: int = N_POINTS) -> np.ndarray:
        """Return the labels of a fitted estimator.

        Raises
        ------
        CheckFailed
            If they violate the contract.
        """
        change = "set labels_ in fit: one integer per point, from 0, and -1 for noise"
        if not hasattr(estimator, "labels_"):
            raise CheckFailed(f"after fit, {type(estimator).__name__} has no labels_", change)
        try:
            return checked_labels("labels_", estimator.labels_, n)
        except ValueError as error:
            raise CheckFailed(str(error), change) from error

    @cached_property
    def first_fit(self) -> FirstFit:
        """The first fit, also where it raises."""
        estimator, x_before, x_after = self.make(), self.x, self.x
        seed_generators(_GLOBAL_SEED)
        before, returned, error = generator_states(), None, None
        try:
            returned = estimator.fit(x_after)
        except (Exception, SystemExit) as raised:  # a plugin may raise anything
            error = raised
        return FirstFit(estimator, returned, error, x_before, x_after, changed_generators(before))

    @property
    def fitted(self) -> Any:
        """The estimator of the first fit.

        Raises
        ------
        NotApplicable
            If the fit gave no valid labels; another check reports that.
        """
        try:
            if self.first_fit.error is None:
                self.labels(self.first_fit.estimator)
                return self.first_fit.estimator
        except CheckFailed:
            pass
        raise NotApplicable("the method could not be fitted: see fit_gives_labels")

    @cached_property
    def repeated_fit(self) -> Any:
        """A second fit with the same seed and other states of the global generators."""
        with generators_restored():
            seed_generators(_OTHER_GLOBAL_SEED)
            return self.fit()

    def repeated_labels(self) -> np.ndarray:
        """Return the labels of the first fit, for comparisons with other fits.

        Raises
        ------
        NotApplicable
            If a second fit with the same seed gives other labels; another check reports that.
        """
        labels = self.labels(self.fitted)
        if not np.array_equal(labels, self.labels(self.repeated_fit)):
            raise NotApplicable("its labels do not repeat: see same_seed_same_labels")
        return labels

    def member(self, name: str) -> Any:
        """Return a member of the fitted estimator.

        Raises
        ------
        NotApplicable
            If the estimator does not have it.
        """
        member = getattr(self.fitted, name, None)
        if member is None:
            raise NotApplicable(f"it has no {name}")
        return member


def paired_configuration(info: MethodInfo, preset: str, params: Mapping[str, Any], dataset: Dataset) -> Paired:
    """Return the configuration of a method in a suite with this method only, and its twin.

    Raises
    ------
    InputError
        As `bench.plan.configurations.resolve_configurations`.
    """
    suite = Suite(
        name="checks", preset=preset, methods=[info.name], datasets=["checks"], seeds=[0], set={info.name: dict(params)}
    )
    (pair,) = resolve_configurations(suite, MethodSpec.parse(info.name), dataset, finder_with(info), fixed=True)
    return pair


def finder_with(info: MethodInfo) -> Any:
    """Return a function that finds methods by name, including this one."""
    return lambda name: info if name == info.name else find_method(name)


def _blobs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points (n, d) of overlapping blobs in [0, 1], and the blob of each point, (n,)."""
    rng = np.random.default_rng(0)
    centers = rng.uniform(0.3, 0.7, (N_CLUSTERS, int(np.prod(_IMAGE_SHAPE))))
    classes = np.arange(n) % N_CLUSTERS
    points = np.clip(centers[classes] + rng.normal(0, 0.15, (n, centers.shape[1])), 0, 1)
    return points.astype(np.float32), classes


def _hash(x: np.ndarray) -> str:
    return hashlib.sha256(x.tobytes()).hexdigest()


# -- the global random generators ------------------------------------------------------------------


def generator_states() -> dict[str, bytes]:
    """Return the state of each global random generator by the name of its module."""
    states = {"random": random.getstate(), "numpy": np.random.get_state(), "torch": torch.get_rng_state().numpy()}  # noqa: NPY002
    return {name: pickle.dumps(state) for name, state in states.items()}


def changed_generators(before: dict[str, bytes]) -> list[str]:
    """Return the modules whose global generator has changed since the states ``before``."""
    return [name for name, state in generator_states().items() if state != before[name]]


@contextlib.contextmanager
def generators_restored() -> Iterator[None]:
    """Restore the states of the global generators when the block ends."""
    python, numpy, torch_state = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_rng_state(torch_state)


def seed_generators(seed: int) -> None:
    """Seed every global generator."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)
