"""Every snippet of every guide runs: Python as it stands, settings by what reads them."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement

import bench
from bench.data.card import read_card
from bench.metrics.registry import registered
from bench.plan.suite import load_suite
from bench.report.section import content_of
from tests.guides.reading import ROOT, blocks, calls
from tests.report.made_runs import board_of, runs_of

PYTHON = blocks("python")
#: Those that use `bench.run` and its like.
FACE = [block for block in PYTHON if re.search(r"^import bench$", block.text, re.M)]
#: What a snippet asks for, and what a test takes instead.
SMALLER = {"seeds=10": 'seeds=2, limit=150, settings={"dec.epochs": 2, "sdec.epochs": 2}'}

each_of_the_face = pytest.mark.parametrize("block", FACE, ids=str)


def only(blocks_found, file):
    (block,) = [block for block in blocks_found if block.file == file]
    return block


def run(block, **names):
    text = block.text
    for asked, taken in SMALLER.items():
        text = text.replace(asked, taken)
    namespace = {"__name__": Path(block.file).stem or "snippet", **names}
    exec(compile(text, str(block), "exec"), namespace)
    return namespace


def test_every_python_snippet_is_followed_by_a_test_of_this_file():
    files = {block.file for block in PYTHON if block.file}
    assert files == {
        "mixture.py",
        "lab_metrics.py",
        "lab_sections.py",
        "test_mine.py",
        "test_claim.py",
    }  # test_newcomer runs the first
    assert len(PYTHON) == len(FACE) + len(files)
    assert len(FACE) >= 4


@each_of_the_face
def test_the_names_that_a_snippet_takes_are_there_and_take_its_arguments(block):
    tree = ast.parse(block.text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert all(hasattr(importlib.import_module(node.module), alias.name) for alias in node.names)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "bench":
            assert hasattr(bench, node.attr)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("bench."):
            function = getattr(bench, node.func.attr)
            inspect.signature(function).bind(*node.args, **{word.arg: word.value for word in node.keywords})


@pytest.mark.nightly
@each_of_the_face
def test_a_snippet_of_the_python_face_runs(block, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "bench.load(" in block.text:
        few = ["--seeds", "2", "--limit", "150", "--device", "cpu", "--out", "results/runs/quick"]
        assert cli("run", "--methods", "kmeans,ae_kmeans", *few)[0] == 0
    run(block)


def test_the_metric_of_the_guide_is_a_metric():
    metric = run(only(PYTHON, "lab_metrics.py"))["metric"]
    with registered(metric):
        labels, classes = np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1])
        assert metric.load()(labels=labels, classes=classes) == 0.75


def test_the_section_of_the_guide_is_written():
    section = run(only(PYTHON, "lab_sections.py"))["section"]
    runs = board_of(runs_of("A", 2, acc=[0.2, 0.6]), runs_of("B", 2, acc=[0.5, 0.6]))
    (part,) = content_of(section, runs, []).parts
    assert part.sentences[0].text == "A varies most over seeds: by .400."
    assert [[value.text for value in row] for row in part.tables[0].rows] == [["B", ".100"], ["A", ".400"]]


def test_the_example_of_a_test_passes(cli, tmp_path):
    namespace = run(only(PYTHON, "test_claim.py"))
    (test,) = [value for name, value in namespace.items() if name.startswith("test_")]
    test(cli=cli, tmp_path=tmp_path)


@pytest.mark.nightly
def test_the_tests_of_ones_own_method_write_a_baseline_and_pass_by_it(cli, tmp_path):
    (block,) = [b for b in blocks("sh") if b.text.startswith("pytest --deepclustbench")]
    commands = calls(block.text, tmp_path / "shell")
    project = tmp_path / "project"
    project.mkdir()
    assert cli("new-method", "mine", "--out", project)[0] == 0
    (project / "test_mine.py").write_text(only(PYTHON, "test_mine.py").text)
    for _, *options in commands:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    assert (project / "mine.json").is_file()


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_toml_is_what_its_reader_wants(block, tmp_path):
    path = tmp_path / block.file
    path.write_text(block.text)
    content = tomllib.loads(block.text)
    if "loader" in content:
        assert read_card(path).parameters["path"].endswith(content["parameters"]["path"])
    elif "methods" in content:
        assert load_suite(str(path)).name == content["name"]
    else:
        assert block.file == "pyproject.toml"
        source = "".join(file.read_text() for file in (ROOT / "bench").rglob("*.py"))
        assert all(f'"{group}"' in source for group in content.get("project", {}).get("entry-points", {}))
        extras = content.get("project", {}).get("optional-dependencies", {})
        assert {Requirement(line).name for lines in extras.values() for line in lines} <= {"pytest", "deepclustbench"}


def test_the_suite_of_the_guide_is_read_from_its_file(tmp_path):
    block = only(blocks("toml"), "mine.toml")
    (tmp_path / "mine.toml").write_text(block.text)
    suite = load_suite(str(tmp_path / "mine.toml"))
    assert suite.grid["sdec"]["beta"] == [0.001, 0.01, 0.1]
    assert suite.outliers["digits"] == ["blobs64", "noise"]


def workflow():
    (block,) = blocks("yaml")
    return yaml.safe_load(block.text)["jobs"]["gate"]["steps"]


def test_the_workflow_installs_the_suite_runs_the_gate_and_keeps_what_it_says():
    install, ran, checked = [step["run"] for step in workflow() if "run" in step]
    assert " install " in install
    assert " run quick" in ran
    assert " check run" in checked
    kept = next(step for step in workflow() if "upload-artifact" in step.get("uses", ""))
    assert kept["if"] == "always()"
    for file in kept["with"]["path"].split("\n"):
        assert Path(file).name in checked or file == "run/report.html"


def test_the_baseline_of_the_workflow_is_made_by_the_same_methods_on_the_same_device():
    (ran,) = [step["run"] for step in workflow() if " run quick" in step.get("run", "")]
    made = next(b.text for b in blocks("sh") if "--update --metrics" in b.text)
    same = re.search(r"run quick (.*) --out", ran)[1]
    assert f"deepclustbench run quick {same} --out" in made


def test_a_package_that_depends_on_the_address_can_be_built(tmp_path):
    """Hatchling refuses the address without the setting that the guide gives."""
    from hatchling.metadata.core import ProjectMetadata
    from hatchling.plugin.manager import PluginManager

    block = next(b for b in blocks("toml") if "optional-dependencies" in b.text)
    content = tomllib.loads(block.text)
    content["project"] |= {"name": "mine", "version": "1"}
    metadata = ProjectMetadata(str(tmp_path), PluginManager(), content)
    assert "deepclustbench" in " ".join(metadata.core.optional_dependencies["test"])
    del content["tool"]
    with pytest.raises(ValueError, match="allow-direct-references"):
        _ = ProjectMetadata(str(tmp_path), PluginManager(), content).core.optional_dependencies
