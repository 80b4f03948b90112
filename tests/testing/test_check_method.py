"""The command ``check-method`` prints a table of checks and the fix of each failure, and sets the exit code."""

import textwrap

import pytest

GOOD = """
    import numpy as np
    from sklearn.base import BaseEstimator, ClusterMixin

    class Thirds(ClusterMixin, BaseEstimator):
        def __init__(self, parts=3):
            self.parts = parts

        def fit(self, X, y=None):
            if not np.isfinite(X).all():
                raise ValueError("X holds what is no number")
            self.labels_ = np.argsort(np.argsort(X.mean(axis=1))) * self.parts // len(X)
            return self

    class Biased(Thirds):
        def fit(self, X, y=None):
            super().fit(X)
            self.labels_ = self.labels_ / 1
            return self

    class Evil(Thirds):
        def fit(self, X, y=None):
            raise RuntimeError("[bold]\\x1b[31mred\\nand more " + "x" * 5000)
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(textwrap.dedent(GOOD))
    return path


def test_a_method_that_passes_exits_with_0_and_lists_the_checks_that_do_not_apply(cli, mine):
    code, out, _ = cli("check-method", f"{mine}:Thirds")
    assert code == 0
    assert "FAILED" not in out
    assert "it has no random_state, and is run once" in " ".join(out.split())
    assert out.splitlines()[-1].endswith(":Thirds: 13 passed, 22 not applicable")


def test_a_method_that_fails_exits_with_1_and_the_output_says_what_to_change(cli, mine):
    code, out, _ = cli("check-method", f"{mine}:Biased")
    assert code == 1
    assert "\nfit_gives_labels: Fitting returns the estimator" in out
    assert "  seen:   labels_ has shape (120,) and type float64; it must have one integer for each" in out
    assert "  change: set labels_ in fit" in out
    assert out.count("FAILED") == 1


def test_set_changes_parameters_and_refuses_unknown_ones(cli, mine):
    code, _, _ = cli("check-method", f"{mine}:Thirds", "--set", "parts=1")
    assert code == 0
    code, _, err = cli("check-method", f"{mine}:Thirds", "--set", "prts=2")
    assert code == 2
    assert "did you mean parts?" in err


def test_escape_sequences_and_long_messages_of_a_plugin_are_cleaned(cli, mine):
    code, out, _ = cli("check-method", f"{mine}:Evil")
    assert code == 1
    assert "\x1b" not in out
    assert "[bold] [31mred and more xxx" in out
    assert max(map(len, out.splitlines())) < 500


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dek"], "did you mean dec"),
        (["nowhere/mine.py"], "no such file"),
        (["sklearn.svm:SVC"], "is no clusterer"),
        (["sdec", "--preset", "papr"], "it has: stable"),
        (["sdec", "--set", "beta"], "write PARAMETER=VALUE"),
        (["sdec", "--set", "beta=1,2"], "one value at a time"),
        (["sdec", "--set", "n_clusters=3"], "applies to all methods"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(cli, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = cli("check-method", *arguments)
    assert code == 2
    assert err.count("\n") == 1
    assert message in err
    assert out == ""
