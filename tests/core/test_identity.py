from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.identity import claim_key, delivery_id, entry_key, lane_key

SECRET = b"s" * 32
ANY_TEXT = st.text(st.characters(codec=None, categories=None))  # lone surrogates too: senders choose these


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: entry_key("eduzz", "evt-1"), "0601b16d351dab84be35227e1d4be459"),
        (
            lambda: bytes.fromhex(delivery_id(b"k" * 16, 0, "parabens", "email:learners", 1)),
            "6fa89ce4e8e5096b67335bb717d174bb",
        ),
        (
            lambda: claim_key(SECRET, "parabens", "email:learners", ["maria@aluna.example", "3251"]),
            "b1ec597030b2c96b4daba7fc54a68d28",
        ),
        (lambda: lane_key(SECRET, "learners", "maria@aluna.example"), "9e53e9557df328ffc0e0e512cefa3546"),
    ],
    ids=["entry", "delivery", "claim", "lane"],
)
def test_names_never_change(made: Callable[[], bytes], expected: str) -> None:
    """They are stored: another digest in a later version would send again what was sent."""
    assert made().hex() == expected


@given(ANY_TEXT, ANY_TEXT)
def test_any_text_has_a_name_and_always_the_same(source: str, delivery_key: str) -> None:
    """No text a sender chooses raises."""
    key = entry_key(source, delivery_key)

    assert len(key) == 16
    assert key == entry_key(source, delivery_key)


@given(st.lists(ANY_TEXT, max_size=4), st.lists(ANY_TEXT, max_size=4))
def test_different_values_have_different_names(one: list[str], other: list[str]) -> None:
    """The borders between the values count: ("a", "bc") is not ("ab", "c")."""
    same = claim_key(SECRET, "r", "a", one) == claim_key(SECRET, "r", "a", other)

    assert same == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (entry_key("ab", "c"), entry_key("a", "bc")),
        (claim_key(SECRET, "r", "a", ["b"]), claim_key(SECRET, "r", "ab", [])),
        (claim_key(SECRET, "r", "a", []), claim_key(SECRET, "r", "a", [""])),
        (lane_key(SECRET, "ab", "c"), lane_key(SECRET, "a", "bc")),
    ],
)
def test_the_borders_between_the_parts_count(one: bytes, other: bytes) -> None:
    """No two different things are called the same because their letters are."""
    assert one != other


@pytest.mark.parametrize(
    "changed",
    [
        delivery_id(b"x" * 16, 0, "r", "a", 1),
        delivery_id(b"k" * 16, 1, "r", "a", 1),
        delivery_id(b"k" * 16, 0, "x", "a", 1),
        delivery_id(b"k" * 16, 0, "r", "x", 1),
        delivery_id(b"k" * 16, 0, "r", "a", 2),
    ],
    ids=["entry", "event", "rule", "action", "run"],
)
def test_every_part_of_a_delivery_is_in_its_id(changed: str) -> None:
    """Another entry, event, rule, action or run is another delivery."""
    assert changed != delivery_id(b"k" * 16, 0, "r", "a", 1)
    assert len(changed) == 32
    assert changed == changed.lower()


def test_people_cannot_be_guessed_from_stored_names() -> None:
    """Claims and lanes are keyed: who has a list of addresses but not the secret learns nothing."""
    values = ["maria@aluna.example"]

    assert claim_key(SECRET, "r", "a", values) != claim_key(b"o" * 32, "r", "a", values)
    assert lane_key(SECRET, "c", values[0]) != lane_key(b"o" * 32, "c", values[0])
