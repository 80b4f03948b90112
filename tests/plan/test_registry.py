"""Methods are found, and what is broken is told of."""

import pytest

from bench.method import MethodInfo
from bench.plan import registry

SEVEN = {"kmeans", "ae_kmeans", "vae_kmeans", "dec", "sdec", "vade", "ae_gmm"}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Add a folder to the in-repository package, and forget what was found before."""
    import methods

    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    registry.methods.cache_clear()
    yield tmp_path
    registry.methods.cache_clear()


def plugin(name):
    return (
        "from bench.method import MethodInfo\n"
        f"info = MethodInfo(name={name!r}, title='T', kind='deterministic', estimator='sklearn.cluster:KMeans')\n"
    )


def test_the_seven_are_found_without_a_list():
    assert set(registry.methods()) == SEVEN


def test_a_file_is_a_method(package):
    (package / "found_by_itself.py").write_text(plugin("mine"))
    assert registry.find_method("mine").title == "T"


def test_a_module_that_does_not_import_is_told_of_and_the_others_stay(package):
    (package / "broken_import.py").write_text("import no_such_library")
    with pytest.warns(RuntimeWarning, match=r"method methods.broken_import: there is no module 'no_such_library'"):
        assert set(registry.methods()) == SEVEN


def test_the_second_of_two_methods_of_one_name_is_left_out_and_the_others_stay(package):
    (package / "second_dec.py").write_text(plugin("dec"))
    with pytest.warns(RuntimeWarning, match="methods.second_dec: it is named 'dec', as methods.dec:info is"):
        assert registry.methods()["dec"].title == "DEC"


def test_every_method_says_what_the_suite_must_know():
    for info in registry.methods().values():
        assert isinstance(info, MethodInfo)
        assert {"quick", "short", "seed-report", "paper"} <= set(info.presets), info.name
        assert info.reference
        assert (info.kind == "stochastic") == (info.twin is not None)
        for preset in info.presets:
            info.load()(**info.presets[preset])


def test_optional_members_are_where_the_method_has_the_notion():
    members = {
        "transform": SEVEN - {"kmeans"},
        "predict": SEVEN,
        "predict_proba": SEVEN - {"kmeans"},
        "reconstruct": SEVEN - {"kmeans", "dec"},  # DEC proper drops its decoder
        "sample_proba": {"vae_kmeans", "sdec", "vade"},
        "score_samples": {"vae_kmeans", "vade", "ae_gmm"},
    }
    for member, names in members.items():
        assert {name for name in SEVEN if hasattr(registry.find_method(name).load()(), member)} == names, member
    assert hasattr(registry.find_method("dec").load()(reconstruction_weight=0.1), "reconstruct")
