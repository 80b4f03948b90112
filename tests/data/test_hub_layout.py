"""Files of a Hugging Face repository are sorted by split and configuration."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.readers.hub_layout import choose_configuration, configurations, missing_parts
from bench.errors import InputError

NUMBERED = [
    "mnist/train-00000-of-00002.parquet",
    "mnist/train-00001-of-00002.parquet",
    "mnist/test-00000-of-00001.parquet",
]


def declared(*entries):
    return {"configs": list(entries)}


@pytest.mark.parametrize(
    ("file", "config", "split"),
    [
        ("data/train-00000-of-00001.parquet", "default", "train"),
        ("data/train-00000-of-00001-a09b74b3ef9c3b56.parquet", "default", "train"),
        ("data/unsupervised-00000-of-00001.parquet", "default", "unsupervised"),
        ("data/train_small-00000-of-00001.parquet", "default", "train_small"),
        ("mnist/test-00000-of-00001.parquet", "mnist", "test"),
        ("mnist/mnist-test.parquet", "mnist", "test"),
        ("mnist/mnist-train-00000-of-00002.parquet", "mnist", "train"),
        ("mnist/validation/0000.parquet", "mnist", "validation"),
        ("default/train_small/0000.parquet", "default", "train_small"),
        ("train.csv", "default", "train"),
        ("Testing_set.csv", "default", "test"),
        ("my-dev.file.csv", "default", "validation"),
        ("data/test/a.parquet", "default", "test"),
        ("points.parquet", "default", "train"),
        ("latest.csv", "default", "train"),  # a word within a word is none
    ],
)
def test_names_say_the_split_as_on_the_hub(file, config, split):
    assert configurations([file, "README.md", "mnist.py"], {}, "hf:a/b") == {config: {split: (file,)}}


def test_splits_stand_in_the_hubs_order_and_files_in_that_of_their_numbers():
    files = ["zoo-00000-of-00001.parquet", *reversed(NUMBERED), "mnist/validation-00000-of-00001.parquet"]
    configs = configurations(files, {}, "hf:a/b")
    assert list(configs["mnist"]) == ["train", "validation", "test"]
    assert configs["mnist"]["train"] == tuple(NUMBERED[:2])
    assert list(configs["default"]) == ["zoo"]


@given(
    st.sets(
        st.tuples(
            st.sampled_from(["", "data/", "one/", "two/train/", "two/test/"]),
            st.sampled_from(["train", "test", "dev", "all", "x-val", "0000"]),
        ),
        min_size=1,
    ),
    st.randoms(),
)
def test_every_file_is_in_one_split_whatever_the_order_of_the_listing(names, random):
    files = [f"{folder}{stem}.parquet" for folder, stem in sorted(names)]
    configs = configurations(files, {}, "hf:a/b")
    assert sorted(f for splits in configs.values() for paths in splits.values() for f in paths) == sorted(files)
    shuffled = random.sample(files, len(files))
    assert configurations(shuffled, {}, "hf:a/b") == configs


@pytest.mark.parametrize(
    "chosen",
    [
        [{"split": "train", "path": "mnist/train-*"}, {"split": "test", "path": ["mnist/test-*"]}],
        [{"split": "train", "path": NUMBERED[:2]}, {"split": "test", "path": "./mnist/**/test-*.parquet"}],
        {"train": "mnist/train*", "test": "mnist/test*"},
    ],
)
def test_a_readme_says_which_files_are_which_split(chosen):
    configs = configurations(NUMBERED, declared({"config_name": "digits", "data_files": chosen}), "hf:a/b")
    assert configs == {"digits": {"train": tuple(NUMBERED[:2]), "test": (NUMBERED[2],)}}


def test_a_readme_may_name_one_pattern_or_one_folder():
    files = ["one/train.csv", "one/test.csv", "two/x.csv"]
    metadata = declared({"config_name": "a", "data_files": "two/*.csv"}, {"config_name": "b", "data_dir": "one"})
    assert configurations(files, metadata, "hf:a/b") == {
        "a": {"train": ("two/x.csv",)},
        "b": {"train": ("one/train.csv",), "test": ("one/test.csv",)},
    }


def test_a_pattern_does_not_reach_into_folders():
    files = ["train.csv", "old/train.csv"]
    metadata = declared({"config_name": "default", "data_files": "*.csv"})
    assert configurations(files, metadata, "hf:a/b") == {"default": {"train": ("train.csv",)}}


def test_several_configurations_need_a_name_unless_one_is_the_default():
    configs = {"one": {"train": ("a",)}, "two": {"train": ("b",)}}
    with pytest.raises(InputError, match="several configurations, one, two; write which: hf:OWNER/NAME:CONFIG"):
        choose_configuration(configs, {}, None, "hf:a/b")
    with pytest.raises(InputError, match="no configuration 'three'; it has one, two"):
        choose_configuration(configs, {}, "three", "hf:a/b")
    assert choose_configuration(configs, {}, "two", "hf:a/b") == "two"
    assert choose_configuration(configs, declared({"config_name": "two", "default": True}), None, "hf:a/b") == "two"
    assert choose_configuration({"default": {}, **configs}, {}, None, "hf:a/b") == "default"


def test_two_formats_side_by_side_are_not_guessed_at():
    with pytest.raises(InputError, match=r"holds \.csv and \.parquet files"):
        configurations(["train.parquet", "test.csv"], {}, "hf:a/b")


def test_a_part_of_a_data_set_is_not_taken_for_the_whole():
    with pytest.raises(InputError, match="only a part"):
        configurations(["default/partial-train/0000.parquet"], {}, "hf:a/b")


def test_what_describes_images_is_no_table():
    assert configurations(["train/metadata.csv", "train/1.png"], {}, "hf:a/b") == {}


def test_missing_numbers_and_splits_are_seen():
    whole = configurations(NUMBERED, {}, "hf:a/b")["mnist"]
    infos = {"dataset_info": [{"config_name": "mnist", "splits": [{"name": "train"}, {"name": "test"}]}]}
    assert missing_parts(whole, infos, "mnist") == []
    assert missing_parts({"train": whole["train"][:1]}, infos, "mnist") == ["test", "1 of mnist/train's 2 files"]
    assert missing_parts({**whole, "test": ()}, {}, "mnist") == ["test"]
