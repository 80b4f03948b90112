"""Cards: finding them, refusing bad ones, and loading the built-in ones."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.data.card import Card
from bench.data.cards import (
    card_names,
    card_rows,
    default_data_root,
    download_dataset,
    find_card,
    fingerprint_card,
    load_dataset,
)
from tests.data.loading import refusal

GOOD = 'name = "own"\nloader = "npz"\n[parameters]\npath = "own.npz"\n'
X = np.array([[0, 1], [2, 3], [4, 5], [6, 8]], dtype=np.float64)
Y = np.array([0, 0, 1, 1])


@pytest.fixture
def own_card(tmp_path):
    """Return a function that writes own.npz and a card beside it."""
    np.savez(tmp_path / "own.npz", x=X, y=Y)

    def write(text: str = GOOD) -> str:
        path = tmp_path / "own.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_importing_the_cards_imports_nothing_heavy():
    code = (
        "import sys, bench.data.cards; bench.data.cards.card_rows();"
        "heavy = {'torch', 'torchvision', 'pandas', 'ray', 'sklearn', 'matplotlib', 'scipy', 'PIL'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[2]
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("name", card_names())
def test_a_built_in_card_is_whole_and_named_as_its_file(name):
    card = find_card(name)
    assert card.name == name
    assert set(card.fingerprint) == set(card.splits)
    assert all([card.title, card.n, card.shape, card.classes, card.licence, card.citation, card.homepage])


def test_the_suite_of_data_sets_is_there():
    assert card_names() == [
        "blobs",
        "blobs64",
        "cifar10",
        "coil20_clip",
        "digits",
        "fashion_mnist",
        "kmnist",
        "letter",
        "mnist",
        "optdigits",
        "pendigits",
        "satimage",
        "stl10",
        "usps",
        "vehicle",
        "weather",
    ]


@pytest.mark.parametrize(
    ("name", "shape", "image_shape", "k"),
    [("digits", (1797, 64), (8, 8), 10), ("blobs", (1000, 16), None, 5)],
)
def test_bundled_data_load_as_the_card_says(name, shape, image_shape, k):
    data = load_dataset(name)
    assert data.name == name
    assert data.x.shape == shape
    assert data.x.dtype == np.float32
    assert data.x.flags.c_contiguous
    assert not data.x.flags.writeable
    assert not data.y.flags.writeable
    assert (data.x.min(), data.x.max()) == (0, 1)
    assert (data.image_shape, data.n_clusters, len(data.class_names)) == (image_shape, k, k)
    assert set(data.y) == set(range(k))
    assert "unknown" not in find_card(name).fingerprint.values()  # so the load above has verified it


def test_digits_are_divided_by_sixteen_in_scikit_learns_order():
    from sklearn.datasets import load_digits

    expected = load_digits()
    data = load_dataset("digits")
    np.testing.assert_array_equal(data.x, (expected.data / 16).astype(np.float32))
    np.testing.assert_array_equal(data.y, expected.target)


def test_a_limit_is_a_repeatable_part_with_its_own_fingerprint():
    whole, part = load_dataset("digits"), load_dataset("digits", limit=100)
    again = load_dataset("digits", limit=100)
    assert len(part.x) == len(part.y) == 100
    np.testing.assert_array_equal(part.x, again.x)
    assert part.fingerprint == again.fingerprint != whole.fingerprint
    assert not part.x.flags.writeable
    rows = {(tuple(x), y) for x, y in zip(whole.x.tolist(), whole.y.tolist(), strict=True)}
    assert all((tuple(x), y) in rows for x, y in zip(part.x.tolist(), part.y.tolist(), strict=True))


def test_a_limit_that_keeps_all_changes_nothing():
    assert load_dataset("digits", limit=5000).fingerprint == load_dataset("digits").fingerprint


def test_a_limit_below_two_or_below_the_clusters_is_refused():
    assert "--limit takes 2 or more" in refusal(load_dataset, "digits", limit=1)
    assert "9 points are fewer than 10 clusters" in refusal(load_dataset, "digits", limit=9)


def test_asked_clusters_go_before_the_cards_and_the_classes(own_card):
    path = own_card("n_clusters = 3\n" + GOOD)
    assert load_dataset(path).n_clusters == 3
    assert load_dataset(path, n_clusters=4).n_clusters == 4
    assert load_dataset(own_card()).n_clusters == 2
    assert "--clusters 2 or more" in refusal(load_dataset, path, n_clusters=0)


def test_an_unknown_name_gets_near_ones_and_the_list():
    message = refusal(find_card, "fashion-mnist")
    assert "did you mean fashion_mnist" in message
    assert "kmnist" in message


@pytest.mark.parametrize("spec", ["", "@", "@train", "no/such.npz", "no_such.toml", "no/such/folder", "x.csv@all"])
def test_what_does_not_exist_is_refused(spec):
    assert repr(spec) in refusal(find_card, spec)


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "x.docx").write_text("1")
    message = refusal(find_card, str(tmp_path / "x.docx"))
    assert "x.docx: not a kind of file that is read; give .toml, .npz, .npy, .mat" in message


def test_splits_are_chosen_by_name_and_keep_the_cards_order():
    assert find_card("mnist@test").splits == ("test",)
    assert find_card("mnist@test").name == "mnist@test"
    assert find_card("mnist@test+train") == find_card("mnist")
    assert "no split 'valid'; its splits are train, test" in refusal(find_card, "mnist@valid")


def test_an_at_sign_in_a_path_is_not_a_split(tmp_path):
    folder = tmp_path / "me@home"
    folder.mkdir()
    np.savez(folder / "x.npz", x=X, y=Y)
    assert find_card(str(folder / "x.npz")).splits == ("all",)
    assert "no split 'train'" in refusal(find_card, f"{folder / 'x.npz'}@train")


def test_the_path_in_a_card_is_relative_to_the_card(own_card, monkeypatch, tmp_path_factory):
    path = own_card()
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert load_dataset(path).x.shape == (4, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not a readable TOML card"),
        (GOOD.replace("loader", "lader"), "unknown key 'lader'; the keys of a card are name, title, loader"),
        ('name = "own"\n', "key 'loader' is missing"),
        (GOOD.replace('"npz"', '"torchvision:EMNIST"'), "'torchvision:EMNIST' is unknown; the loaders are"),
        (GOOD.replace('"own"', '"a b"'), "key 'name'"),
        ('scaling = "zscore"\n' + GOOD, "key 'scaling': Input should be 'auto', 'unit'"),
        ("scaling = 0\n" + GOOD, "key 'scaling'"),
        ("n_clusters = 1\n" + GOOD, "key 'n_clusters'"),
        ("splits = []\n" + GOOD, "key 'splits'"),
        ('splits = ["a", "a"]\n' + GOOD, "splits names one twice"),
        (GOOD + '[fingerprint]\nall = "abc"\n', "key 'fingerprint.all'"),
        (GOOD + '[fingerprint]\ntrain = "unknown"\n', "fingerprint.train is not a split; the splits are all"),
        (GOOD + 'z = "q"\n', "parameters.z: Unexpected keyword argument; npz takes path, x, y, samples"),
        (GOOD + "x = [1]\n", "parameters.x: Input should be a valid string"),
        (GOOD.replace("own.npz", "gone.npz"), "gone.npz does not exist; mend parameters.path"),
        ('name = "own"\nloader = "npz"\n', "needs parameters.path"),
        ('splits = ["a", "b"]\n' + GOOD, "a table with one for each split (a, b)"),
        ("n = 5\n" + GOOD, "has 4 points where the card says n = 5"),
        ("shape = [3]\n" + GOOD, "shape [2] where the card says shape = [3]"),
        ('classes = ["only"]\n' + GOOD, "label '1' in row 2 is not one of the card's 1 classes"),
        ('scaling = "unit"\n' + GOOD, "values go from 0.0 to 8.0, outside of [0, 1] which scaling = 'unit'"),
        ("scaling = 7\n" + GOOD, "outside of [0, 7]"),
    ],
)
def test_a_bad_card_is_refused_in_one_line_that_names_it(own_card, text, message):
    refused = refusal(load_dataset, own_card(text))
    assert message in refused
    assert "own" in refused


def test_a_card_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe\x00")
    assert "not a readable TOML card" in refusal(load_dataset, str(tmp_path / "x.toml"))


def test_flat_points_are_images_where_the_card_says_so(own_card):
    assert load_dataset(own_card("shape = [1, 2]\n" + GOOD)).image_shape == (1, 2)
    assert load_dataset(own_card()).image_shape is None


def test_changed_data_are_refused_by_split_and_place(own_card, tmp_path):
    good = fingerprint_card(own_card())["all"]
    card = own_card(GOOD + f'[fingerprint]\nall = "{good}"\n')
    load_dataset(card)
    np.savez(tmp_path / "own.npz", x=X + 1e-9, y=Y)
    message = refusal(load_dataset, card)
    actual = fingerprint_card(card)["all"]
    for part in ("'own'", "split 'all'", str(tmp_path / "own.npz"), good[:12], actual[:12], '"unknown"'):
        assert part in message


def test_splits_with_other_classes_are_merged_over_all_of_them(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=np.array(["b", "b", "d", "d"]))
    np.savez(tmp_path / "b.npz", x=X + 1, y=np.array(["a", "d", "a", "d"]))
    text = 'name = "two"\nloader = "npz"\nsplits = ["late", "early"]\nn = 8\n'
    (tmp_path / "two.toml").write_text(text + '[parameters.path]\nearly = "a.npz"\nlate = "b.npz"\n')
    data = load_dataset(str(tmp_path / "two.toml"))
    assert data.class_names == ("a", "b", "d")
    assert data.y.tolist() == [0, 2, 0, 2, 1, 1, 2, 2]
    assert data.x[:, 0].tolist() == pytest.approx([1 / 7, 3 / 7, 5 / 7, 1, 0, 2 / 7, 4 / 7, 6 / 7])
    early = load_dataset(f"{tmp_path / 'two.toml'}@early")
    assert (early.name, len(early.x), early.class_names) == ("two@early", 4, ("b", "d"))


def test_splits_that_do_not_fit_together_are_refused(tmp_path):
    card = tmp_path / "two.toml"
    card.write_text('name = "two"\nloader = "npz"\nsplits = ["a", "b"]\nparameters.path = {a = "a.npz", b = "b.npz"}\n')
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    np.savez(tmp_path / "b.npz", x=X)
    assert "some splits have labels and some have not" in refusal(load_dataset, str(card))
    np.savez(tmp_path / "b.npz", x=X[:, :1], y=Y)
    assert "give all splits one shape" in refusal(load_dataset, str(card))
    np.savez(tmp_path / "b.npz", x=X, y=np.array(["word"] * len(Y)))
    assert "some in numbers" in refusal(load_dataset, str(card))


def test_the_listing_tells_what_is_present(tmp_path):
    rows = {row["name"]: row for row in card_rows(tmp_path)}
    assert [name for name, row in rows.items() if row["present"]] == ["blobs", "blobs64", "digits"]
    assert rows["cifar10"]["shape"] == (32, 32, 3)
    assert rows["cifar10"]["classes"] == 10


def test_the_data_root_is_the_variable_then_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPCLUSTBENCH_DATA", str(tmp_path))
    assert default_data_root() == tmp_path
    monkeypatch.delenv("DEEPCLUSTBENCH_DATA")
    assert default_data_root().name == "data"


def test_what_comes_with_a_package_is_not_downloaded(tmp_path):
    assert "is not downloaded" in refusal(download_dataset, "digits", tmp_path)


@pytest.mark.parametrize("name", ["mnist", "usps", "cifar10"])
def test_a_download_without_a_network_is_one_line(name, tmp_path, monkeypatch):
    from urllib.error import URLError

    def unplugged(*args, **kwargs):
        raise URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", unplugged)
    message = refusal(download_dataset, name, tmp_path)
    assert f"download of data set {name!r}" in message
    assert "check the network" in message


def test_a_card_made_in_python_loads_too():
    card = Card(name="few", loader="synthetic:blobs", parameters={"n_samples": 30, "centers": 3})
    assert load_dataset(card).n_clusters == 3
