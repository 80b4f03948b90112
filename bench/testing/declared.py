"""Checks of a method's declaration: parameters, presets, search space, pretraining and counterpart."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone

from bench.canonical import canonical
from bench.errors import InputError, MethodError
from bench.method import MethodInfo
from bench.plan.cells import LINKED_ABLATIONS
from bench.plan.search import draws
from bench.testing.members import draws_vary
from bench.testing.subject import (
    N_CLUSTERS,
    TEST_SEEDS,
    CheckFailed,
    NotApplicable,
    Subject,
    finder_with,
    paired_configuration,
)
from bench.text import and_list, one_line


def parameters_are_stored(subject: Subject) -> None:
    """The constructor stores its parameters and does nothing else, so that clone and set_params can remake it."""
    estimator = subject.info.load()(**subject.configuration.params)
    stored = estimator.get_params(deep=False)
    for name, value in subject.configuration.params.items():
        if stored[name] is not value and not _are_equal(stored[name], value):
            raise CheckFailed(
                f"{name}={value!r} is stored as {stored[name]!r}", f"write self.{name} = {name}; convert it in fit"
            )
    other_attributes = sorted(vars(estimator).keys() - stored.keys())
    if other_attributes:
        raise CheckFailed(
            f"the constructor also sets {', '.join(other_attributes)}",
            "set that in fit: set_params would leave it as it was",
        )
    try:
        clone(estimator)
    except RuntimeError as error:  # the constructor stores another object than it was given
        raise CheckFailed(one_line(error), "store each parameter as it is given, and convert it in fit") from error
    for name, value in (("n_clusters", N_CLUSTERS + 1), ("random_state", TEST_SEEDS[1])):
        if name in stored and estimator.set_params(**{name: value}).get_params(deep=False)[name] != value:
            raise CheckFailed(
                f"set_params({name}={value}) leaves {getattr(estimator, name, None)!r}",
                "take get_params and set_params from sklearn.base.BaseEstimator",
            )


def fit_keeps_parameters(subject: Subject) -> None:
    """Fitting leaves the parameters as they were given."""
    fitted, fresh = (e.get_params(deep=False) for e in (subject.fitted, subject.make()))
    changed = [name for name, value in fresh.items() if not _are_equal(value, fitted[name])]
    if changed:
        raise CheckFailed(
            f"fit changed {', '.join(f'{p}={fresh[p]!r} to {fitted[p]!r}' for p in changed)}",
            "store what fit computes from a parameter under another name that ends with _",
        )


def presets_make_estimators(subject: Subject) -> None:
    """Every preset can be made, on the data sets it is meant for too."""
    if not subject.info.presets:
        raise NotApplicable("it has no presets, only defaults")
    for name in subject.info.presets:
        preset, _, dataset = name.partition("@")
        if preset not in subject.info.presets:
            raise CheckFailed(
                f"preset {name!r} changes {preset!r}, which does not exist", f"add {preset!r}, or remove this one"
            )
        try:
            bare = replace(subject.info, twin=None, ablations={}, pretraining=())
            paired_configuration(bare, preset, {}, replace(subject.dataset, name=dataset or subject.dataset.name))
        except InputError as error:
            raise CheckFailed(f"preset {name!r}: {error}", "correct the preset or the constructor") from error


def search_space_makes_estimators(subject: Subject) -> None:
    """Every parameter of the search space exists, and values drawn for it can be set."""
    space = subject.info.search_space
    if not space:
        raise NotApplicable("it has no search space")
    bare = replace(subject.info, twin=None, ablations={}, pretraining=())
    try:
        for values in draws(space, 5):
            paired_configuration(bare, subject.preset, {**subject.params, **values}, subject.dataset)
    except InputError as error:
        raise CheckFailed(
            f"search_space: {error}", "name parameters of the constructor, each with values it takes"
        ) from error


def pretraining_is_shared(subject: Subject) -> None:
    """pretraining lists parameters, and a network loaded from memory gives the labels that training it gave."""
    unknown = [name for name in subject.info.pretraining if name not in subject.parameters]
    if unknown:
        raise CheckFailed(
            f"pretraining names {', '.join(unknown)}", f"choose from its parameters: {', '.join(subject.parameters)}"
        )
    if "memory" not in subject.parameters:
        if not subject.info.pretraining:
            raise NotApplicable("it shares no pretrained network")
        raise CheckFailed(
            "it declares pretraining, and has no parameter memory",
            "add memory=None: the runner sets it to the folder in which networks are kept",
        )
    expected = subject.repeated_labels()
    with tempfile.TemporaryDirectory() as folder:
        for action in ("keeping", "finding"):
            labels = subject.labels(subject.fit(memory=folder))
            if not np.array_equal(labels, expected):
                raise CheckFailed(
                    f"{action} its network in memory changes {np.sum(labels != expected)} of {len(labels)} labels",
                    "store the whole trained network in memory, and list all its parameters in pretraining",
                )


def twin_has_no_noise(subject: Subject) -> None:
    """The counterpart can be made and is deterministic: another method, or this one without noise."""
    info = replace(subject.info, pretraining=())
    if info.twin is None:
        raise NotApplicable(f"it is {info.kind} and declares no counterpart")
    mend = "let twin return the name of a deterministic method and its parameters"
    try:
        twin = paired_configuration(info, subject.preset, subject.params, subject.dataset).twin
    except MethodError as error:
        raise CheckFailed(str(error), mend) from error
    if twin is None:
        if draws_vary(subject.fitted, subject.x):
            raise CheckFailed("its counterpart is itself with the same parameters, and its draws vary", mend)
        raise NotApplicable("its noise is switched off: it is its own counterpart")
    counterpart = finder_with(info)(twin.method)
    if counterpart.kind == "deterministic":
        return
    params: dict[str, Any] = {p: value for p, value in twin.params.items() if p != "n_clusters"}
    if paired_configuration(counterpart, subject.preset, params, subject.dataset).configuration.kind != "deterministic":
        raise CheckFailed(f"its counterpart, {counterpart.name}, is stochastic", mend)
    subject.fitted  # noqa: B018 - not applicable where the fit with noise fails
    without_noise = Subject(replace(counterpart, presets={}), subject.preset, params)
    if draws_vary(without_noise.fit(), without_noise.x):
        raise CheckFailed(f"its counterpart, {counterpart.name} without noise, has draws that vary", mend)


def ablations_are_fair(subject: Subject) -> None:
    """Without noise and without prior the method equals its counterpart, so that each ablation changes one thing."""
    info = replace(subject.info, pretraining=())
    if info.twin is None or not LINKED_ABLATIONS.keys() <= info.ablations.keys():
        raise NotApplicable(f"it is {info.kind} and declares no ablations {and_list([*LINKED_ABLATIONS])}")
    mend = "give both the same start, order of batches, likelihood and number of steps"
    try:
        twin_has_no_noise(subject)
    except CheckFailed:
        raise NotApplicable("its counterpart is not right: see twin_has_no_noise") from None
    try:
        pair = paired_configuration(info, subject.preset, subject.params, subject.dataset)
    except MethodError as error:
        raise CheckFailed(str(error), "let each ablation return a name and parameters of that method") from error
    if pair.twin is None or not pair.ablations:
        raise NotApplicable("its noise or its prior is switched off")
    params: Mapping[str, Any] = pair.configuration.params
    for name in LINKED_ABLATIONS:
        method, params = info.ablations[name](params)
        if method != info.name:
            raise NotApplicable(f"its ablation {name!r} is another method, {method}")
    subject.repeated_labels()
    neither = _fit_as(info, subject, params)
    counterpart = _fit_as(finder_with(info)(pair.twin.method), subject, pair.twin.params)
    differing = int(np.sum(subject.labels(neither) != subject.labels(counterpart)))
    if differing:
        n = len(subject.x)
        raise CheckFailed(f"with neither noise nor prior {differing} of {n} labels are not its counterpart's", mend)
    steps = [getattr(one, "n_iter_", None) for one in (neither, counterpart)]
    if None not in steps and steps[0] != steps[1]:
        raise CheckFailed(f"its counterpart takes {steps[1]} steps, the method {steps[0]}", mend)


def _fit_as(info: MethodInfo, subject: Subject, params: Mapping[str, Any]) -> Any:
    own = {name: value for name, value in params.items() if name != "n_clusters"}
    return Subject(replace(info, presets={}), subject.preset, own).fit()


def _are_equal(a: Any, b: Any) -> bool:
    """Return whether two values of a parameter have the same canonical text."""
    try:
        return canonical({"value": a}) == canonical({"value": b})
    except MethodError:  # a value without canonical text, such as a random generator
        return a is b


CHECKS = (
    parameters_are_stored,
    fit_keeps_parameters,
    presets_make_estimators,
    search_space_makes_estimators,
    pretraining_is_shared,
    twin_has_no_noise,
    ablations_are_fair,
)
