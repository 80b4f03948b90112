"""Modules beside plugins' files: each plugin has its own, and nobody else has any."""

import importlib
import sys

import pytest

from bench.errors import MethodError
from bench.plan import plugin_imports as beside_module
from bench.plan.method_spec import MethodSpec
from bench.plan.plugin_imports import imported_beside
from bench.plan.registry import find_method, method_finder

PLUGIN = """
from sklearn.base import BaseEstimator, ClusterMixin
{imports}

class Mine(ClusterMixin, BaseEstimator):
    def __init__(self, width=None):
        {lazily}
        self.width = width

    def fit(self, X, y=None):
        return self
"""


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """Forget afterwards what was found beside plugins."""
    monkeypatch.setattr(beside_module, "_TAKEN", {})
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("own_", "deepclustbench_plugin")):
            del sys.modules[name]


def plugin(folder, imports="", lazily="pass", **files):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine.py").write_text(PLUGIN.format(imports=imports, lazily=lazily))
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return f"{folder}/mine.py:Mine"


def test_what_lies_beside_a_plugin_is_found_by_it_alone_also_when_it_is_made(tmp_path):
    spec = plugin(
        tmp_path, lazily="import own_width; width = own_width.W", own_width="from own_deep import W", own_deep="W = 3"
    )
    made = find_method(spec).load()()
    assert made.width == 3
    (tmp_path / "own_other.py").write_text("")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("own_other")


def test_files_named_as_installed_modules_hide_them_from_nobody(tmp_path):
    shadows = dict.fromkeys(("random", "torch", "numpy"), "raise RuntimeError")
    assert find_method(plugin(tmp_path, "import random, numpy", **shadows)).load()
    assert imported_beside(tmp_path / "mine.py") == {}


@pytest.mark.parametrize("lazily", [False, True])
def test_two_plugins_with_different_helpers_of_one_name_are_never_mixed(tmp_path, lazily):
    how = {"lazily": "import own_utils"} if lazily else {"imports": "import own_utils"}
    a = plugin(tmp_path / "a", **how, own_utils="W = 1")
    b = plugin(tmp_path / "b", **how, own_utils="W = 2")
    assert find_method(a)
    with pytest.raises(MethodError, match=r"b/mine.py: it imports own_utils from .*b/own_utils.py, and .*a/mine.py"):
        find_method(b)
    assert method_finder([MethodSpec.parse(a), MethodSpec.parse(b)])(a)


def test_copies_of_one_helper_are_no_fault_nor_are_files_that_nobody_imports(tmp_path):
    for folder in ("a", "b"):
        assert find_method(plugin(tmp_path / folder, "import own_utils", own_utils="W = 1", own_unused=folder))


def test_a_module_of_the_working_directory_is_named_by_its_path(tmp_path, monkeypatch):
    plugin(tmp_path, "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", str(tmp_path))])
    with pytest.raises(MethodError, match=r"no installed module is named mine; name the file .* \./mine.py:Mine"):
        find_method("mine:Mine")
    assert find_method("./mine.py:Mine")
