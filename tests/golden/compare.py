"""What of a run is compared, and how: structure exactly, numbers to a tolerance."""

import base64
import gzip
import hashlib
import json
import math
import re
import struct
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
#: Facts of a record that a machine decides: only their names, or whether they are there, are compared.
MACHINE = ("timings", "versions", "hardware", "placement", "peak_memory", "commit")


def differences(expected, actual, rtol: float, atol: float, free: str = "", where: str = "") -> Iterator[str]:
    """Yield where two contents of JSON files differ, in the order of keys too.

    Numbers below a name that contains ``free`` are not compared.
    """
    if isinstance(expected, dict) and isinstance(actual, dict):
        if list(expected) != list(actual):
            yield f"{where}: the keys are {list(actual)}, stored {list(expected)}"
        for key in expected.keys() & actual.keys():
            yield from differences(expected[key], actual[key], rtol, atol, free, f"{where}/{key}")
    elif isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            yield f"{where}: {len(actual)} items, stored {len(expected)}"
        for i, (left, right) in enumerate(zip(expected, actual, strict=False)):
            yield from differences(left, right, rtol, atol, free, f"{where}[{i}]")
    elif _is_number(expected) and _is_number(actual) and float in (type(expected), type(actual)):
        if not math.isclose(expected, actual, rel_tol=rtol, abs_tol=atol) and not (free and free in where):
            yield f"{where}: {actual}, stored {expected}"
    elif expected != actual or type(expected) is not type(actual):
        yield f"{where}: {actual!r}, stored {expected!r}"


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def lines_that_differ(expected: str, actual: str) -> Iterator[str]:
    """Yield the lines of two texts that are not the same."""
    for number, (left, right) in enumerate(zip_longest(expected.splitlines(), actual.splitlines()), start=1):
        if left != right:
            yield f"line {number}: {right!r}, stored {left!r}"


def records_in(run: Path) -> list[dict]:
    """Return the records of a run in a fixed order, without what the machine decides and without names of folders.

    The names of the raw outputs, their types and shapes are added to each.
    """
    return [_settled(path, run) for path in sorted((run / "records").glob("*.json"))]


def _settled(path: Path, run: Path) -> dict:
    record = json.loads(path.read_text())
    record.pop("pack", None)  # as many seeds together as the machine has cores for
    assert record["key"] == path.stem
    for name in MACHINE:
        value = record[name]
        record[name] = list(value) if isinstance(value, dict) else None if value is None else type(value).__name__
    if record["error"]:
        record["error"] = re.sub(r'File ".*/bench/[^"]+", line \d+', 'File "OURS", line N', record["error"])
        record["error"] = re.sub(r'File ".*/([^/"]+)", line \d+', r'File "\1", line N', record["error"])
    for name in ("health_reason", "health_advice", "stop_reason"):  # sentences that quote measured numbers
        if record.get(name):
            record[name] = NUMBER.sub("N", record[name])
    stored = run / "outputs" / f"{path.stem}.npz"
    record["outputs"] = None
    if stored.exists():
        with np.load(stored, allow_pickle=False) as arrays:
            record["outputs"] = {name: f"{arrays[name].dtype} {arrays[name].shape}" for name in arrays.files}
    return record


def figures_in(run: Path) -> dict[str, dict]:
    """Return by name what each figure of a report shows: its texts, its elements, and what its numbers add up to.

    ``shape`` is a hash of the whole drawing without its numbers and embedded pixels.
    """
    page = _with_styles((run / "report.html").read_text(encoding="utf-8"))
    drawings = re.findall(r'<svg\b[^>]*aria-labelledby="figure-([^":]+):title".*?</svg>', page, flags=re.DOTALL)
    texts = re.finditer(r"<svg\b.*?</svg>", page, flags=re.DOTALL)
    return {
        name: _figure(text[0]) for name, text in sorted(zip(drawings, texts, strict=True), key=lambda pair: pair[0])
    }


#: A rule for a style that figures share.
_RULE = re.compile(r"^\.(s\d+) \{ (.*) \}$", re.MULTILINE)


def _with_styles(page: str) -> str:
    """Return a page with the style of each element of a figure at the element: the numbers of classes mean nothing."""
    rules = dict(_RULE.findall(page))

    def expanded(found: re.Match) -> str:
        names = found[1].split()
        style = "".join(f' style="{rules[name]}"' for name in names if name in rules)
        others = " ".join(name for name in names if name not in rules)
        return style + (f' class="{others}"' if others else "")

    return re.sub(r' class="([^"]*\bs\d+)"', expanded, page)


def _figure(text: str) -> dict:
    root = ElementTree.fromstring(text)
    pixels = [_size(base64.b64decode(data)) for data in re.findall(r"data:image/png;base64,([^\"]*)", text)]
    bare = re.sub(r"data:image/png;base64,[^\"]*", "PIXELS", text)
    numbers = [float(number) for number in NUMBER.findall(re.sub(r"#[0-9a-fA-F]{6}\b|-[pmi][0-9a-f]{10}", "", bare))]
    return {
        "texts": [" ".join(text.split()) for element in root.iter() for text in _text_of(element)],
        "elements": dict(sorted(Counter(element.tag.rpartition("}")[2] for element in root.iter()).items())),
        "pixels": pixels,
        "numbers": {"count": len(numbers), "mean": float(np.mean(numbers)), "size": float(np.mean(np.abs(numbers)))},
        "shape": short_hash(NUMBER.sub("N", re.sub(r"-[pmi][0-9a-f]{10}", "-ID", bare))),
    }


def _text_of(element) -> list[str]:
    return [element.text] if element.tag.endswith("text") and element.text and element.text.strip() else []


def _size(png: bytes) -> list[int]:
    return list(struct.unpack(">II", png[16:24]))


def short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def page_without_drawings(page: str) -> str:
    """Return a report's page with a placeholder for each drawing, and hashes of its style sheet and script.

    What the page was made from, and the policy that names the two, change with every file of the code. What tables copy
    is unpacked.
    """
    page = _RULE.sub("", page)
    page = re.sub(r'(?<=<template id="copies">)[^<]*', _unpacked, page)
    page = re.sub(r'(name="made-from" content=")[0-9a-f]+', r"\1HASH", page)
    page = re.sub(r"<svg\b([^>]*)>.*?</svg>", lambda found: f"<svg {_said(found[1])}/>", page, flags=re.DOTALL)
    for tag in ("style", "script"):
        page = re.sub(
            rf"(<{tag}>)(.*?)(</{tag}>)",
            lambda found: f"{found[1]}{short_hash(found[2])}{found[3]}",
            page,
            flags=re.DOTALL,
        )
    return page


def _unpacked(found: re.Match) -> str:
    copies = json.loads(gzip.decompress(base64.b64decode(found[0])))
    return "\n".join(f"{name}\n{text}" for of_table in copies for name, text in of_table.items())


def _said(attributes: str) -> str:
    return " ".join(f'{name}="{value}"' for name, value in re.findall(r'(role|aria-[a-z]+)="([^"]*)"', attributes))
