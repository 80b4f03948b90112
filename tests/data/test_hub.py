"""Data sets of the Hugging Face hub, from a cache as its client lays it out, and from a server on loopback."""

import numpy as np
import pyarrow as pa
import pytest
from huggingface_hub import constants

from bench.data.card import Card
from bench.data.cards import download_dataset, find_card, load_dataset
from tests.data.hub_repository import (
    COMMIT,
    IMAGE,
    classes,
    image_bytes,
    images_of,
    lay_out,
    parquet,
    pictures,
    serving,
)
from tests.data.loading import refusal

pytestmark = pytest.mark.filterwarnings("ignore:.*networks hardly learn", "ignore:.*are grey, and are read in colour")

README = """---
license: mit
configs:
- config_name: mnist
  data_files:
  - split: train
    path: mnist/train-*
  - split: test
    path: mnist/test-*
---
Digits.
"""
PIXELS = np.random.default_rng(0).integers(0, 256, (12, 4, 5), dtype=np.uint8)
LABELS = [0, 1, 2] * 4
COLOURS = np.random.default_rng(1).integers(0, 256, (12, 4, 5, 3), dtype=np.uint8)
TABLE = {"width": [1, 2, 3, 4], "height": [0.5, 1.5, 2.5, 9.5], "label": [0, 0, 1, 1]}
ELSEWHERE = "0123456789abcdef0123456789abcdef01234567"


def endpoint(monkeypatch, url):
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, and no network: nothing listens at the hub's address."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    endpoint(monkeypatch, "http://127.0.0.1:9")
    return folder


@pytest.fixture
def hub(monkeypatch):
    with serving() as server:
        endpoint(monkeypatch, server.url)
        yield server


def digits(**files):
    return {
        "README.md": README,
        "mnist/train-00000-of-00001.parquet": pictures(PIXELS[:8], LABELS[:8]),
        "mnist/test-00000-of-00001.parquet": pictures(PIXELS[8:], LABELS[8:]),
    } | files


def one_file(content, name="data/train-00000-of-00001.parquet"):
    """A data set of one file, with a README that says so."""
    return {"README.md": f"---\nconfigs:\n- config_name: default\n  data_files: {name}\n---\n", name: content}


def test_mnist_of_the_hub_is_that_of_torchvision(cache, data_root):
    whole = load_dataset("mnist", data_root=data_root)
    files = {"README.md": README}
    for split, start in (("test", 60000), ("train", 0)):
        images = (whole.x[start:][:200] * 255).round().astype(np.uint8).reshape(-1, 28, 28)
        files[f"mnist/{split}-00000-of-00001.parquet"] = pictures(images, whole.y[start:][:200])
    lay_out(cache, "ylecun/mnist", files)
    data, test = load_dataset("hf:ylecun/mnist"), load_dataset("hf:ylecun/mnist@test")
    places = np.r_[0:200, 60000:60200]
    np.testing.assert_array_equal(data.x, whole.x[places])
    np.testing.assert_array_equal(data.y, whole.y[places])
    assert (data.image_shape, data.class_names, data.n_clusters) == (whole.image_shape, whole.class_names, 10)
    np.testing.assert_array_equal(test.x, whole.x[60000:60200])
    assert (data.name, test.name) == ("hf-ylecun-mnist", "hf-ylecun-mnist@test")


def test_the_commit_is_in_the_card_and_its_address_finds_the_same_data(cache):
    lay_out(cache, "ylecun/mnist", digits())
    card = find_card("hf:ylecun/mnist")
    assert card.splits == ("train", "test")
    assert card.parameters == {"repo": "ylecun/mnist", "config": "mnist", "revision": COMMIT}
    by_commit = load_dataset(f"hf:ylecun/mnist:mnist#{COMMIT}@test+train")
    assert by_commit.name == f"hf-ylecun-mnist-mnist-{COMMIT[:12]}"
    assert by_commit.source == load_dataset("hf:ylecun/mnist").source == f"hf:ylecun/mnist:mnist#{COMMIT}"
    assert by_commit.fingerprint == load_dataset("hf:ylecun/mnist").fingerprint


def test_the_same_images_in_other_files_are_the_same_data(cache):
    lay_out(cache, "a/one", digits())
    halves = {
        f"data/train-0000{i}-of-00002.parquet": pictures(PIXELS[4 * i :][:4], LABELS[4 * i :][:4]) for i in (0, 1)
    }
    with_test = halves | {"data/test-00000-of-00001.parquet": pictures(PIXELS[8:], LABELS[8:])}
    lay_out(cache, "a/two", with_test)
    with pytest.warns(RuntimeWarning, match="does not say which files"):
        other = load_dataset("hf:a/two")
    assert other.fingerprint == load_dataset("hf:a/one").fingerprint


def test_a_commit_in_the_cache_is_read_without_a_question_to_the_hub(cache, hub):
    lay_out(cache, "ylecun/mnist", digits())
    load_dataset("hf:ylecun/mnist")
    load_dataset("hf:ylecun/mnist@test")
    assert hub.asked == []


def test_what_the_cache_lacks_is_fetched_once_and_then_read_without_network(hub, monkeypatch):
    hub.publish("ylecun/mnist", digits())
    data = load_dataset("hf:ylecun/mnist@test")
    assert data.x.shape == (4, 20)
    assert not [path for path in hub.asked if "train-" in path]
    load_dataset("hf:ylecun/mnist")
    endpoint(monkeypatch, "http://127.0.0.1:9")
    assert load_dataset("hf:ylecun/mnist").x.shape == (12, 20)


def test_a_download_takes_the_newest_commit_and_a_run_what_was_downloaded(hub):
    hub.publish("ylecun/mnist", digits())
    folder = download_dataset("hf:ylecun/mnist")
    assert (folder / "mnist/train-00000-of-00001.parquet").is_file()
    hub.publish("ylecun/mnist", digits(**{"NEW.md": ""}), commit=ELSEWHERE)
    assert find_card("hf:ylecun/mnist").parameters["revision"] == COMMIT
    download_dataset("hf:ylecun/mnist")
    assert find_card("hf:ylecun/mnist").parameters["revision"] == ELSEWHERE
    assert find_card(f"hf:ylecun/mnist#{COMMIT}").parameters["revision"] == COMMIT


def test_a_part_in_the_cache_is_completed_or_refused_but_never_taken_for_the_whole(cache, hub, monkeypatch):
    part = digits()
    del part["mnist/train-00000-of-00001.parquet"]
    lay_out(cache, "ylecun/mnist", part)
    endpoint(monkeypatch, "http://127.0.0.1:9")
    assert "not, or not wholly, in the hub's cache" in refusal(load_dataset, "hf:ylecun/mnist")
    endpoint(monkeypatch, hub.url)
    hub.publish("ylecun/mnist", digits())
    assert len(load_dataset("hf:ylecun/mnist").x) == 12


def test_a_loading_script_is_not_run_and_the_hubs_parquet_copy_is_taken(hub):
    script = {"README.md": "Digits.", "mnist.py": "raise SystemExit('run')"}
    hub.publish("a/mnist", script)
    assert "holds a loading script and no data, and code of others is not run" in refusal(load_dataset, "hf:a/mnist")
    copy = {"mnist/train/0000.parquet": pictures(PIXELS, LABELS)}
    hub.publish("a/mnist", copy, revision="refs/convert/parquet", commit=ELSEWHERE)
    assert find_card("hf:a/mnist").parameters == {"repo": "a/mnist", "config": "mnist", "revision": ELSEWHERE}
    assert load_dataset("hf:a/mnist").x.shape == (12, 20)
    assert find_card("hf:a/mnist#refs/convert/parquet").name == "hf-a-mnist-refs-convert-parquet"
    assert "leave #main out" in refusal(load_dataset, "hf:a/mnist#main")


def test_the_parquet_copy_is_read_from_the_cache_as_well(cache):
    copy = {"mnist/train/0000.parquet": pictures(PIXELS, LABELS)}
    lay_out(cache, "a/mnist", copy, revision="refs/convert/parquet")
    with pytest.warns(RuntimeWarning):
        assert load_dataset("hf:a/mnist").x.shape == (12, 20)


def test_several_configurations_need_a_name(cache):
    files = {f"{name}/train-00000-of-00001.parquet": pictures(PIXELS, LABELS) for name in ("large", "small")}
    lay_out(cache, "a/b", files)
    assert "several configurations, large, small" in refusal(load_dataset, "hf:a/b")
    with pytest.warns(RuntimeWarning):
        assert load_dataset("hf:a/b:small").name == "hf-a-b-small"


def test_names_of_classes_come_from_the_files_and_only_classes_that_occur_count(cache):
    names = {"image": IMAGE, "label": classes("zebra", "ant", "never", "cat")}
    lay_out(cache, "a/b", one_file(pictures(PIXELS[:4], [0, 0, 1, 3], names)))
    data = load_dataset("hf:a/b")
    assert data.class_names == ("zebra", "ant", "cat")
    assert data.n_clusters == 3
    assert data.y.tolist() == [0, 0, 1, 2]


def test_labels_may_be_words(cache):
    column = {"image": images_of(PIXELS[:4]), "label": ["b", "a", "b", "b"]}
    lay_out(cache, "a/b", one_file(parquet(column)))
    data = load_dataset("hf:a/b")
    assert data.class_names == ("a", "b")
    assert data.y.tolist() == [1, 0, 1, 1]


def test_the_images_decide_between_colour_and_grey(cache):
    lay_out(cache, "a/colour", one_file(pictures(COLOURS, LABELS)))
    lay_out(cache, "a/mixed", one_file(pictures([*COLOURS[:6], *PIXELS[:6]], LABELS)))
    np.testing.assert_array_equal(load_dataset("hf:a/colour").x, COLOURS.reshape(12, -1) / np.float32(255))
    mixed = load_dataset("hf:a/mixed")
    assert mixed.image_shape == (4, 5, 3)
    np.testing.assert_array_equal(mixed.x[6:].reshape(6, 4, 5, 3)[..., 0], PIXELS[:6] / np.float32(255))


def card_of(**parameters):
    return Card(name="own", loader="hub", splits=("train",), parameters={"repo": "a/b", **parameters})


def test_images_of_several_sizes_are_refused_unless_a_card_gives_one(cache):
    lay_out(cache, "a/b", one_file(pictures([*PIXELS[:3], PIXELS[3, :3]], LABELS[:4])))
    assert "give parameters.resize = [height, width] in a card" in refusal(load_dataset, "hf:a/b")
    assert load_dataset(card_of(resize=[4, 4])).image_shape == (4, 4)


def test_a_card_says_which_column_holds_the_images_and_which_the_labels(cache):
    columns = {
        "left": images_of(PIXELS[:4]),
        "right": images_of(PIXELS[4:8]),
        "fine": [0, 1, 2, 2],
        "coarse": [0, 0, 1, 1],
    }
    features = {"left": IMAGE, "right": IMAGE, "fine": classes(*"abc"), "coarse": classes(*"de")}
    lay_out(cache, "a/b", one_file(parquet(columns, features)))
    assert "several columns of images, left, right" in refusal(load_dataset, "hf:a/b")
    assert "several columns of classes, fine, coarse" in refusal(load_dataset, card_of(image="left"))
    assert "column 'fine' holds no images" in refusal(load_dataset, card_of(image="fine"))
    assert "has no column 'middle'; its columns are left, right" in refusal(load_dataset, card_of(image="middle"))
    for label in ("coarse", -1, 3):
        data = load_dataset(card_of(image="right", label=label))
        assert data.class_names == ("d", "e")
        np.testing.assert_array_equal(data.x.reshape(4, 4, 5), PIXELS[4:8] / np.float32(255))
    assert "has no column 4" in refusal(load_dataset, card_of(image="right", label=4))
    assert load_dataset(card_of(image="right", label="fine", ignore=["coarse"])).class_names == ("a", "b", "c")


def test_a_column_beside_images_that_may_be_the_labels_is_asked_about(cache):
    columns = {"image": images_of(PIXELS[:4]), "species": ["a", "b", "a", "b"]}
    lay_out(cache, "a/b", one_file(parquet(columns)))
    assert "which column holds the labels: species?" in refusal(load_dataset, "hf:a/b")
    assert load_dataset(card_of(label="species")).class_names == ("a", "b")
    assert load_dataset("hf:a/b", label="species").class_names == ("a", "b")
    assert load_dataset("hf:a/b", label="none", n_clusters=2).y is None
    assert load_dataset(card_of(ignore=["species"]), n_clusters=2).y is None


def test_deeper_grey_and_transparent_images_are_read_as_those_of_a_folder(cache):
    deep = PIXELS.astype(np.uint16) * 200
    lay_out(cache, "a/deep", one_file(pictures(deep, LABELS)))
    np.testing.assert_allclose(load_dataset("hf:a/deep").x, deep.reshape(12, -1) / deep.max(), rtol=1e-6)
    clear = np.concatenate([COLOURS, PIXELS[..., None]], axis=-1)
    lay_out(cache, "a/clear", one_file(pictures(clear, LABELS)))
    assert "parameters.background" in refusal(load_dataset, "hf:a/clear")


def test_an_option_of_tables_reaches_csv_files_and_is_refused_where_it_says_nothing(cache):
    lay_out(cache, "a/b", one_file("1,2,0\n3,5,1\n2,9,1\n", "train.csv"))
    data = load_dataset("hf:a/b", header="none", label=-1)
    assert data.x.shape == (3, 2)
    assert data.y.tolist() == [0, 1, 1]


def test_several_csv_files_of_a_split_are_one_below_the_other(cache):
    parts = {f"train-0000{i}-of-00002.csv": f"x,label\n{i},a\n{i + 5},b\n" for i in (0, 1)}
    lay_out(cache, "a/b", parts)
    with pytest.warns(RuntimeWarning, match="does not say which files"):
        data = load_dataset("hf:a/b")
    assert data.y.tolist() == [0, 1, 0, 1]
    np.testing.assert_allclose(data.x[:, 0], [0, 5 / 6, 1 / 6, 1], rtol=1e-6)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_numbers_are_a_table(cache, suffix):
    import pandas as pd

    content = parquet(TABLE) if suffix == "parquet" else pd.DataFrame(TABLE).to_csv(index=False)
    lay_out(cache, "a/b", one_file(content, f"train.{suffix}"))
    data = load_dataset("hf:a/b")
    np.testing.assert_allclose(data.x, [[0, 0], [1 / 3, 1 / 9], [2 / 3, 2 / 9], [1, 1]], rtol=1e-6)
    assert data.y.tolist() == [0, 0, 1, 1]
    assert data.image_shape is None


def test_a_saved_row_index_is_no_feature(cache):
    lay_out(cache, "a/b", one_file(parquet({**TABLE, "__index_level_0__": [9, 8, 7, 6]})))
    assert load_dataset("hf:a/b").x.shape == (4, 2)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PAR1 damaged", "the file is damaged: delete"),
        (b"version https://git-lfs.github.com/spec/v1", "the file is damaged: delete"),
        (parquet({"text": ["one", "two"], "label": [0, 1]}), "column 'text' is not numeric: 'one' in row 0"),
        (parquet({"x": [[1, 2], [3, 4]], "label": [0, 1]}), "column 'x' is not numeric"),
        (parquet({"label": [0, 1]}), "has no column of features"),
        (parquet({"x": [1.0, None, 2.0], "label": [0, 1, 0]}), "the first in row 1, column 'x'"),
        (parquet({"x": [1.0, 3.0, 2.0], "label": [0, None, 0]}), "column 'label' lacks 1 labels, the first in row 1"),
        (parquet({"x": [1.0, 3.0], "label": [[0], [1]]}), "'label' holds list<element: int64>; a point has one label"),
        (parquet({"x": pa.array([], pa.float64()), "label": pa.array([], pa.int64())}), "holds no values"),
        (pictures([], pa.array([], pa.int64())), "split 'train' has no rows"),
        (parquet({"image": images_of(PIXELS[:2]), "label": [0, None]}), "1 labels are missing, the first in row 1"),
        (pictures([b"GIF8 no image", PIXELS[0]], [0, 1]), "train/row 0: cannot be read (UnidentifiedImageError"),
        (pictures([image_bytes(PIXELS[0])[:60], PIXELS[0]], [0, 1]), "train/row 0: cannot be read"),
        (pictures([None, PIXELS[0]], [0, 1]), "train/row 0: holds no image, or only the path of one"),
        (pictures([PIXELS[0].astype(np.uint16) * 200, PIXELS[0]], [0, 1]), "row 1: has pixels of another depth"),
        (parquet({"audio": images_of([b"RIFF"]), "label": [0]}, {"audio": {"_type": "Audio"}}), "'audio' is not num"),
    ],
)  # fmt: skip
def test_data_that_are_not_clustered_are_refused_in_a_line(cache, content, says):
    lay_out(cache, "a/b", one_file(content))
    message = refusal(load_dataset, "hf:a/b")
    assert says in message
    assert "a/b" in message or "a--b" in message


def test_a_split_without_labels_is_not_joined_to_one_that_has_them(cache):
    files = digits()
    files["mnist/test-00000-of-00001.parquet"] = pictures(PIXELS[8:], [-1] * 4)
    lay_out(cache, "ylecun/mnist", files)
    assert "some splits have labels and some have not" in refusal(load_dataset, "hf:ylecun/mnist")
    assert load_dataset("hf:ylecun/mnist@train").n_clusters == 3
    assert load_dataset("hf:ylecun/mnist@test", n_clusters=2).y is None


def test_a_card_may_name_the_hub(cache, tmp_path):
    lay_out(cache, "ylecun/mnist", digits())
    path = tmp_path / "own.toml"
    path.write_text(
        'name = "own"\nloader = "hub"\nsplits = ["train", "test"]\nshape = [4, 5]\nn = 12\n'
        f'[parameters]\nrepo = "ylecun/mnist"\nrevision = "{COMMIT}"\n'
    )
    data = load_dataset(str(path))
    assert data.fingerprint == load_dataset("hf:ylecun/mnist").fingerprint
    path.write_text('name = "own"\nloader = "hub"\n[parameters]\nrepo = "ylecun/mnist"\n')
    assert "has no split 'all'; its splits are train, test: write them" in refusal(load_dataset, str(path))
    path.write_text('name = "own"\nloader = "hub"\n')
    assert "parameters.repo" in refusal(load_dataset, str(path))
    assert "not downloaded" in refusal(download_dataset, str(path))


def test_a_suite_and_the_command_line_take_addresses(cache):
    from bench.plan.suite import load_suite, make_suite

    lay_out(cache, "ylecun/mnist", digits())
    named = ["hf:ylecun/mnist:mnist#main@test", "openml:61", "digits"]
    suite = load_suite("quick", datasets=",".join(named).split(","))
    assert make_suite(suite.model_dump(), "again").datasets == named
    assert load_dataset(suite.datasets[0]).name == "hf-ylecun-mnist-mnist-main@test"


@pytest.mark.parametrize(
    "spec",
    ["hf:", "hf:mnist", "hf:a/b/c", "hf:/b", "hf:a/", "hf:a/b:", "hf:a/b#", "hf:a/b:c:d", "hf:a b/c", "hf:a/b#x#y"],
)  # fmt: skip
def test_the_refusal_of_a_malformed_address_shows_a_correct_one(spec):
    message = refusal(load_dataset, spec)
    assert spec in message
    assert "write hf:OWNER/NAME" in message


@pytest.mark.parametrize("spec", ["hf:a--b/c", "hf:a/b..c", "hf:-a/b", "hf:a/b.git", "hf:" + "a" * 97 + "/b"])
def test_a_name_that_the_hub_cannot_have_is_refused_before_it_is_asked(spec):
    assert "not a name on the hub" in refusal(load_dataset, spec)


def test_the_refusal_of_an_absent_split_names_the_existing_ones(cache):
    lay_out(cache, "ylecun/mnist", digits())
    for split in ("tset", "", "train+", "test@train"):
        assert "its splits are train, test" in refusal(load_dataset, f"hf:ylecun/mnist@{split}")


def test_what_the_hub_refuses_is_one_line(hub):
    hub.publish("ylecun/mnist", digits())
    hub.publish("a/gated", digits())
    hub.gated.add("a/gated")
    hub.publish("a/pictures", {"README.md": "", "train/1.png": image_bytes(PIXELS[0])})
    hub.publish("a/damaged", {"README.md": "---\nconfigs: [\n---\n", "train.csv": "x,label\n1,0\n"})
    hub.publish("a/odd", {"README.md": "---\nconfigs: 7\n---\n", "train.csv": "x,label\n1,0\n"})
    assert "no such data set, or a private one" in refusal(load_dataset, "hf:no/such")
    assert "no such revision" in refusal(load_dataset, "hf:ylecun/mnist#v2")
    assert "no such revision" in refusal(load_dataset, f"hf:ylecun/mnist#{ELSEWHERE}")
    assert "asks for consent" in refusal(load_dataset, "hf:a/gated")
    assert "holds no .parquet or .csv file, but .png" in refusal(load_dataset, "hf:a/pictures")
    assert "README.md" in refusal(load_dataset, "hf:a/damaged")
    assert "README.md" in refusal(load_dataset, "hf:a/odd")


def test_without_network_and_data_the_line_says_how_to_get_them(monkeypatch, cache):
    message = refusal(load_dataset, "hf:ylecun/mnist")
    assert str(cache) in message
    assert "`deepclustbench datasets --download hf:ylecun/mnist`" in message
    assert "cannot be asked" in refusal(download_dataset, "hf:ylecun/mnist")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refusal(load_dataset, "hf:ylecun/mnist")


def test_what_the_cache_holds_is_read_in_offline_mode(monkeypatch, cache):
    lay_out(cache, "ylecun/mnist", digits())
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert load_dataset("hf:ylecun/mnist").x.shape == (12, 20)


@pytest.mark.parametrize("content", ["", "main", "../..", COMMIT[:12], ELSEWHERE])
def test_a_damaged_name_of_a_commit_is_as_good_as_none(cache, content):
    lay_out(cache, "ylecun/mnist", digits())
    (cache / "datasets--ylecun--mnist/refs/main").write_text(content)
    assert "not, or not wholly, in the hub's cache" in refusal(load_dataset, "hf:ylecun/mnist")


def test_a_file_that_was_deleted_from_the_cache_is_fetched_again(hub):
    hub.publish("ylecun/mnist", digits())
    folder = download_dataset("hf:ylecun/mnist")
    (folder / "mnist/test-00000-of-00001.parquet").resolve().unlink()
    assert len(load_dataset("hf:ylecun/mnist").x) == 12
