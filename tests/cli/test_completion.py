"""A shell completes commands, options and names, quickly and without importing a method."""

import os
import shutil
import subprocess
import sys
import sysconfig

import pytest

from bench.plan.registry import methods

SCRIPTS = sysconfig.get_path("scripts")


@pytest.fixture
def complete(cli, monkeypatch):
    """Return the words that the command offers bash for the last word of a line."""

    def call(*words):
        monkeypatch.setenv("_DEEPCLUSTBENCH_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", " ".join(("deepclustbench", *words)))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        code, out, err = cli()
        assert (code, err) == (0, "")
        return out.split()

    return call


def test_commands_and_options_are_completed(complete):
    assert complete("ass") == ["assignments"]
    assert complete("run", "--dev") == ["--device"]
    assert complete("run", "--device", "cu") == ["cuda"]
    assert complete("report", "folder", "--against", "") == ["published"]


def test_names_of_suites_presets_and_data_sets_are_completed(complete):
    assert complete("plan", "quick-") == ["quick-search"]
    assert complete("run", "--preset", "sta") == ["stable"]
    assert complete("run", "-d", "digits,fash") == ["digits,fashion_mnist"]
    assert complete("datasets", "--download", "usp") == ["usps"]


def test_every_method_is_completed_alone_in_a_list_and_with_its_preset(complete):
    assert set(complete("check-method", "")) == set(methods())
    assert complete("run", "--methods", "kmeans,sd") == ["kmeans,sdec"]
    assert set(complete("run", "-m", "sdec@")) == {
        f"sdec@{name}" for name in methods()["sdec"].presets if "@" not in name
    }


def test_an_unknown_beginning_completes_nothing(complete):
    assert complete("run", "-m", "zzz") == []


def test_completion_imports_no_array_library():
    code = (
        "import sys; sys.argv = ['deepclustbench']; from bench.cli import main\n"
        "try: main()\n"
        "finally: print(*sorted({'torch', 'numpy', 'pandas', 'sklearn', 'ray'} & set(sys.modules)), file=sys.stderr)"
    )
    asked = {"_DEEPCLUSTBENCH_COMPLETE": "complete_bash", "COMP_WORDS": "deepclustbench run -m kmeans,va"}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **asked, "COMP_CWORD": "3"}, capture_output=True, text=True
    )
    assert done.stdout.split() == ["kmeans,vade", "kmeans,vae_kmeans"]
    assert done.stderr.strip() == ""


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_script_that_is_installed_completes_in_bash(tmp_path):
    env = {**os.environ, "HOME": str(tmp_path), "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    env["_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"] = "1"  # the shell is named, whoever starts the test
    install = ["deepclustbench", "--install-completion", "bash"]
    done = subprocess.run(install, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    script = next(path for path in (tmp_path / ".bash_completions").iterdir())
    lines = f"source {script}; COMP_WORDS=(deepclustbench run -d dig); COMP_CWORD=3; "
    lines += '_deepclustbench_completion deepclustbench; echo "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "--norc", "-c", lines], env=env, capture_output=True, text=True)
    assert done.stdout == "digits\n", done.stderr
