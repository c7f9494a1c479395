"""How values compare, and what keys are made of."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.values import fold, key_text, nfc, same


@pytest.mark.parametrize("run", ["\u0315\u0300", "\u0300", "\u0344"])
def test_a_senders_endless_accents_cost_no_more_than_other_text(run: str) -> None:
    """Half a million combining marks would take minutes to put in order; they are left as they are."""
    hostile = "a" + run * 250_000
    assert not same(hostile, "a")
    assert nfc(hostile) == hostile
    fold(hostile)
    assert key_text(hostile)


def test_long_texts_of_people_are_composed_all_the_same() -> None:
    """A long comment with accents typed in two parts still equals the same comment typed in one."""
    comment = "Não é só ação: é coração. " * 200
    assert nfc(unicodedata.normalize("NFD", comment)) == comment
    assert fold(comment) == fold(unicodedata.normalize("NFD", comment.upper()))


@given(st.text(max_size=400))
def test_short_texts_are_composed_by_the_standard(text: str) -> None:
    """Up to what people type, NFC is Unicode's own."""
    if len(text) <= 256:
        assert nfc(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ana@x.example", "ana@x.example "),
        (3251, 3251.0),
        (3251, "3251 "),
        ("jos\u00e9@x.example", "jose\u0301@x.example"),
        (1e20, 100_000_000_000_000_000_000),
        (0.0, 0),
    ],
)
def test_keys_are_alike_for_what_people_take_for_the_same(one: object, other: object) -> None:
    """A claim must not be taken twice because a platform wrote a value in another way."""
    assert key_text(one) == key_text(other)


@pytest.mark.parametrize("value", [None, "", "  ", [], {}, float("nan"), float("inf")])
def test_no_key_is_made_of_what_names_nobody(value: object) -> None:
    """A blank key would be the same for everybody."""
    assert key_text(value) is None


def test_keys_tell_apart_what_differs() -> None:
    """Leading zeros, fractions, truth and time are part of a value."""
    values = ["010", 10, 10.5, True, "tru", datetime(2026, 5, 4, tzinfo=UTC)]
    assert len({key_text(value) for value in values}) == len(values)
