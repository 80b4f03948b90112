"""What ``new-method`` writes is right under every name that it takes, and takes nothing's place."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from uv import find_uv_bin

from bench.errors import InputError
from bench.plan.registry import find_method, methods
from bench.scaffold import Names, names_of, start_file, start_package

ROOT = Path(__file__).resolve().parents[2]
KNOWN = {"kmeans", "dec"}
#: The last is the longest; the others are hard on the class, the title or the distribution.
NAMES = ["my_method", "k_means", "method_info", "none", "k2", "a", "a_" * 17 + "ab"]


def wheel(project: Path, folder: Path) -> zipfile.ZipFile:
    command = [find_uv_bin(), "build", "-q", "--wheel", "--offline", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*command, "--out-dir", folder, project], check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


@pytest.mark.parametrize(
    ("name", "why", "near"),
    [
        ("my-method", "lower-case letters and digits", "my_method"),
        ("MyMethod", "lower-case letters and digits", "my_method"),
        ("2nd", "from a letter on", "my_2nd"),
        ("my__method", "in words joined by _", "my_method"),
        ("../Ärger", "lower-case letters", "arger"),
        ("", "lower-case letters", "method"),
        ("x" * 37, "longer than 36", "x" * 30),
        ("class", "a word of Python", "my_class"),
        ("kmeans", "there is a method of that name", "my_kmeans"),
        ("numpy", "would hide the Python module", "my_numpy"),
        ("random", "would hide the Python module", "my_random"),
    ],
)
def test_a_name_that_cannot_be_taken_is_told_why_and_what_would_do(name, why, near):
    with pytest.raises(InputError, match=f"{why}.*; write {near}$"):
        names_of(name, KNOWN)


@given(st.one_of(st.text(max_size=60), st.from_regex(r"[A-Za-z_]\w{0,45}", fullmatch=True)))
def test_whatever_is_typed_the_name_or_the_hint_can_be_taken(typed):
    try:
        names = names_of(typed, KNOWN)
    except InputError as error:
        names = names_of(str(error).rsplit("; write ", 1)[1], KNOWN)
    assert names.name.isidentifier()
    assert names.class_name.isidentifier()


def test_each_name_goes_where_it_belongs():
    assert names_of("my_2_d_method", KNOWN) == Names("my_2_d_method", "My2DMethod", "My 2 d method", "my-2-d-method")


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_a_method_of_forty_lines_under_every_name(name, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))  # a plugin's folder joins it
    (path,) = start_file(names_of(name, KNOWN), tmp_path).written
    assert path == tmp_path / f"{name}.py"
    assert len(path.read_text().splitlines()) <= 40
    info = find_method(str(path))
    assert info.name == name
    x = np.random.default_rng(0).random((60, 12), dtype=np.float32)
    estimator = info.load()(n_clusters=3, random_state=0).fit(x)
    assert set(estimator.labels_) == {0, 1, 2}
    assert np.array_equal(estimator.predict(x), estimator.labels_)
    assert np.allclose(estimator.transform(x), estimator.embedding_)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [88, 120])
def test_what_is_written_is_clean_and_formatted(name, length, tmp_path):
    names = names_of(name, KNOWN)
    start_file(names, tmp_path)
    start_package(names, tmp_path)
    for command in (
        ["check", "--select", "E,F,W,I,B,D,UP,SIM,RUF", "--ignore", "D107,D203,D213"],
        ["format", "--check"],
    ):
        ruff = [
            sys.executable,
            "-m",
            "ruff",
            *command,
            "--isolated",
            "--no-cache",
            "--line-length",
            str(length),
            tmp_path,
        ]
        done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_the_package_is_a_wheel_that_announces_its_method(tmp_path):
    start_package(names_of("my_method", KNOWN), tmp_path)
    built = wheel(tmp_path / "my_method", tmp_path / "dist")
    assert Path(built.filename).name.startswith("my_method-0.1.0-")
    assert "my_method/__init__.py" in built.namelist()
    told = {Path(name).name: built.read(name).decode() for name in built.namelist() if ".dist-info/" in name}
    assert "[deepclustbench.methods]\nmy_method = my_method:info" in told["entry_points.txt"]
    assert "Name: my-method\n" in told["METADATA"]
    assert "Requires-Dist: deepclustbench\n" in told["METADATA"]


def test_an_installed_deepclustbench_has_the_templates(tmp_path):
    names = wheel(ROOT, tmp_path).namelist()
    ours = {f"bench/scaffold/templates/{path.name}" for path in (ROOT / "bench/scaffold/templates").glob("*.template")}
    assert len(ours) == 4
    assert ours <= set(names)


def test_no_file_is_written_over(tmp_path):
    names = names_of("my_method", KNOWN)
    (tmp_path / "my_method.py").write_text("mine")
    with pytest.raises(InputError, match=r"my_method\.py is there already and is left as it is"):
        start_file(names, tmp_path)
    assert (tmp_path / "my_method.py").read_text() == "mine"
    (tmp_path / "my_method").mkdir()
    with pytest.raises(InputError, match="my_method is there already"):
        start_package(names, tmp_path)
    assert not list((tmp_path / "my_method").iterdir())


@pytest.mark.parametrize("start", [start_file, start_package])
def test_a_folder_that_cannot_be_written_into_is_a_line(start, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="another --out") as error:
        start(names_of("my_method", KNOWN), tmp_path / "file" / "folder")
    assert "\n" not in str(error.value)


def test_the_command_says_what_to_type_next(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = cli("new-method", "my_method", "--out", "in here")
    assert code == 0
    assert "written: in here/my_method.py" in out
    assert "  cd 'in here'\n  deepclustbench run quick --methods kmeans,my_method.py\n" in out
    assert (tmp_path / "in here" / "my_method.py").is_file()
    code, out, _ = cli("new-method", "my_other", "--package")
    assert code == 0
    assert "  uv pip install -e './my_other[test]'\n" in out
    toml = tomllib.loads((tmp_path / "my_other" / "pyproject.toml").read_text())
    assert toml["project"]["name"] == "my-other"
    code, _, err = cli("new-method", next(iter(methods())))
    assert code == 2
    assert "there is a method of that name" in err
