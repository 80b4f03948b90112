"""What a user may type wrongly is one line that names it and what would be right, before anything runs."""

import pytest

from bench.errors import InputError
from bench.plan.registry import methods
from bench.plan.suite import MOST_SEEDS, load_suite, make_suite, parse_seeds, seeds_in_short

BASE = {"name": "s", "preset": "quick", "datasets": ["digits"], "methods": ["dec"], "seeds": 2}


def refused(cli, *arguments):
    """Return the line that a command is refused with."""
    code, out, err = cli(*arguments)
    assert code == 2, out + err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in out + err
    assert "suites/" not in err  # no file inside the package
    return err.removeprefix("error: ")


@pytest.mark.parametrize(
    ("option", "value", "right"),
    [
        ("--seeds", "x", "not a number of seeds"),
        ("--seeds", "", "not a number of seeds"),
        ("--seeds", "²", "not a number of seeds"),
        ("--seeds", "1.5", "not a number of seeds"),
        ("--seeds", "1,,2", "not a number of seeds"),
        ("--seeds", "5-3", "3-5"),
        ("--seeds", "0", "1 or more"),
        ("--seeds", "0,0", "each once"),
        ("--seeds", "0-999999999", "10,000 at most"),
        ("--seeds", "999999999", "10,000 at most"),
        ("--seeds", "9" * 5000, "not a number of seeds"),
        ("--seeds", str(2**64), "not a number of seeds"),
        ("--selection-seeds", "100-100000000", "10,000 at most"),
        ("--selection-seeds", "0-3", "share"),
        ("--selection-seeds", "100-100", "two different seeds"),
        ("--limit", "-5", "greater than or equal to 2"),
        ("--limit", "many", "integer"),
        ("--clusters", "0", "greater than or equal to 1"),
        ("--search", "0", "1"),
        ("--search", "1000000000", "less than or equal to 10000"),
        ("--methods", "", "a name is empty"),
        ("--methods", "dec,,sdec", "a name is empty"),
        ("--datasets", "", "a name is empty"),
        ("--jobs", "1000000000", "1024"),
        ("--device", "tpu", "cpu"),
        ("--executor", "cloud", "local"),
        ("--timeout", "nan", "100000000"),
        ("--threads", "0", "1"),
        ("--set", "sdec.beta=", "METHOD.PARAMETER=VALUE"),
        ("--set", "vae.beta=1", "no such method"),
        ("--set", f"sdec.latent_dim={10**30}", "64 bits"),
    ],
)
def test_a_wrong_option_is_named_as_it_was_typed(cli, option, value, right):
    line = refused(cli, "run", option, value)
    assert line.startswith(option)
    assert value[:20] in line
    assert right in line


@pytest.mark.parametrize(
    ("setting", "right"),
    [
        ("sdec.beta=abc", "a valid number"),
        ("sdec.beta=nan", "a finite number"),
        ("sdec.beta=inf", "a finite number"),
        ("sdec.beta=-0.1", "greater than or equal to 0"),
        ("sdec.beta=true", "a valid number"),
        ("sdec.beta=0.1,abc", "'abc'"),
        ("sdec.latent_dim=0", "greater than or equal to 1"),
        ("sdec.latent_dim=2.0", "a valid integer"),
        ("sdec.latent_dim=9999999999", "less than or equal to"),
        ("dec.batch_size=-1", "greater than or equal to 1"),
        ("dec.epochs=1.5", "a valid integer"),
        ("dec.target_update=sometimes", "'epoch' or 'batch'"),
        ("sdec.hidden_dims=[]", "of length 1 or more"),
        ("sdec.hidden_dims=[64, 0]", "at position 1"),
        ("vade.likelihood=foo", "'gaussian', 'bernoulli' or 'standardized'"),
        ("kmeans.n_init=0", "greater than or equal to 1"),
        ("kmeans.n_init=true", "a valid integer"),
        ("kmeans.n_init=1979-05-27", "a valid integer"),
        ("sdec.device=cuda", "--device"),
        ("kmeans.n_clusters=3", "--clusters"),
        ("sdec.bta=1", "did you mean beta"),
        (f"sdec.tol={'9' * 150}x", "a valid number"),
    ],
)
def test_a_value_that_a_method_cannot_have_is_refused_before_anything_runs(cli, setting, right, tmp_path):
    line = refused(cli, "plan", "--limit", "100", "--out", tmp_path / "run", "--set", setting)
    assert line.startswith(f"--set {setting}: ")
    assert right in line
    assert not (tmp_path / "run").exists()


def test_what_is_set_in_a_suite_file_is_named_by_its_key(cli, tiny):
    tiny.write_text(tiny.read_text() + "\n[grid.kmeans]\nn_init = [1, 0]\n")
    assert refused(cli, "plan", tiny).startswith("grid.kmeans.n_init: n_init of kmeans should be greater")


@pytest.mark.parametrize(
    ("setting", "right"),
    [
        ("sklearn.cluster:Birch.threshold=-1", "a float in the range (0.0, inf)"),
        ("sklearn.cluster:Birch.branching_factor=true", "an int in the range (1, inf)"),
        ("sklearn.cluster:HDBSCAN.min_cluster_size=1", "an int in the range [2, inf)"),
        ("sklearn.cluster:KMeans.init=best", "'k-means++'"),
    ],
)
def test_what_scikit_learn_says_of_its_parameters_is_heeded(cli, setting, right):
    method = setting.partition(".")[0] + ".cluster:" + setting.partition(":")[2].partition(".")[0]
    assert right in refused(cli, "plan", "--limit", "100", "--methods", method, "--set", setting)


def test_a_name_twice_is_meant_once(cli, tmp_path):
    code, out, _ = cli("plan", "--methods", "kmeans, kmeans", "--datasets", "digits,digits", "--limit", "100")
    assert code == 0
    assert "10 runs" in out


def test_a_parameter_set_twice_is_refused(cli):
    assert "is set twice" in refused(cli, "plan", "--set", "sdec.beta=1", "--set", "sdec.beta=2")


def test_a_gpu_that_is_not_there_is_refused_with_both_executors(cli, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for executor in ("local", "ray"):
        assert "no GPU" in refused(cli, "run", "--device", "cuda", "--executor", executor)


def test_a_grid_of_millions_is_refused_before_it_is_made(cli):
    hundred = ",".join(f"0.{i:03}" for i in range(1, 101))
    grid = [word for p in ("beta", "tol", "alpha", "noise_scale") for word in ("--set", f"sdec.{p}={hundred}")]
    assert "100,000,000 configurations" in refused(cli, "plan", "--limit", "100", "--methods", "sdec", *grid)


def test_more_cells_than_a_run_holds_are_refused_before_they_are_made(cli):
    values = ",".join(str(i) for i in range(1, 101))
    asked = ["--methods", "kmeans", "--set", f"kmeans.n_init={values}", "--seeds", "9000", "--limit", "100"]
    assert "900,000 runs" in refused(cli, "plan", *asked)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": "0-999999999"}, "seeds: these are 1000000000 seeds"),
        ({"seeds": [True]}, "seeds.0"),
        ({"seeds": [2**63]}, "seeds.0"),
        ({"seeds": list(range(MOST_SEEDS + 1))}, "10,000 at most"),
        ({"selection_seeds": "0-999999999"}, "selection_seeds"),
        ({"clusters": True}, "clusters"),
        ({"limit": 2.5}, "limit"),
        ({"search": True}, "search"),
        ({"methods": [" "]}, "methods: a name is empty"),
        ({"grid": {"dec": {"tol": []}}}, "grid.dec.tol"),
        ({"set": {"dec": {"epochs": 10**40}}}, "64 bits"),
        ({"set": 3}, "set"),
    ],
)
def test_a_suite_file_is_judged_alike(change, message):
    with pytest.raises(InputError, match=message):
        make_suite({**BASE, **change}, "s.toml")


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"", b"name = ", b"a = " + b"[" * 100_000, b"a = " + b"9" * 5000, b"set = 3", b"outliers = 3\n"],
    ids=["no UTF-8", "empty", "half", "deep", "long", "other", "other outliers"],
)
def test_a_damaged_suite_file_is_a_line(tmp_path, content):
    path = tmp_path / "s.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"s\.toml") as error:
        load_suite(str(path), methods=["kmeans"], datasets=["digits"])
    assert "\n" not in str(error.value)


def test_seeds_are_written_as_they_are_typed():
    for text in ("0-9", "3", "0-2,7", "1,3,5-6"):
        assert seeds_in_short(parse_seeds(text) if text != "3" else [3]) == text


def test_every_value_that_a_method_declares_can_be_one():
    from bench.plan.parameter_values import value_fault

    for info in methods().values():
        declared = [(p, v) for preset in info.presets.values() for p, v in preset.items()]
        declared += [(p, v) for p, values in info.search_space.items() for v in values]
        assert [(p, v) for p, v in declared if value_fault(info.load(), p, v)] == []


class Annotated:
    """A plugin's estimator; what it does not say is not judged."""

    def __init__(
        self,
        width: int = 3,
        rate: float = None,  # type: ignore[assignment]  # noqa: RUF013
        sizes: "tuple[int, ...]" = (1,),
        odd: "Nowhere" = 1,  # type: ignore[name-defined]  # noqa: F821
        free=0.1,
        missing: float = float("nan"),
        mode: "int | Nowhere" = 1,  # type: ignore[name-defined]  # noqa: F821
        switch: bool = False,
    ):
        pass


@pytest.mark.parametrize(
    ("parameter", "value", "right"),
    [
        ("width", 4, True), ("width", "4", False), ("width", True, False), ("width", None, False),
        ("rate", None, True), ("rate", 1, True), ("rate", "fast", False), ("rate", float("inf"), True),
        ("rate", float("nan"), False), ("sizes", [1, 2], True), ("sizes", (1, 2), True), ("sizes", [1, "x"], False),
        ("odd", "x", True), ("free", "x", True), ("missing", float("nan"), True), ("mode", "x", True),
        ("switch", True, True), ("switch", "True", False),
    ],
)  # fmt: skip
def test_a_plugin_is_judged_by_what_it_says_of_itself(parameter, value, right):
    from bench.plan.parameter_values import value_fault

    assert (value_fault(Annotated, parameter, value) is None) == right


WRONG = """
from sklearn.base import BaseEstimator, ClusterMixin
from bench.method import MethodInfo

class Mine(ClusterMixin, BaseEstimator):
    def __init__(self, width: int = 3):
        if width == 7:
            raise ValueError("seven is too much")
        self.width = width

    def fit(self, X, y=None):
        self.labels_ = X[:, 0] > 0
        return self

info = MethodInfo(name="mine", title="Mine", kind="deterministic", estimator=Mine, presets={"quick": {"width": WIDTH}})
"""


def test_a_plugins_wrong_preset_is_its_own_fault_and_a_wrong_flag_the_users(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.py").write_text(WRONG.replace("WIDTH", '"wide"'))
    code, out, err = cli("plan", "--limit", "100", "--methods", "kmeans,wrong.py")
    assert code == 0
    assert "left out: method mine: preset 'quick': width should be a valid integer" in err
    assert "mine" not in out
    (tmp_path / "right.py").write_text(WRONG.replace("WIDTH", "2"))
    line = refused(cli, "plan", "--limit", "100", "--methods", "kmeans,right.py", "--set", "mine.width=7")
    assert line.startswith("--set mine.width=7: ")
    assert "seven is too much" in line
