from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.core.identity import ID_SHOWN, claim_key, delivery_id, entry_key, lane_key

SECRET = b"s" * 32
AT = datetime(2026, 11, 23, 12, 0, 0, 123_456, tzinfo=UTC)
ANY_TEXT = st.text(st.characters(codec=None, categories=None))  # lone surrogates too: senders choose these


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: entry_key("eduzz", "evt-1"), "0601b16d351dab84be35227e1d4be459"),
        (
            lambda: bytes.fromhex(delivery_id(b"k" * 16, AT, 0, "parabens", "email:learners", 1)),
            "01a20846fe7bb1dac98771fd9a1a85de",
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


Parts = tuple[bytes, int, str, str, int]
"""An entry's key, the event's place in it, rule, action and run."""
NAMES = st.text(max_size=4)
NUMBERS = st.integers(0, 9)
PARTS = st.tuples(st.binary(min_size=16, max_size=16), NUMBERS, NAMES, NAMES, NUMBERS)
TIMES = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.timezones())  # noqa: DTZ001 - in any zone


def id_of(parts: Parts, at: datetime = AT) -> str:
    key, event_index, rule, action, run = parts
    return delivery_id(key, at, event_index, rule, action, run)


@pytest.mark.parametrize(
    "changed",
    [
        (b"x" * 16, 0, "r", "a", 1),
        (b"k" * 16, 1, "r", "a", 1),
        (b"k" * 16, 0, "x", "a", 1),
        (b"k" * 16, 0, "r", "x", 1),
        (b"k" * 16, 0, "r", "a", 2),
    ],
    ids=["entry", "event", "rule", "action", "run"],
)
def test_every_part_of_a_delivery_is_in_its_id(changed: Parts) -> None:
    """Another entry, event, rule, action or run is another delivery, also of what came in the same moment."""
    made, first = id_of(changed), id_of((b"k" * 16, 0, "r", "a", 1))

    assert made != first
    assert made[:12] == first[:12]
    assert made[:ID_SHOWN] != first[:ID_SHOWN]


@given(PARTS, PARTS, TIMES)
def test_a_delivery_has_one_id_and_no_other_has_it(one: Parts, other: Parts, at: datetime) -> None:
    """Whoever makes it, and whenever: after a crash, on another node, of what was read back."""
    assert id_of(one, at) == id_of(one, at.astimezone(UTC)) == id_of(one, at.astimezone(timezone.max))
    assert (id_of(one, at) == id_of(other, at)) == (one == other)


@given(PARTS, PARTS, TIMES, TIMES)
def test_ids_sort_by_the_time_their_entry_came(
    one: Parts,
    other: Parts,
    earlier: datetime,
    later: datetime,
) -> None:
    """Those of two milliseconds are in their order, whatever else is in them; so are their stored bytes."""
    assume(later - earlier >= timedelta(milliseconds=1))
    assume(later >= datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC))
    first, second = id_of(one, earlier), id_of(other, later)

    assert first < second
    assert bytes.fromhex(first) < bytes.fromhex(second)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime.min.replace(tzinfo=UTC), "000000000000"),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "000000000000"),
        (datetime(1970, 1, 1, 0, 0, 0, 999, tzinfo=UTC), "000000000000"),
        (datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC), "000000000001"),
        (datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC), "017f22e279b0"),
        (datetime.max.replace(tzinfo=UTC), "e677d21fdbff"),
    ],
    ids=["first-year", "before-1970", "less-than-a-millisecond", "a-millisecond", "rfc-9562-a6", "last-year"],
)
def test_an_id_begins_with_the_milliseconds_of_any_time(at: datetime, expected: str) -> None:
    """A clock that is wrong by centuries raises nothing. The RFC's example is written as there."""
    made = id_of((b"k" * 16, 0, "r", "a", 1), at)

    assert made[:12] == expected
    assert len(made) == 32
    assert made == bytes.fromhex(made).hex()


def test_people_cannot_be_guessed_from_stored_names() -> None:
    """Claims and lanes are keyed: who has a list of addresses but not the secret learns nothing."""
    values = ["maria@aluna.example"]

    assert claim_key(SECRET, "r", "a", values) != claim_key(b"o" * 32, "r", "a", values)
    assert lane_key(SECRET, "c", values[0]) != lane_key(b"o" * 32, "c", values[0])
