"""Cards of installed packages: found by name, reported when broken, without effect on the others."""

import sys
import warnings

import numpy as np
import pytest

from bench.data import cards
from bench.errors import InputError

CARD = 'name = "{name}"\ntitle = "Kernels"\nloader = "npz"\n[parameters]\npath = "points.npz"\n'


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a package with one card under the given entry points."""
    monkeypatch.syspath_prepend(str(tmp_path))
    cards._installed.cache_clear()

    def install(entries: str, package: str = "kernels_data", code: str = "CARD = 'kernels.toml'", name="kernels"):
        folder = tmp_path / package
        folder.mkdir()
        (folder / "__init__.py").write_text(code)
        (folder / "kernels.toml").write_text(CARD.format(name=name))
        np.savez(folder / "points.npz", x=np.linspace(0, 1, 40).reshape(20, 2), y=np.arange(20) % 2)
        metadata = tmp_path / f"{package}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[deepclustbench.datasets]\n{entries}\n")
        cards._installed.cache_clear()
        return folder

    yield install
    cards._installed.cache_clear()
    for package in ("kernels_data", "other_data"):
        sys.modules.pop(package, None)


def test_an_installed_card_is_a_data_set_like_the_built_in_ones(install, cli, tmp_path):
    install("kernels = kernels_data:CARD")
    dataset = cards.load_dataset("kernels", limit=10)
    assert (dataset.name, dataset.x.shape) == ("kernels[10]", (10, 2))
    assert "kernels" in cards.card_names()
    code, out, _ = cli("datasets")
    assert code == 0
    assert "Kernels" in out


def test_a_path_may_be_a_path_and_a_split_may_be_asked_for(install):
    code = "from pathlib import Path\nCARD = Path(__file__).parent / 'kernels.toml'"
    install("kernels = kernels_data:CARD", code=code)
    assert cards.find_card("kernels@all").name == "kernels"


def test_finding_another_data_set_imports_no_package_and_listing_names_neither(install):
    install("kernels = kernels_data:CARD")
    cards.find_card("digits")
    cards.card_names()
    with pytest.raises(InputError, match="did you mean kernels"):
        cards.find_card("kernel")
    assert "kernels_data" not in sys.modules
    cards.card_rows()
    assert "kernels_data" in sys.modules


def test_a_name_goes_before_a_folder(install, tmp_path, monkeypatch):
    install("kernels = kernels_data:CARD")
    (tmp_path / "here" / "kernels").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert cards.find_card("kernels").loader == "npz"
    assert cards.find_card("./kernels").loader == "image_folder"


def test_a_built_in_name_cannot_be_taken(install):
    install("digits = kernels_data:CARD")
    with pytest.warns(RuntimeWarning, match="left out: data set digits = kernels_data:CARD: a built-in data set has"):
        names = cards.card_names()
    assert names.count("digits") == 1
    assert cards.find_card("digits").loader == "sklearn:load_digits"
    assert "kernels_data" not in sys.modules


def test_the_second_of_two_cards_of_one_name_is_left_out(install):
    install("kernels = kernels_data:CARD")
    install("kernels = other_data:CARD", package="other_data")
    with pytest.warns(RuntimeWarning, match="left out: data set kernels = other_data:CARD: kernels_data:CARD has that"):
        assert cards.card_names().count("kernels") == 1
    assert "kernels_data" in str(cards.find_card("kernels").parameters["path"])


@pytest.mark.parametrize("name", ["../kernels", "kernels@test", "a b", "\x1b[31mred"])
def test_a_name_that_no_card_could_have_is_left_out(install, name):
    install(f"{name} = kernels_data:CARD")
    with pytest.warns(RuntimeWarning, match="its name is none; write letters") as caught:
        assert name not in cards.card_names()
    assert str(caught[0].message).isprintable()


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"code": "import no_such_library"}, "there is no module 'no_such_library'; install it"),
        ({"code": "raise SystemExit(1)"}, r"it cannot be imported \(SystemExit: 1\)"),
        ({"code": ""}, "it is not there; write the path of the card"),
        ({"code": "def CARD(): pass"}, "it is of type function; write the path of the card"),
        ({"code": "CARD = 'gone.toml'"}, r"gone.toml: not a readable TOML card"),
        ({"name": "grains"}, "its card is named 'grains'; give both one name"),
        ({"name": 'kernels"\nloder = "npz'}, "unknown key 'loder'"),
    ],
)
def test_a_broken_card_is_a_line_and_the_others_are_listed(install, how, why):
    install("kernels = kernels_data:CARD", **how)
    with pytest.raises(InputError, match=rf"^data set kernels = kernels_data:CARD: .*{why}") as error:
        cards.find_card("kernels")
    assert "\n" not in str(error.value)
    with pytest.warns(RuntimeWarning, match=rf"^left out: data set kernels = kernels_data:CARD: .*{why}") as caught:
        names = {row["name"] for row in cards.card_rows()}
    assert len(caught) == 1
    assert names >= {"digits", "mnist"}
    assert "kernels" not in names


def test_the_refusal_of_an_entry_point_without_a_member_says_what_to_write(install):
    install("kernels = kernels_data")
    with pytest.raises(InputError, match="kernels = kernels_data: it is not there; write the path"):
        cards.find_card("kernels")


def test_without_installed_cards_nothing_is_warned_of():
    cards._installed.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cards.card_rows()
