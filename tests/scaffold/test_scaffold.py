"""The files that ``new-method`` writes work under every valid name, and overwrite nothing."""

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
from bench.scaffold import MethodNames, names_of, requirement, write_method_file, write_method_package

ROOT = Path(__file__).resolve().parents[2]
KNOWN = {"kmeans", "dec"}
#: The last is the longest valid name; the others give unusual class names, titles or distributions.
NAMES = ["my_method", "k_means", "method_info", "none", "k2", "a", "a_" * 17 + "ab"]


def wheel(project: Path, folder: Path) -> zipfile.ZipFile:
    command = [find_uv_bin(), "build", "-q", "--wheel", "--offline", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*command, "--out-dir", folder, project], check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


@pytest.mark.parametrize(
    ("name", "reason", "suggestion"),
    [
        ("my-method", "lower-case letters and digits", "my_method"),
        ("MyMethod", "lower-case letters and digits", "my_method"),
        ("2nd", "begins with a letter", "my_2nd"),
        ("my__method", "joins words by _", "my_method"),
        ("../Ärger", "lower-case letters", "arger"),
        ("", "lower-case letters", "method"),
        ("x" * 37, "longer than 36", "x" * 30),
        ("class", "a keyword of Python", "my_class"),
        ("kmeans", "a method of that name exists", "my_kmeans"),
        ("numpy", "would hide the Python module", "my_numpy"),
        ("random", "would hide the Python module", "my_random"),
    ],
)
def test_an_invalid_name_is_refused_with_the_reason_and_a_valid_one(name, reason, suggestion):
    with pytest.raises(InputError, match=f"{reason}.*; write {suggestion}$"):
        names_of(name, KNOWN)


@given(st.one_of(st.text(max_size=60), st.from_regex(r"[A-Za-z_]\w{0,45}", fullmatch=True)))
def test_for_any_text_the_name_or_the_suggestion_is_valid(typed):
    try:
        names = names_of(typed, KNOWN)
    except InputError as error:
        names = names_of(str(error).rsplit("; write ", 1)[1], KNOWN)
    assert names.name.isidentifier()
    assert names.class_name.isidentifier()


def test_a_name_gives_the_class_title_and_distribution():
    assert names_of("my_2_d_method", KNOWN) == MethodNames(
        "my_2_d_method", "My2DMethod", "My 2 d method", "my-2-d-method"
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_a_method_of_forty_lines_under_every_name(name, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))  # loading a plugin adds its folder
    (path,) = write_method_file(names_of(name, KNOWN), tmp_path).written
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
def test_the_files_pass_ruff_and_are_formatted(name, length, tmp_path):
    names = names_of(name, KNOWN)
    write_method_file(names, tmp_path)
    write_method_package(names, tmp_path)
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


def test_the_package_builds_a_wheel_with_the_entry_point_of_its_method(tmp_path):
    write_method_package(names_of("my_method", KNOWN), tmp_path)
    built = wheel(tmp_path / "my_method", tmp_path / "dist")
    assert Path(built.filename).name.startswith("my_method-0.1.0-")
    assert "my_method/__init__.py" in built.namelist()
    metadata = {Path(name).name: built.read(name).decode() for name in built.namelist() if ".dist-info/" in name}
    assert "[deepclustbench.methods]\nmy_method = my_method:info" in metadata["entry_points.txt"]
    assert "Name: my-method\n" in metadata["METADATA"]
    assert f"Requires-Dist: {requirement().replace(' @ ', '@ ')}\n" in metadata["METADATA"].replace(" @ ", "@ ")


def test_a_package_depends_on_deepclustbench_by_the_address_of_its_repository():
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
    assert requirement() == f"deepclustbench @ git+{urls['Repository']}"


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a git repository")
def test_deepclustbench_is_installed_whole_from_a_git_address(tmp_path):
    command = [find_uv_bin(), "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*command, "--target", tmp_path, f"git+file://{ROOT}"], check=True, capture_output=True)
    listed = ["git", "-C", ROOT, "ls-tree", "-r", "--name-only", "HEAD", "bench", "methods", "datasets"]
    files = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split()
    cards = "bench/_cards/"  # the folder `datasets` would hide the package of that name
    expected = {file.replace("datasets/", cards) if file.startswith("datasets/") else file for file in files}
    assert any(file.endswith(".template") for file in expected)
    assert f"{cards}digits.toml" in expected
    assert [file for file in sorted(expected) if not (tmp_path / file).is_file()] == []
    (info,) = tmp_path.glob("deepclustbench-*.dist-info")
    assert "deepclustbench = bench.cli:main" in (info / "entry_points.txt").read_text()
    assert "Requires-Dist: torch>=" in (info / "METADATA").read_text()


def test_a_package_of_someone_who_installed_from_a_fork_depends_on_the_fork(tmp_path, monkeypatch):
    info = tmp_path / "deepclustbench-9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: deepclustbench\nVersion: 9\n")
    (info / "direct_url.json").write_text('{"url": "https://example.org/fork", "vcs_info": {"vcs": "git"}}')
    monkeypatch.syspath_prepend(tmp_path)
    assert requirement() == "deepclustbench @ git+https://example.org/fork"


def test_no_file_is_overwritten(tmp_path):
    names = names_of("my_method", KNOWN)
    (tmp_path / "my_method.py").write_text("mine")
    with pytest.raises(InputError, match=r"my_method\.py exists already and is left unchanged"):
        write_method_file(names, tmp_path)
    assert (tmp_path / "my_method.py").read_text() == "mine"
    (tmp_path / "my_method").mkdir()
    with pytest.raises(InputError, match="my_method exists already"):
        write_method_package(names, tmp_path)
    assert not list((tmp_path / "my_method").iterdir())


@pytest.mark.parametrize("write", [write_method_file, write_method_package])
def test_a_folder_that_is_not_writable_gives_one_line(write, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="another --out") as error:
        write(names_of("my_method", KNOWN), tmp_path / "file" / "folder")
    assert "\n" not in str(error.value)


def test_the_command_prints_the_next_commands(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = cli("new-method", "my_method", "--out", "in here")
    assert code == 0
    assert "written: in here/my_method.py" in out
    assert "  cd 'in here'\n  deepclustbench run quick --methods kmeans,my_method.py\n" in out
    assert (tmp_path / "in here" / "my_method.py").is_file()
    code, out, _ = cli("new-method", "my_other", "--package")
    assert code == 0
    assert "  uv pip install --no-deps -e ./my_other\n" in out
    toml = tomllib.loads((tmp_path / "my_other" / "pyproject.toml").read_text())
    assert toml["project"]["name"] == "my-other"
    code, _, err = cli("new-method", next(iter(methods())))
    assert code == 2
    assert "a method of that name exists" in err
