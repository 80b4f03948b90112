"""Cards of data sets that are named by an address: ``hf:OWNER/NAME`` or ``openml:ID``."""

from __future__ import annotations

import re
from typing import Any

from bench.data.card import Card
from bench.errors import InputError
from bench.text import shown

_HUB = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(:(?P<config>[^:#@+,\s]+))?(#(?P<revision>[^:#@+,\s]+))?", flags=re.ASCII)
_SCHEMES = ("hf:", "openml:")


def is_address(spec: str) -> bool:
    """Return whether a data set is named by an address."""
    return spec.startswith(_SCHEMES)


def parse_address(address: str) -> Card:
    """Return the card that an address stands for, without asking the hub or OpenML.

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
    parameters: dict[str, Any]
    if scheme == "openml":
        if not re.fullmatch(r"[1-9][0-9]{0,8}", rest):
            raise InputError(
                f"data set {shown(address)}: not an address on OpenML; write openml:ID with its number, "
                "such as openml:554"
            )
        loader, title, parameters = "openml", f"OpenML {int(rest)}", {"data_id": int(rest)}
    else:
        match = _HUB.fullmatch(rest)
        if match is None:
            raise InputError(
                f"data set {shown(address)}: not an address on the Hugging Face hub; write hf:OWNER/NAME, then "
                ":CONFIG, #REVISION and @SPLIT where needed, such as hf:ylecun/mnist@test"
            )
        loader, title = "hub", match["repo"]
        parameters = {key: value for key, value in match.groupdict().items() if value}
    parts = [re.sub(r"^([0-9a-f]{12})[0-9a-f]{28}$", r"\1", str(value)) for value in parameters.values()]
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", "-".join([scheme, *parts]))
    return Card(name=name, title=title, loader=loader, parameters=parameters)


def card_of_address(address: str) -> Card:
    """Return the card that an address stands for; on the hub, of one commit and with the splits found there.

    Parameters
    ----------
    address : str
        As `parse_address` takes it.

    Returns
    -------
    Card
        The commit of a data set of the hub is the one in the hub's cache, or the newest where the cache has none.

    Raises
    ------
    InputError
        If the address is malformed, or the hub has no such data set, or cannot be asked and the cache lacks it.
    """
    card = parse_address(address)
    if card.loader != "hub":
        return card
    from bench.data.readers.hub_files import find_hub_dataset

    hub_dataset = find_hub_dataset(**card.parameters)
    parameters = {**card.parameters, "revision": hub_dataset.commit, "config": hub_dataset.config}
    return card.model_copy(update={"splits": tuple(hub_dataset.splits), "parameters": parameters})
