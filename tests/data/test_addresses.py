"""Addresses of data sets: their parts, and that they survive a command line and a suite's file."""

import tomllib

import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from bench.data.addresses import card_of_address, is_address, parse_address

WORDS = st.from_regex(r"[A-Za-z0-9_.-]+", fullmatch=True)
OTHERS = st.from_regex(r"[A-Za-z0-9_./=-]+", fullmatch=True)


@given(WORDS, WORDS, st.none() | OTHERS, st.none() | OTHERS)
def test_an_address_says_its_parts_and_survives_commas_and_toml(owner, name, config, revision):
    address = f"hf:{owner}/{name}" + (f":{config}" if config else "") + (f"#{revision}" if revision else "")
    parts = {"repo": f"{owner}/{name}", "config": config, "revision": revision}
    assert is_address(address)
    card = parse_address(address)
    assert (card.loader, card.parameters) == ("hub", {key: value for key, value in parts.items() if value})
    specs = ["digits", f"{address}@test+train", "openml:61"]
    assert ",".join(specs).split(",") == specs
    assert tomllib.loads(tomli_w.dumps({"datasets": specs}))["datasets"] == specs


@given(st.integers(1, 999_999_999))
def test_a_number_of_openml_is_a_data_set_of_that_name(number):
    card = card_of_address(f"openml:{number}")
    assert (card.name, card.loader, card.parameters) == (f"openml-{number}", "openml", {"data_id": number})
