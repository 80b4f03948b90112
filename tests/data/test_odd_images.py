"""Unusual folders of images: each is read correctly or refused in one line."""

import numpy as np
import pytest
from PIL import Image

from bench.data.card import Card
from bench.data.cards import find_card
from tests.data.loading import load_refusal, load_with_warnings

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 4, 5), dtype=np.uint8)


@pytest.fixture
def put(tmp_path):
    """Save an image below a folder, which is ``put.root``."""

    def save(name, image=0, **options):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(PIXELS[image]) if isinstance(image, int) else image
        picture.save(path, **options)
        return path

    save.root = tmp_path / "photos"
    return save


def card(root, **parameters):
    return Card(name="c", loader="image_folder", n_clusters=2, parameters={"path": str(root), **parameters})


def expected(rows):
    return (PIXELS[list(rows)].reshape(len(rows), -1) / 255).astype(np.float32)


@pytest.mark.parametrize("splits", [("train", "val"), ("a", "b"), ("test", "train", "val")])
def test_folders_that_hold_the_same_folders_are_splits(put, splits):
    for split in splits:
        for i, name in enumerate(("cat", "dog", "tench")):
            put(f"{split}/{name}/1.png", i)
    data, _ = load_with_warnings(put.root)
    assert data.class_names == ("cat", "dog", "tench")
    assert len(data.x) == 3 * len(splits)
    one, _ = load_with_warnings(f"{put.root}@{splits[0]}")
    np.testing.assert_array_equal(one.x, expected([0, 1, 2]))
    assert one.items.tolist() == [f"{splits[0]}/{name}/1.png" for name in ("cat", "dog", "tench")]
    assert find_card(str(put.root)).splits[0] == ("a" if "a" in splits else "train")
    assert "no split 'dev'" in load_refusal(f"{put.root}@dev")


def test_a_test_split_may_lack_a_class(put):
    for i, name in enumerate(("train/cat", "train/dog", "test/dog")):
        put(f"{name}/1.png", i)
    data, _ = load_with_warnings(put.root)
    assert (data.class_names, data.y.tolist()) == (("cat", "dog"), [0, 1, 1])


def test_one_folder_of_class_folders_is_a_split(put):
    put("images/cat/1.png", 0)
    put("images/dog/1.png", 1)
    assert load_with_warnings(put.root)[0].class_names == ("cat", "dog")


def test_splits_without_classes_are_no_classes(put):
    put("train/1.png", 0)
    put("test/1.png", 1)
    data, _ = load_with_warnings(put.root, n_clusters=2)
    assert data.y is None
    assert data.items.tolist() == ["train/1.png", "test/1.png"]


def test_a_class_may_be_called_train(put):
    put("bus/1.png", 0)
    put("train/1.png", 1)
    assert load_with_warnings(put.root)[0].class_names == ("bus", "train")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cat/a/1.png", "dog/1.png"], "cat/a: lies deeper than one sub-folder a class"),
        (["cat/a/1.png", "dog/b/1.png"], "lies deeper than one sub-folder a class"),
        (["a/x/y/1.png", "b/x/y/1.png"], "a/x: lies deeper"),
        (["cat/1.png", "cat/old/1.png", "dog/1.png"], "cat/old: lies deeper"),
        (["1.png", "cat/1.png"], "lies beside class folders"),
    ],
)
def test_other_depths_are_refused(put, names, message):
    for name in names:
        put(name)
    assert message in load_refusal(put.root)


def test_an_empty_class_and_an_empty_folder_are_refused(put):
    put("cat/1.png")
    (put.root / "dog").mkdir()
    assert "dog: holds no images" in load_refusal(put.root)


def test_numbered_classes_are_in_the_order_of_their_numbers(put):
    for i in (0, 2, 10):
        put(f"{i}/1.png", i // 5)
    assert load_with_warnings(put.root)[0].class_names == ("0", "2", "10")


def test_grey_is_grey_whatever_it_is_stored_as(put):
    grey = Image.fromarray(PIXELS[0])
    opaque = Image.merge("LA", (grey, Image.new("L", grey.size, 255)))
    palette = Image.fromarray(PIXELS[0]).convert("P")
    palette.putpalette([level for level in range(256) for _ in range(3)])
    palette.putdata(list(PIXELS[0].ravel()))
    for name, image in (("1.png", grey), ("2.png", opaque), ("3.png", palette), ("4.tiff", grey)):
        put(name, image)
    data, _ = load_with_warnings(put.root, n_clusters=2)
    np.testing.assert_array_equal(data.x, expected([0, 0, 0, 0]))
    assert data.image_shape == (4, 5)


def test_a_palette_of_colours_is_read_in_colour(put):
    colours = Image.fromarray(np.stack([PIXELS[0], PIXELS[1], PIXELS[2]], axis=-1))
    put("1.gif", colours.quantize(16))
    put("2.png", colours)
    assert load_with_warnings(put.root, n_clusters=2)[0].image_shape == (4, 5, 3)


def test_grey_stored_in_colour_and_grey_among_colours_are_warned_of(put):
    grey = Image.fromarray(PIXELS[0])
    put("1.png", grey.convert("RGB"))
    put("2.png", Image.fromarray(PIXELS[1]).convert("RGB"))
    assert "every image is grey though stored in colour" in load_with_warnings(put.root, n_clusters=2)[1]
    assert load_with_warnings(card(put.root, mode="L"))[0].x.shape == (2, 20)
    put("3.png", grey)
    put("4.png", Image.fromarray(np.stack([PIXELS[0], PIXELS[1], PIXELS[2]], axis=-1)))
    assert "1 of 4 images are grey, and are read in colour" in load_with_warnings(put.root, n_clusters=2)[1]


def test_transparent_pixels_need_a_background(put):
    grey = Image.fromarray(PIXELS[0])
    alpha = Image.new("L", grey.size, 255)
    alpha.putpixel((1, 0), 0)
    put("1.png", Image.merge("LA", (grey, alpha)))
    put("2.png", 1)
    assert "1.png: has transparent pixels; give parameters.background" in load_refusal(put.root, n_clusters=2)
    data, _ = load_with_warnings(card(put.root, background=255))
    assert data.x[0, 1] == 1
    np.testing.assert_array_equal(data.x[0, 2:], expected([0])[0, 2:])


def test_sixteen_bits_keep_their_order_and_one_range(put):
    deep = PIXELS.astype(np.uint16) * 257
    for i in range(2):
        put(f"{i}.png", Image.fromarray(deep[i]))
    data, _ = load_with_warnings(put.root, n_clusters=2)
    low, high = deep[:2].min(), deep[:2].max()
    np.testing.assert_allclose(data.x, (deep[:2].reshape(2, -1) - low) / (high - low), rtol=1e-6)
    assert "one range for all values" in data.scaling
    assert load_with_warnings(card(put.root, resize=[2, 2]))[0].x.shape == (2, 4)
    put("3.png", 1)
    assert "3.png: has pixels of another depth" in load_refusal(put.root, n_clusters=2)


def test_a_photo_is_read_as_it_is_shown(put):
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held upright
    put("1.png", Image.fromarray(PIXELS[0]), exif=turned)
    put("2.png", Image.fromarray(PIXELS[1]), exif=turned)
    data, _ = load_with_warnings(put.root, n_clusters=2)
    assert data.image_shape == (5, 4)
    np.testing.assert_array_equal(data.x[0], (np.rot90(PIXELS[0], -1).ravel() / 255).astype(np.float32))


def test_an_animation_is_no_image(put):
    frames = [Image.fromarray(each) for each in PIXELS[:3]]
    put("1.gif", frames[0], save_all=True, append_images=frames[1:])
    assert "1.gif: holds 3 pictures" in load_refusal(put.root, n_clusters=2)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"<svg/>"])
def test_what_is_no_image_is_named(put, content):
    put("1.png")
    (put.root / "2.png").write_bytes(content)
    assert "2.png: cannot be read" in load_refusal(put.root, n_clusters=2)


def test_images_of_a_kind_that_is_not_read_are_warned_of(put):
    put("1.png")
    put("2.png", 1)
    (put.root / "3.heic").write_bytes(b"x")
    (put.root / "notes.txt").write_text("x")
    (put.root / ".DS_Store").write_bytes(b"x")
    (put.root / "__MACOSX").mkdir()
    data, warned = load_with_warnings(put.root, n_clusters=2)
    assert len(data.x) == 2
    assert "3.heic: is no kind of image that is read, and left out, with 0 more files" in warned


def test_unequal_sizes_are_refused_with_resize_offered(put):
    put("1.png")
    put("2.png", Image.fromarray(PIXELS[1][:3]))
    assert "2.png: is 3 x 5 (height x width) where 1.png is 4 x 5; give parameters.resize" in load_refusal(
        put.root, n_clusters=2
    )
    assert load_with_warnings(card(put.root, resize=[4, 4]))[0].image_shape == (4, 4)
    assert "parameters.resize" in load_refusal(card(put.root, resize=[0, 4]))


def test_more_pixels_than_memory_are_refused_before_they_are_read(put):
    put("1.png")
    put("2.png", 1)
    assert "give parameters.resize" in load_refusal(card(put.root, resize=[40_000, 40_000]))


@pytest.mark.parametrize(
    ("kind", "top", "words", "warned"),
    [
        ("u1", 255, "divided by 255", False),
        ("i8", 255, "divided by 255", False),
        (">f4", 255, "divided by 255", False),
        ("u1", 16, "one range for all values, 0 to 16", True),
        ("f8", 16, "one range for all values, 0 to 16", True),
        ("u1", 1, "values in [0, 1] as they are", False),
        ("u2", 4095, "one range for all values, 0 to 4095", False),
    ],
)
def test_an_images_values_say_how_it_is_scaled(tmp_path, kind, top, words, warned):
    images = np.linspace(0, top, 10 * 9).round().reshape(10, 3, 3)
    np.save(tmp_path / "i.npy", images.astype(kind))
    data, warning = load_with_warnings(tmp_path / "i.npy", n_clusters=2)
    assert words in data.scaling
    assert data.x.max() == 1
    assert ("far below 255" in warning) is warned


def test_one_folder_within_every_class_is_no_class(put):
    for name in ("n01", "n02", "n03"):
        put(f"{name}/images/1.png")
    assert "n01/images: lies deeper than one sub-folder a class" in load_refusal(put.root, n_clusters=3)


def test_splits_of_other_names_are_warned_of(put):
    for i, name in enumerate(("cat/left", "cat/right", "dog/left", "dog/right")):
        put(f"{name}/1.png", i)
    assert (
        "cat, dog all hold the same folders, so they are taken for splits, and left, right"
        in load_with_warnings(put.root)[1]
    )


def test_a_link_to_nowhere_is_a_damaged_file(put):
    put("1.png")
    (put.root / "2.png").symlink_to(put.root / "gone.png")
    assert "2.png: is a link to a file that is not there" in load_refusal(put.root, n_clusters=2)


def test_a_folder_may_be_called_none(put):
    put("None/1.png")
    put("some/1.png", 1)
    assert load_with_warnings(put.root)[0].class_names == ("None", "some")


def test_the_refusal_of_a_card_for_a_folder_of_splits_names_them(put):
    for i, name in enumerate(("train/cat", "train/dog", "test/cat", "test/dog")):
        put(f"{name}/1.png", i)
    assert "say splits = ['train', 'test'] in the card" in load_refusal(card(put.root))
