"""Data sets that go by an address instead of a path: ``hf:OWNER/NAME`` and ``openml:ID``."""

from __future__ import annotations

import re
from typing import Any

from bench.data.card import Card
from bench.errors import InputError
from bench.text import shown

_HUB = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(:(?P<config>[^:#@+,\s]+))?(#(?P<revision>[^:#@+,\s]+))?", flags=re.ASCII)
_SCHEMES = ("hf:", "openml:")


def is_address(spec: str) -> bool:
    """Tell whether a data set is named by an address."""
    return spec.startswith(_SCHEMES)


def parse_address(address: str) -> tuple[str, dict[str, Any]]:
    """Return the loader of an address, and its parameters.

    Parameters
    ----------
    address : str
        ``hf:OWNER/NAME``, followed by ``:CONFIG`` where the data set has several configurations and by ``#REVISION``
        (a branch, a tag or a commit) for another than the newest; or ``openml:ID``.

    Raises
    ------
    InputError
        If the address is malformed.
    """
    scheme, _, rest = address.partition(":")
    if scheme == "openml":
        if not re.fullmatch(r"[1-9][0-9]{0,8}", rest):
            raise InputError(
                f"data set {shown(address)}: not an address on OpenML; write openml:ID with its number, "
                "such as openml:554"
            )
        return "openml", {"data_id": int(rest)}
    match = _HUB.fullmatch(rest)
    if match is None:
        raise InputError(
            f"data set {shown(address)}: not an address on the Hugging Face hub; write hf:OWNER/NAME, then :CONFIG, "
            "#REVISION and @SPLIT where needed, such as hf:ylecun/mnist@test"
        )
    return "hub", {key: value for key, value in match.groupdict().items() if value}


def card_of_address(address: str) -> Card:
    """Make the card of an address.

    Parameters
    ----------
    address : str
        As `parse_address` takes it.

    Returns
    -------
    Card
        That of a data set of the hub is fixed to one commit: the one in the hub's cache, or the newest where the cache
        has none.

    Raises
    ------
    InputError
        If the address is malformed, or the hub has no such data set, or cannot be asked and the cache lacks it.
    """
    loader, parameters = parse_address(address)
    scheme = address.partition(":")[0]
    parts = [re.sub(r"^([0-9a-f]{12})[0-9a-f]{28}$", r"\1", str(value)) for value in parameters.values()]
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", "-".join([scheme, *parts]))
    if loader == "openml":
        return Card(name=name, title=f"OpenML {parameters['data_id']}", loader=loader, parameters=parameters)
    from bench.data.readers.hub_files import find

    found = find(**parameters)
    return Card(
        name=name,
        title=parameters["repo"],
        loader=loader,
        splits=tuple(found.splits),
        parameters={**parameters, "revision": found.commit, "config": found.config},
    )
