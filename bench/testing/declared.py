"""What a method declares: its parameters, presets, search space, pretraining and twin."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone

from bench.canonical import canonical
from bench.errors import InputError, MethodError
from bench.plan.search import draws
from bench.testing.draws import vary
from bench.testing.subject import N_CLUSTERS, SEEDS, Failed, NotApplicable, Subject, finder_of, paired
from bench.text import one_line


def parameters_are_stored(subject: Subject) -> None:
    """The constructor stores its parameters and does nothing else, so that clone and set_params can remake it."""
    made = subject.info.load()(**subject.configuration.params)
    held = made.get_params(deep=False)
    for name, value in subject.configuration.params.items():
        if held[name] is not value and not _same(held[name], value):
            raise Failed(
                f"{name}={value!r} is stored as {held[name]!r}", f"write self.{name} = {name}; convert it in fit"
            )
    more = sorted(vars(made).keys() - held.keys())
    if more:
        raise Failed(
            f"the constructor also sets {', '.join(more)}", "set that in fit: set_params would leave it as it was"
        )
    try:
        clone(made)
    except RuntimeError as error:  # scikit-learn's word for a parameter that is no longer the object that was given
        raise Failed(one_line(error), "store each parameter as it is given, and convert it in fit") from error
    for name, value in (("n_clusters", N_CLUSTERS + 1), ("random_state", SEEDS[1])):
        if name in held and made.set_params(**{name: value}).get_params(deep=False)[name] != value:
            raise Failed(
                f"set_params({name}={value}) leaves {getattr(made, name, None)!r}",
                "take get_params and set_params from sklearn.base.BaseEstimator",
            )


def fit_keeps_parameters(subject: Subject) -> None:
    """Fitting leaves the parameters as they were given."""
    fitted, fresh = (e.get_params(deep=False) for e in (subject.fitted, subject.make()))
    changed = [name for name, value in fresh.items() if not _same(value, fitted[name])]
    if changed:
        raise Failed(
            f"fit changed {', '.join(f'{p}={fresh[p]!r} to {fitted[p]!r}' for p in changed)}",
            "keep what fit makes of a parameter under another name, with a _ at its end",
        )


def presets_make_estimators(subject: Subject) -> None:
    """Every preset can be made, on the data sets it is meant for too."""
    if not subject.info.presets:
        raise NotApplicable("it has no presets; its defaults are all there is")
    for name in subject.info.presets:
        preset, _, dataset = name.partition("@")
        if preset not in subject.info.presets:
            raise Failed(f"preset {name!r} changes {preset!r}, which there is not", f"add {preset!r}, or take this out")
        try:
            bare = replace(subject.info, twin=None, pretraining=())
            paired(bare, preset, {}, replace(subject.dataset, name=dataset or subject.dataset.name))
        except InputError as error:
            raise Failed(f"preset {name!r}: {error}", "mend the preset, or the constructor") from error


def search_space_makes_estimators(subject: Subject) -> None:
    """Every parameter of the search space exists, and values drawn for it can be set."""
    space = subject.info.search_space
    if not space:
        raise NotApplicable("it has no search space")
    bare = replace(subject.info, twin=None, pretraining=())
    try:
        for values in draws(space, 5):
            paired(bare, subject.preset, {**subject.params, **values}, subject.dataset)
    except InputError as error:
        raise Failed(
            f"search_space: {error}", "name parameters of the constructor, each with values it takes"
        ) from error


def pretraining_is_shared(subject: Subject) -> None:
    """What pretraining names are parameters, and a network found in memory gives the labels that training it gave."""
    unknown = [name for name in subject.info.pretraining if name not in subject.parameters]
    if unknown:
        raise Failed(
            f"pretraining names {', '.join(unknown)}", f"name some of its parameters: {', '.join(subject.parameters)}"
        )
    if "memory" not in subject.parameters:
        if not subject.info.pretraining:
            raise NotApplicable("it shares no pretrained network")
        raise Failed(
            "it names what determines its pretrained network, and has no parameter memory",
            "add memory=None: the runner sets it to the folder in which networks are kept",
        )
    expected = subject.repeated_labels()
    with tempfile.TemporaryDirectory() as folder:
        for what in ("keeping", "finding"):
            labels = subject.labels(subject.fit(memory=folder))
            if not np.array_equal(labels, expected):
                raise Failed(
                    f"{what} its network in memory changes {np.sum(labels != expected)} of {len(labels)} labels",
                    "let what is kept hold all that training gave, and name all that determines it",
                )


def twin_has_no_noise(subject: Subject) -> None:
    """The twin can be made, and is deterministic: another method, or this one with its noise switched off."""
    info = replace(subject.info, pretraining=())
    if info.twin is None:
        raise NotApplicable(f"it is {info.kind} and names no twin")
    mend = "let twin return the name of a deterministic method and its parameters"
    try:
        twin = paired(info, subject.preset, subject.params, subject.dataset).twin
    except MethodError as error:
        raise Failed(str(error), mend) from error
    if twin is None:
        if vary(subject.fitted, subject.x):
            raise Failed("its twin is itself, with the same parameters, and its draws vary", mend)
        raise NotApplicable("its noise is switched off: it is its own twin")
    left = finder_of(info)(twin.method)
    if left.kind == "deterministic":
        return
    told: dict[str, Any] = {p: value for p, value in twin.params.items() if p != "n_clusters"}
    if paired(left, subject.preset, told, subject.dataset).configuration.kind != "deterministic":
        raise Failed(f"its twin, {left.name}, is stochastic", mend)
    subject.fitted  # noqa: B018 - what cannot be fitted with noise is not tried without
    silent = Subject(replace(left, presets={}), subject.preset, told)
    if vary(silent.fit(), silent.x):
        raise Failed(f"its twin, {left.name} without noise, has draws that vary", mend)


def _same(a: Any, b: Any) -> bool:
    """Tell whether two values of a parameter are written down alike."""
    try:
        return canonical({"value": a}) == canonical({"value": b})
    except MethodError:  # one of them has no text of its own, such as a generator
        return a is b


CHECKS = (
    parameters_are_stored,
    fit_keeps_parameters,
    presets_make_estimators,
    search_space_makes_estimators,
    pretraining_is_shared,
    twin_has_no_noise,
)
