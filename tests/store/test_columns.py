from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine.default import DefaultDialect

from bridge.store.columns import HexId, Instant, Json, Words, folded

DIALECT = DefaultDialect()
YEARS = (datetime.fromisoformat("1000-01-01"), datetime.fromisoformat("9000-01-01"))


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_comes_back_to_the_microsecond(instant: datetime) -> None:
    """From the year 1 to the year 9999."""
    stored = Instant().process_bind_param(instant, DIALECT)

    assert stored is not None
    assert -(2**63) <= stored < 2**63
    assert Instant().process_result_value(stored, DIALECT) == instant


@given(st.datetimes(*YEARS), st.integers(-14, 14))
def test_instants_are_the_same_in_every_time_zone(naive: datetime, hours: int) -> None:
    """Midnight in São Paulo and three in the morning in UTC are stored alike."""
    local = naive.replace(tzinfo=timezone(timedelta(hours=hours)))

    stored = Instant().process_bind_param(local, DIALECT)

    assert stored == Instant().process_bind_param(local.astimezone(UTC), DIALECT)


def test_a_datetime_without_a_zone_is_refused() -> None:
    """Nobody could say which instant it was."""
    with pytest.raises(ValueError, match="no time zone"):
        Instant().process_bind_param(datetime.fromisoformat("2026-11-23"), DIALECT)


@given(st.binary(min_size=16, max_size=16))
def test_an_id_is_half_its_letters(raw: bytes) -> None:
    """32 hex characters are stored as 16 bytes and come back in lower case."""
    assert HexId().process_bind_param(raw.hex().upper(), DIALECT) == raw
    assert HexId().process_result_value(raw, DIALECT) == raw.hex()


@pytest.mark.parametrize("value", ["", "ab", "z" * 32, "ab" * 17])
def test_what_is_no_id_is_refused(value: str) -> None:
    """A mistake of ours is noticed where it is made."""
    with pytest.raises(ValueError):
        HexId().process_bind_param(value, DIALECT)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON.filter(lambda value: value is not None))
def test_json_comes_back_as_it_was_from_plain_ascii(value: object) -> None:
    """Whatever characters a sender uses, the stored text is one that no database refuses."""
    stored = Json().process_bind_param(value, DIALECT)

    assert stored is not None
    assert stored.isascii()
    assert "\0" not in stored
    assert Json().process_result_value(stored, DIALECT) == value


@given(st.text(st.characters(codec=None, categories=None)), st.integers(0, 20))
def test_words_can_always_be_stored(text: str, limit: int) -> None:
    """Never longer than the limit, never a character that a database refuses, and the same every time."""
    words = Words(limit)

    stored = words.process_bind_param(text, DIALECT)

    assert stored is not None
    assert len(stored) <= limit
    assert "\0" not in stored
    stored.encode()
    assert words.process_bind_param(stored, DIALECT) == stored


def test_ordinary_words_stay_what_they_are() -> None:
    """Accents and emoji are nothing special."""
    assert Words(50).process_bind_param("São João 🎉", DIALECT) == "São João 🎉"
    assert folded("  Maria@Aluna.example ") == "maria@aluna.example"


@pytest.mark.parametrize("column", [Instant(), HexId(), Json(), Words(5)])
def test_nothing_is_stored_as_nothing(column: Instant | HexId | Json | Words) -> None:
    """None is NULL, both ways."""
    assert column.process_bind_param(None, DIALECT) is None
    if not isinstance(column, Words):
        assert column.process_result_value(None, DIALECT) is None
