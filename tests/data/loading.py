"""Helpers of these tests: load a data set with its warnings, or return the message that refuses it."""

import warnings

import pytest

from bench.data.card import Card
from bench.data.cards import load_dataset
from bench.errors import InputError


def refusal(call, *args, **kwargs) -> str:
    """Return the message of the `InputError` that a call raises, which is one line."""
    with pytest.raises(InputError) as error:
        call(*args, **kwargs)
    message = str(error.value)
    assert "\n" not in message
    return message


def load_with_warnings(spec, **options):
    """Return the data set of a card, name or path, and the text of all warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = load_dataset(spec if isinstance(spec, Card) else str(spec), **options)
    return data, "\n".join(str(each.message) for each in caught)


def load_refusal(spec, **options) -> str:
    """Return the message that refuses to load a card, name or path; warnings before it are ignored."""
    message = refusal(load_with_warnings, spec, **options)
    assert len(message) < 1000
    return message
