"""How values compare, and what keys are made of."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.values import fold, key_text, nfc, number, same


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


@pytest.mark.parametrize(("marks", "composed"), [(1, True), (30, True), (31, False)])
def test_as_many_marks_on_a_letter_as_any_language_needs_are_composed(marks: int, composed: bool) -> None:
    """Unicode's own limit for text to be exchanged (UAX #15, 13), in a text of any length."""
    text = "X" * 300 + "c\u0327" + "e" + "\u0301" * marks
    assert nfc(text) == (unicodedata.normalize("NFC", text) if composed else text)


@given(st.text("0123456789+-.eE", max_size=8) | st.text("1+-.eE_ ٣xInfNa\n", max_size=6))
def test_a_text_is_the_number_that_it_spells(text: str) -> None:
    """What Decimal reads, in ASCII digits, without blanks and underscores, and finite."""
    try:
        read = Decimal(text)
    except InvalidOperation:
        read = Decimal("NaN")
    plain = text.isascii() and "_" not in text and text == text.strip() and read.is_finite()
    assert number(text) == (read if plain else None)


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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" Ana ", "Ana"),
        (True, "true"),
        (False, "false"),
        (3251.0, "3251"),
        (10.5, "10.5"),
        (1e20, "100000000000000000000"),
        (datetime(2026, 5, 4, 12, 3, tzinfo=UTC), "2026-05-04 12:03:00+00:00"),
    ],
)
def test_the_text_of_a_key_stays_what_it_was(value: object, text: str) -> None:
    """Claims are stored for good: another text would let everybody be greeted once more after an update."""
    assert key_text(value) == text


@pytest.mark.parametrize("value", [None, "", "  ", [], {}, float("nan"), float("inf")])
def test_no_key_is_made_of_what_names_nobody(value: object) -> None:
    """A blank key would be the same for everybody."""
    assert key_text(value) is None


def test_keys_tell_apart_what_differs() -> None:
    """Leading zeros, fractions, truth and time are part of a value."""
    values = ["010", 10, 10.5, True, "tru", datetime(2026, 5, 4, tzinfo=UTC)]
    assert len({key_text(value) for value in values}) == len(values)
