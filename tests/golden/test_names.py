"""What other code may import, announce or read keeps its names, parameters and defaults."""

import dataclasses
import importlib
import inspect
import json
import tomllib
import zipfile
from pathlib import Path

import pytest

import bench.method
import bench.testing
from bench.method import MethodInfo
from tests.golden.conftest import STORED, plain

ROOT = Path(__file__).resolve().parents[2]
METHODS = ("kmeans", "ae_kmeans", "ae_gmm", "vae_kmeans", "dec", "sdec", "vade")


def signature_of(thing) -> str:
    """Return how something is called, one parameter a line and without types."""
    parameters = [p.replace(annotation=p.empty) for p in inspect.signature(thing).parameters.values()]
    return "\n".join(f"    {parameter}" for parameter in parameters)


def public(module) -> list[str]:
    """Return the names that a module defines, or says it has."""
    own = [name for name, thing in vars(module).items() if getattr(thing, "__module__", None) == module.__name__]
    return sorted(name for name in getattr(module, "__all__", own) if not name.startswith("_"))


@pytest.mark.parametrize("module", [bench.method, bench.testing], ids=lambda module: module.__name__)
def test_the_modules_of_authors_offer_the_names_that_they_offered(module, stored_text):
    named = [getattr(module, name) for name in public(module)]
    lines = [f"{thing.__name__}\n{signature_of(thing)}" for thing in named]
    stored_text(plain("\n".join(lines)), f"names/{module.__name__}.txt")


def test_a_method_declares_the_fields_that_it_declared(stored_text):
    lines = [f"{field.name} {_default(field)}" for field in dataclasses.fields(MethodInfo)]
    stored_text(plain("\n".join(lines)), "names/MethodInfo.txt")


def _default(field) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return repr(field.default_factory())
    return "is required" if field.default is dataclasses.MISSING else repr(field.default)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_the_parameters_presets_and_search_space_that_it_had(name, stored_text):
    module = importlib.import_module(f"methods.{name}")
    info = module.info
    estimator = info.load()
    lines = [
        f"{estimator.__module__}:{estimator.__qualname__}",
        signature_of(estimator),
        *(f"{field}: {_shown(getattr(info, field))}" for field in ("name", "title", "kind", "version", "seed_free")),
        f"pretraining: {', '.join(info.pretraining)}",
        f"resources: {_shown(dict(info.resources))}",
        *(f"preset {preset}: {_shown(dict(values))}" for preset, values in info.presets.items()),
        *(f"search {parameter}: {_space(values)}" for parameter, values in info.search_space.items()),
        f"twin: {_twin(info, estimator)}",
    ]
    stored_text(plain("\n".join(lines)), f"names/methods.{name}.txt")


def _shown(value) -> str:
    return json.dumps(value)


def _space(values) -> str:
    return _shown(list(values)) if isinstance(values, tuple | list) else f"quartiles {values.ppf([0.25, 0.5, 0.75])}"


def _twin(info, estimator) -> str:
    return _shown(info.twin(estimator().get_params())) if info.twin else "none"


def test_the_methods_of_the_list_are_those_of_the_repository():
    files = {path.stem for path in (ROOT / "methods").glob("*.py")}
    announced = {name for name in files if hasattr(importlib.import_module(f"methods.{name}"), "info")}
    assert announced == set(METHODS)


def test_the_package_installs_the_commands_and_plugins_that_it_installed(stored_json):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    content = {key: project[key] for key in ("name", "scripts", "entry-points")}
    content["extras"] = sorted(project["optional-dependencies"])
    stored_json(content, "project.json", rtol=0, atol=0)


def test_a_record_has_the_fields_that_it_had(stored_text):
    """Of the stored run; ``test_fresh`` compares those of new records, in order."""
    with zipfile.ZipFile(STORED) as stored:
        name = next(name for name in stored.namelist() if name.startswith("records/"))
        record = json.loads(stored.read(name))
    stored_text("\n".join(record) + "\n", "names/record.txt")
