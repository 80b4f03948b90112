"""The examples of docstrings run as they stand."""

import doctest
import importlib
import pkgutil

import pytest

import bench
import methods

#: What users call, and the module that documents it.
FACE = ("run", "load", "Results", "load_dataset")


def estimators():
    for module in pkgutil.iter_modules(methods.__path__):
        info = getattr(importlib.import_module(f"methods.{module.name}"), "info", None)
        if info is not None:
            yield info.load()


def failures_of(thing, name, globs):
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    output = []
    tests = doctest.DocTestFinder(exclude_empty=True, recurse=True).find(thing, name, globs=globs)
    for test in sorted(tests, key=lambda test: len(test.name)):  # a class before its methods
        test.globs = globs  # the examples of a class's methods go on with what its own made
        runner.run(test, out=output.append, clear_globs=False)
    return "".join(output), runner.tries


@pytest.fixture
def globs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPCLUSTBENCH_CACHE", str(tmp_path / "pretrained"))
    return {"bench": bench, "folder": tmp_path / "folder"}


@pytest.mark.parametrize("name", FACE)
@pytest.mark.figures
def test_the_examples_of_what_users_call_hold(name, globs):
    globs["folder"].mkdir()
    output, tries = failures_of(getattr(bench, name), name, globs)
    assert not output
    assert tries


def test_every_method_of_results_has_an_example():
    public = [name for name in vars(bench.Results) if not name.startswith("_")]
    assert [name for name in public if ">>>" not in (getattr(bench.Results, name).__doc__ or "")] == []


@pytest.mark.parametrize("estimator", [*estimators()], ids=lambda estimator: estimator.__name__)
def test_the_examples_of_methods_hold(estimator, globs):
    output, tries = failures_of(estimator, estimator.__name__, globs)
    assert not output
    assert tries


@pytest.mark.parametrize("module", [bench, methods], ids=lambda module: module.__name__)
def test_the_examples_of_the_packages_hold(module, globs):
    output, tries = failures_of(module, module.__name__, globs)
    assert not output
    assert tries
