"""The guides are short, lead to each other, speak the field's language and begin with a command."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.guides.reading import GUIDES, ROOT, anchors, blocks, named, options, prose

#: Options of other programs that the prose mentions.
OTHERS = {
    "--help",
    "--generate",
    "--extra",
    "--benchmark-compare",
    "--benchmark-only",
    "--deepclustbench-baseline",
    "--deepclustbench-update",
}
#: Words of the code that a reader should not have to know.
JARGON = r"\b(cells?|twins?|boards?|no difference shown|cannot be significant with n)\b"

each_guide = pytest.mark.parametrize("guide", GUIDES, ids=named)


def test_the_readme_has_at_most_a_hundred_lines():
    assert len(GUIDES[0].read_text().splitlines()) <= 100


@each_guide
def test_a_guide_begins_with_a_command(guide):
    first = blocks(guides=(guide,))[0]
    assert first.language == "sh"
    assert first.line <= 30


@each_guide
def test_every_link_leads_somewhere(guide):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(guide)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (guide.parent / path).resolve() if path else guide
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def test_every_guide_is_reached_from_the_readme():
    links = re.findall(r"\]\(([^)#\s]+)", GUIDES[0].read_text())
    assert {named(guide) for guide in GUIDES[1:]} <= set(links)


@each_guide
def test_prose_speaks_of_runs_counterparts_and_leaderboards(guide):
    words = re.sub(r"`[^`]*`|\]\([^)]*\)", "", prose(guide))  # identifiers and files keep their names
    assert not re.findall(JARGON, words, re.I)


@each_guide
def test_options_in_prose_are_options(guide):
    mentioned = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+|(?<=`)-[a-z](?=`)", prose(guide)))
    assert mentioned <= options() | OTHERS


@each_guide
def test_files_and_folders_in_backticks_exist(guide):
    for path in re.findall(r"`((?:bench|methods|datasets|results|tests)/[\w./-]+)`", prose(guide)):
        if not path.startswith("results/runs") and path not in ("results/published.toml",):
            assert (ROOT / path).exists(), path


def test_the_test_command_is_what_continuous_integration_runs():
    command = (ROOT / ".ci/run").read_text().splitlines()[-1]
    assert f"```sh\n{command}\n```" in GUIDES[0].read_text()


def test_the_citation_is_of_this_version():
    (entry,) = blocks("bibtex")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    fields = dict(re.findall(r"^\s*(\w+)\s*=\s*\{+([^}]*)\}+,?$", entry.text, re.M))
    assert fields["version"] == project["version"]
    assert fields["author"] in (ROOT / "LICENSE").read_text()
    assert entry.text.count("{") == entry.text.count("}")


def test_one_address_of_the_repository_is_given():
    text = "\n".join(guide.read_text() for guide in GUIDES)
    addresses = set(re.findall(r"https://github\.com/[\w-]+/deepclustbench", text))
    assert len(addresses) == 1


def test_every_block_has_a_language_that_is_tested():
    assert {block.language for block in blocks()} <= {"sh", "python", "toml", "yaml", "text", "bibtex"}


def test_every_room_with_a_guide_is_a_folder_at_the_top():
    tops = {path.parent.name for path in ROOT.glob("*/README.md") if not path.parent.name.startswith(".")}
    assert tops == {guide.parent.name for guide in GUIDES[1:]}
    assert all(isinstance(guide, Path) and guide.is_file() for guide in GUIDES)
