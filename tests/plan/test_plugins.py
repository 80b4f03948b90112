"""Methods that are not in this repository: files, packages and bare classes, and what happens to broken ones."""

import json
import re
import textwrap

import pytest

from bench.errors import InputError, MethodError
from bench.plan import registry
from bench.plan.method_spec import MethodSpec
from bench.plan.plan import load_datasets, make_plan
from bench.plan.registry import find_method, method_finder
from bench.plan.suite import make_suite
from bench.records.store import Run

MINE = """
    import numpy as np
    from sklearn.base import BaseEstimator, ClusterMixin
    from bench.method import MethodInfo


    class Mine(ClusterMixin, BaseEstimator):
        def __init__(self, n_clusters=10, noise=1.0, shift=0, random_state=None):
            self.n_clusters, self.noise, self.shift, self.random_state = n_clusters, noise, shift, random_state

        def fit(self, X, y=None):
            self.labels_ = (np.arange(len(X)) + self.shift) % self.n_clusters
            return self


    info = MethodInfo(name="mine", title="Mine", kind="stochastic", estimator=Mine,
                      presets={"quick": {}, "other": {"shift": 1}},
                      twin=lambda params: ("mine", {**params, "noise": 0.0}),
                      )
"""


def changed(*pairs):
    """Return the plugin with each first text replaced by the one that follows it."""
    text = textwrap.dedent(MINE)
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert old in text
        text = text.replace(old, new, 1)
    return text + "\n"


SUITE = {"name": "test", "preset": "quick", "datasets": ["digits"], "seeds": 2, "limit": 100}


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "lab@home" / "my_method.py"
    path.parent.mkdir()
    path.write_text(textwrap.dedent(MINE))
    return path


def planned(**changes):
    suite = make_suite({**SUITE, **changes}, "test")
    plan = make_plan(suite, load_datasets(suite, None))
    return plan.cells(), list(plan.left_out)


def test_a_file_is_a_method_with_presets_and_settings_by_its_name_and_is_found_by_workers(tmp_path, mine):
    cells, _ = planned(methods=[str(mine), f"{mine}@other"], set={"mine": {"noise": 0.5}})
    asked = {c.configuration.variant: c.configuration for c in cells if c.configuration.role == "asked"}
    assert {name: (c.params["shift"], c.params["noise"]) for name, c in asked.items()} == {
        "mine noise=0.5": (0, 0.5),
        "mine@other noise=0.5": (1, 0.5),
    }
    assert {c.configuration.source for c in cells} == {str(mine)}
    assert find_method(str(mine)).load().__name__ == "Mine"


def test_a_method_can_be_its_own_twin_with_its_noise_switched_off(tmp_path, mine):
    cells, _ = planned(methods=[str(mine)])
    noisy, twin = {c.configuration.config: c.configuration for c in cells}.values()
    assert (noisy.kind, noisy.twin, noisy.params["noise"]) == ("stochastic", twin.config, 1.0)
    assert (twin.kind, twin.twin, twin.params["noise"]) == ("deterministic", None, 0.0)

    cells, _ = planned(methods=[str(mine)], grid={"mine": {"noise": [0.0, 1.0]}})
    kinds = {c.configuration.params["noise"]: c.configuration.kind for c in cells}
    assert kinds == {0.0: "deterministic", 1.0: "stochastic"}
    assert len(cells) == 4  # without noise it is the twin, and is not compared with itself


def test_a_setting_of_a_method_that_no_file_brings_is_refused(tmp_path, mine):
    with pytest.raises(InputError, match=r"set.mne\S*: the suite has no such method; its methods are .*mine"):
        planned(methods=[str(mine)], set={"mne": {"noise": 0.5}})


def test_the_twin_may_come_from_another_file_of_the_suite(tmp_path, mine):
    plain = mine.with_name("plain.py")
    without_noise = ('kind="stochastic"', 'kind="deterministic"', "twin=", "# twin=")
    plain.write_text(changed('name="mine"', 'name="plain"', *without_noise))
    mine.write_text(changed('("mine", {', '("plain", {'))
    cells, faults = planned(methods=[str(mine), str(plain)])
    assert not faults
    assert {c.configuration.method for c in cells if c.configuration.role == "twin"} == {"plain"}

    cells, (fault,) = planned(methods=["kmeans", str(mine)])
    assert "its counterpart cannot be made: unknown method 'plain'" in fault
    assert {c.configuration.method for c in cells} == {"kmeans"}


def test_what_lies_beside_a_file_can_be_imported_by_it(tmp_path):
    (tmp_path / "my_network_of_its_own.py").write_text("WIDTH = 3\n")
    imported = "from my_network_of_its_own import WIDTH\nimport numpy"
    (tmp_path / "deep.py").write_text(changed("shift=0", "shift=WIDTH", "import numpy", imported))
    cells, _ = planned(methods=[str(tmp_path / "deep.py")])
    assert cells[0].configuration.params["shift"] == 3


def test_a_function_that_lies_beside_a_file_is_a_parameter_in_every_worker(cli, tmp_path):
    (tmp_path / "my_activations.py").write_text("def doubled(x):\n    return 2 * x\n")
    imported = "from my_activations import doubled\nimport numpy"
    fit = ("shift=0", "shift=doubled", "import numpy", imported, "+ self.shift)", "+ self.shift(1))")
    (tmp_path / "deep.py").write_text(changed(*fit))
    arguments = ["--limit", "100", "--seeds", "1", "--methods", tmp_path / "deep.py", "--out", tmp_path / "run"]
    code, *said = cli("run", "quick", *arguments)
    assert code == 0, said
    records = list(Run(tmp_path / "run").records())
    assert {r.params["shift"] for r in records} == {"my_activations:doubled"}
    assert Run(tmp_path / "run").outputs(records[0].key)["labels"][0] == 2


def test_a_method_that_is_declared_seed_free_is_run_once(tmp_path, mine):
    mine.write_text(changed('name="mine"', 'name="mine", seed_free=True'))
    cells, _ = planned(methods=[str(mine), "kmeans"])
    assert {c.seed for c in cells if c.configuration.method == "mine"} == {0}
    assert {c.seed for c in cells if c.configuration.method == "kmeans"} == {0, 1}


@pytest.mark.parametrize("folder", ["a.pyenv", ".pytest/x.py", "b.py"])
def test_a_folder_may_be_named_like_a_file(tmp_path, folder):
    path = tmp_path / folder / "mine.py"
    path.parent.mkdir(parents=True)
    path.write_text(textwrap.dedent(MINE))
    for spec in (str(path), f"{path}:Mine"):
        info = find_method(spec)
        assert info.load().__name__ == "Mine"
        assert find_method(info.source) == info
        assert registry.code_of(info)


@pytest.mark.parametrize("file", ["my-mine.py", "2024 mine.py", "été.py"])
def test_a_class_in_a_file_of_any_name_is_a_method(tmp_path, file):
    (tmp_path / file).write_text(textwrap.dedent(MINE))
    assert find_method(f"{tmp_path / file}:Mine").load().__name__ == "Mine"


def test_the_hash_is_of_the_code_that_ran_and_not_of_what_the_file_has_become(mine):
    info = find_method(str(mine))
    before = registry.code_of(info)
    mine.write_text("# rewritten while it runs\n")
    assert registry.code_of(info) == before


def test_what_is_left_out_takes_along_those_whose_twin_it_is_and_no_others(tmp_path, mine):
    broken = mine.with_name("plain.py")
    broken.write_text(changed('name="mine"', 'name="plain"', '"quick": {}', '"quick": {"shft": 1}'))
    mine.write_text(changed('("mine", {', '("plain", {'))
    cells, faults = planned(methods=["kmeans", str(mine), str(broken)])
    assert {c.configuration.method for c in cells} == {"kmeans"}
    assert [fault.split()[1].strip(":") for fault in faults] == ["plain", "mine"]


AS_ESTIMATOR = "estimator=Mine"
BROKEN = {
    "syntax.py": ("def", r"line 1: .*SyntaxError"),
    "missing.py": ("import numpy\nimport no_such_library", r"line 2: there is no module 'no_such_library'; install it"),
    "raises.py": ("\n\nraise RuntimeError('two\\nlines\\x1b')", r"line 3: .*RuntimeError: two lines"),
    "quits.py": ("raise SystemExit('bye')", r"SystemExit: bye"),
    "empty.py": ("", r"it has no info; add info = MethodInfo"),
    "bare.py": (changed("info =", "other ="), r"or name a class of it, as bare.py:Mine"),
    "wrong.py": ("info = 3", r"its info is of type int; write info = MethodInfo"),
    "nameless.py": (changed('name="mine"', 'name="../mine"'), r"a method is named '../mine'"),
    "dec.py": (changed('name="mine"', 'name="dec"'), r"named 'dec', as methods.dec:info is"),
    "no_class.py": (changed(AS_ESTIMATOR, "estimator=3"), r"it is no class; name a class"),
    "pca.py": (changed(AS_ESTIMATOR, "estimator='sklearn.decomposition:PCA'"), r"PCA is no clusterer: it has no fit_p"),
    "forest.py": (changed(AS_ESTIMATOR, "estimator='sklearn.ensemble:IsolationForest'"), r"it has OutlierMixin"),
    "presets.py": (changed('"quick": {}', '"quick": {"shft": 1}'), r"no parameter 'shft'; did you mean shift"),
    "twins.py": (changed("lambda params:", "lambda:"), r"its counterpart cannot be made: TypeError"),
    "made.py": (changed("self.n_clusters,", "raise KeyError('no')\n        self.n_clusters,"), r"Mine cannot be made"),
    "values.py": (changed("shift=0", "shift=lambda x: x"), r"parameter shift: .*<lambda> is defined in the plugin's"),
    "objects.py": (changed("shift=0", "shift=memoryview(b'')"), r"parameter shift: it is a builtins.memoryview, which"),
    "lazy.py": ("def __getattr__(name):\n    import no_such_library", r"there is no module 'no_such_library'"),
    "skips.py": ("import pytest\npytest.skip('no', allow_module_level=True)", r"line 2: it cannot be imported .*: no"),
    "exits.py": (changed("self.n_clusters,", "raise SystemExit\n        self.n_clusters,"), r"Mine cannot be made"),
    "leaves.py": (changed('("mine", {', "exit() or ({"), r"its counterpart cannot be made: SystemExit"),
    "late.py": (changed(AS_ESTIMATOR, "estimator='no_such_library:X'"), r"method mine: its estimator .* install it"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_clear_line_and_the_others_still_run(tmp_path, name):
    content, message = BROKEN[name]
    (tmp_path / name).write_text(content)
    cells, (fault,) = planned(methods=["kmeans", str(tmp_path / name)], set={"kmeans": {"n_init": 1}})
    assert {c.configuration.method for c in cells} == {"kmeans"}
    assert len(fault.splitlines()) == 1
    assert fault.isprintable()
    assert re.search(message, fault), fault


def test_the_second_of_two_files_with_one_name_is_left_out(tmp_path, mine):
    copy = mine.with_name("copy.py")
    copy.write_text(mine.read_text())
    find = method_finder([MethodSpec.parse(str(mine)), MethodSpec.parse(str(copy))])
    assert find("mine").source == str(mine)
    with pytest.raises(MethodError, match=r"copy.py: it is named 'mine', as .*my_method.py is; give it another name"):
        find(str(copy))


def test_where_no_method_is_left_nothing_runs(tmp_path):
    (tmp_path / "broken.py").write_text("import nothing_at_all")
    with pytest.raises(InputError, match=r"no method can be used: .*nothing_at_all"):
        planned(methods=[str(tmp_path / "broken.py")])
    with pytest.raises(InputError, match="no such file"):
        planned(methods=["kmeans", str(tmp_path / "not_there.py")])


def test_a_file_runs_beside_a_broken_one_which_is_told_of_and_makes_the_exit_code_3(cli, tmp_path, mine):
    (tmp_path / "broken.py").write_text("import nothing_at_all")
    arguments = ["run", "quick", "--limit", "100", "--seeds", "1", "--out", tmp_path / "run"]
    code, out, err = cli(*arguments, "--methods", f"kmeans,{mine},{tmp_path / 'broken.py'}", "--set", "mine.shift=2")
    assert code == 3
    assert [line for line in err.splitlines()[1:] if not line.startswith("[")] == []  # progress
    assert "left out: method" in err
    assert "nothing_at_all" in err
    assert "Mine shift=2" in out
    assert {r.method for r in Run(tmp_path / "run").records()} == {"kmeans", "mine"}

    code, out, _ = cli(*arguments, "--methods", f"kmeans,{mine}", "--set", "mine.shift=2")
    assert code == 0
    assert "0 to run" in out
    assert "has changed" not in out
    mine.write_text(mine.read_text() + "\n# another thought\n")
    registry._run.cache_clear()  # as in the process of the next command
    code, out, _ = cli(*arguments, "--methods", f"kmeans,{mine}", "--set", "mine.shift=2")
    assert "mine has changed since 2 runs of it" in out
    assert json.loads(next((tmp_path / "run" / "records").glob("*.json")).read_text())


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a distribution with these modules and entry points, and forget what was found before."""

    def install(entry_points, **modules):
        for name, content in modules.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(content))
        info = tmp_path / "my_plugin-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-plugin\nVersion: 1.0\n")
        lines = "\n".join(entry_points)
        (info / "entry_points.txt").write_text(f"[deepclustbench.methods]\n{lines}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        registry.methods.cache_clear()

    yield install
    registry.methods.cache_clear()


def test_installed_methods_are_found_and_broken_ones_leave_the_others_alone(installed):
    installed(
        [
            "good = plugin_good:info",
            "default = plugin_default",
            "bare = plugin_good:Mine",
            "broken = plugin_broken:info",
            "dec_again = plugin_dec:info",
            "absent = plugin_good:nothing",
            "lazy = plugin_lazy:info",
            "spaced = plugin_good : Mine [extra]",
            "nowhere = 3 [",
        ],
        plugin_good=MINE,
        plugin_default=changed('name="mine"', 'name="yours"'),
        plugin_broken="import no_such_library",
        plugin_lazy="def __getattr__(name):\n    raise RuntimeError(name)",
        plugin_dec=changed('name="mine"', 'name="dec"'),
    )
    with pytest.warns(RuntimeWarning) as warned:
        found = registry.methods()
    assert set(found) >= {"mine", "yours", "bare", "spaced", "kmeans", "dec"}
    assert found["dec"].source == "methods.dec:info"
    assert sorted(str(w.message).removeprefix("left out: method ") for w in warned) == [
        "absent = plugin_good:nothing: it has no nothing; its clusterers are Mine",
        "broken = plugin_broken:info: there is no module 'no_such_library'; install it, or correct its name",
        "dec_again = plugin_dec:info: it is named 'dec', as methods.dec:info is; give it another name",
        "lazy = plugin_lazy:info: it cannot be imported (RuntimeError: info)",
        "nowhere = 3 [: it names no module; write pkg.mod:info",
    ]
    for name in ("mine", "yours", "bare", "spaced"):  # another process finds it without looking at the others
        assert find_method(found[name].source).load().__name__ == "Mine"
