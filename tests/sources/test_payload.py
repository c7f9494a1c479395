"""Reading bytes and values: strict about bytes, lenient about values, raising nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.events import Person, Thing
from bridge.sources.base import Malformed, Unsupported
from bridge.sources.payload import (
    DEPTH_LIMIT,
    EMAIL_LIMIT,
    NAME_LIMIT,
    REMEMBERED,
    REMEMBERED_CHARS,
    delivery_key,
    dig,
    event_name,
    moment,
    person,
    read_object,
    text,
    thing,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(value=st.dictionaries(st.text(), json_values, max_size=5))
def test_an_object_is_read_as_the_standard_library_reads_it(value: dict[str, object]) -> None:
    """Whatever the object, its values are exact, huge integers included."""
    assert read_object(json.dumps(value).encode()) == value
    assert read_object(json.dumps(value, ensure_ascii=False, indent=2).encode()) == value


@pytest.mark.parametrize(
    "number",
    [
        2**53 + 1,
        2**63 - 1,
        2**63,
        2**64 - 1,
        2**64,
        -(2**63),
        -(2**63) - 1,
        10**40 + 7,
    ],
)
def test_integers_are_exact_whatever_their_size(number: int) -> None:
    """An id of thirty digits is the id that was sent, not the nearest float."""
    assert read_object(b'{"id":%d}' % number) == {"id": number}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not JSON"),
        (b"cus_name=Maria&trans_status=3", "not JSON"),
        (b'{"a":NaN}', "not JSON"),
        (b'{"a":Infinity}', "not JSON"),
        (b'{"a":1e999}', "not JSON"),
        (b'{"a":' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"a":"\xe7"}', "not JSON"),
        ('{"a":1}'.encode("utf-16"), "not JSON"),
        (b'{"a":1}{', "not JSON"),
        (b'{"a":"\x01"}', "not JSON"),
        (b"[" * 100_000, "nested more than"),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, "nested more than"),
        (b'{"a":' * (DEPTH_LIMIT + 1) + b"1" + b"}" * (DEPTH_LIMIT + 1), "nested more than"),
    ],
)
def test_what_is_not_json_is_malformed(body: bytes, why: str) -> None:
    """Bytes that no strict reader accepts are parked with the reason."""
    read = read_object(body)
    assert isinstance(read, Malformed)
    assert why in read.why


def test_wide_is_not_deep() -> None:
    """Only nesting counts, not how many lists and objects there are; the limit itself is within."""
    wide = b'{"a":[' + b"[]," * 500 + b"[]]}"
    deep = b'{"a":' * DEPTH_LIMIT + b"1" + b"}" * DEPTH_LIMIT
    assert isinstance(read_object(wide), dict)
    assert isinstance(read_object(deep), dict)


@given(value=st.dictionaries(st.text(max_size=4), json_values), levels=st.integers(0, 9), data=st.data())
def test_what_is_read_in_one_go_is_what_is_read_closely(
    value: dict[str, object], levels: int, data: st.DataObject
) -> None:
    """A byte order mark makes the reader look closely; nothing else changes, whatever is sent or damaged."""
    deep: object = value
    for level in range(levels):
        deep = {"in": deep} if level % 2 else [deep]
    body = json.dumps({"a": deep, "b": value}).encode()
    body = data.draw(
        st.just(body)
        | st.integers(0, len(body)).map(lambda end: body[:end])
        | st.tuples(st.integers(0, len(body)), st.binary(max_size=3)).map(
            lambda cut: body[: cut[0]] + cut[1] + body[cut[0] :]
        )
    )
    assert repr(read_object(body)) == repr(read_object(b"\xef\xbb\xbf" + body))


@pytest.mark.parametrize("body", [b"[]", b'"ping"', b"3", b"null", b"true", b'[{"event":"ping"}]'])
def test_json_without_an_object_is_unsupported(body: bytes) -> None:
    """JSON that can name no event is finished with a note, not parked."""
    assert isinstance(read_object(body), Unsupported)


def test_a_byte_order_mark_is_no_obstacle() -> None:
    """Some senders put one before the JSON."""
    assert read_object(b'\xef\xbb\xbf{"a":1}') == {"a": 1}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-10T00:35:27.046Z", datetime(2026, 11, 10, 0, 35, 27, 46000, UTC)),
        ("2026-11-10T00:35:27Z", datetime(2026, 11, 10, 0, 35, 27, tzinfo=UTC)),
        ("2026-11-10t00:35:27z", datetime(2026, 11, 10, 0, 35, 27, tzinfo=UTC)),
        ("2026-11-10 00:35:27", datetime(2026, 11, 10, 0, 35, 27, tzinfo=UTC)),
        ("2026-11-10T00:35:27", datetime(2026, 11, 10, 0, 35, 27, tzinfo=UTC)),
        ("2026-11-10T00:35:27.0Z", datetime(2026, 11, 10, 0, 35, 27, tzinfo=UTC)),
        ("2026-11-10T00:35:27.123456789Z", datetime(2026, 11, 10, 0, 35, 27, 123456, UTC)),
        ("2026-11-09T21:35:27-03:00", datetime(2026, 11, 10, 0, 35, 27, tzinfo=UTC)),
        ("2026-11-09 21:35:27-0300", datetime(2026, 11, 10, 0, 35, 27, tzinfo=UTC)),
        (" 2026-11-10 ", datetime(2026, 11, 10, tzinfo=UTC)),
        (1794270927, datetime(2026, 11, 10, 0, 35, 27, tzinfo=UTC)),
        (1794270927046, datetime(2026, 11, 10, 0, 35, 27, 46000, UTC)),
        (0, None),
        (20261110, None),
        ("", None),
        ("ontem", None),
        ("0000-00-00 00:00:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-05:00", None),
        ("2026-13-01", None),
        ("10/11/2026", None),
        (10**400, None),
        (-(10**18), None),
        (True, None),
        (None, None),
        ({}, None),
        (["2026-11-10"], None),
    ],
)
def test_times_are_read_leniently_and_are_utc(written: object, read: datetime | None) -> None:
    """`T` or space, any fraction, zone or none (UTC), Unix times; everything else is no time."""
    assert moment(written) == read


@given(
    at=st.datetimes(datetime(2000, 1, 2), datetime(2199, 12, 30)),  # noqa: DTZ001 - given its zone below
    offset=st.integers(-12 * 60, 12 * 60),
)
def test_a_written_time_is_read_back(at: datetime, offset: int) -> None:
    """ISO 8601 with an offset means the same moment, in UTC."""
    written = at.replace(tzinfo=timezone(timedelta(minutes=offset)))
    read = moment(written.isoformat())
    assert read == written
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (" Maria ", "Maria"),
        ("Ma\0ria", "Maria"),
        (" \0 ", None),
        ("", None),
        (5123, "5123"),
        (5123.0, "5123"),
        (1.5, "1.5"),
        (2**70, str(2**70)),
        (0, "0"),
        (True, None),
        (None, None),
        (["5123"], None),
        ({"id": 1}, None),
    ],
)
def test_ids_are_texts_whatever_they_were_sent_as(value: object, read: str | None) -> None:
    """Numbers become digits, texts lose their edges, everything else is absent."""
    assert text(value) == read


@given(value=json_values, path=st.lists(st.text(max_size=3) | st.integers(0, 3), max_size=4))
def test_values_of_any_shape_raise_nothing(value: object, path: list[str | int]) -> None:
    """Every reader returns something for every JSON value."""
    for read in (text, moment, person, thing, event_name):
        read(value)
    dig(value, path)


@pytest.mark.parametrize(
    ("value", "path", "found"),
    [
        ({"a": {"b": 1}}, ("a", "b"), 1),
        ({"a": [{"b": 1}, {"b": 2}]}, ("a", 1, "b"), 2),
        ({"a": None}, ("a", "b"), None),
        ({"a": []}, ("a", 0), None),
        ({"a": [1]}, ("a", "b"), None),
        ({"a": "texto"}, ("a", 0), None),
        ({"a": 1}, (), {"a": 1}),
    ],
)
def test_a_path_tolerates_what_is_not_there(
    value: object, path: tuple[str | int, ...], found: object
) -> None:
    """Null parents, short lists and texts end a path with nothing."""
    assert dig(value, path) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (
            {"id": 7, "name": " Ana ", "email": " ana@aluna.example "},
            Person(id="7", name="Ana", email="ana@aluna.example"),
        ),
        ({"email": "maria@aluna.example", "id": None}, Person(email="maria@aluna.example")),
        ({"name": "Maria", "email": "m" * (EMAIL_LIMIT + 1)}, Person(name="Maria")),
        ({"name": "", "email": None}, None),
        ({}, None),
        ([{"name": "Maria"}], None),
        ("Maria", None),
        (None, None),
    ],
)
def test_a_person_is_what_the_object_says(value: object, found: Person | None) -> None:
    """An object that says nothing, and anything that is no object, is nobody."""
    assert person(value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"id": "5123", "title": "Funções"}, Thing(id="5123", title="Funções")),
        ({"id": 5123, "name": "Funções"}, Thing(id="5123", title="Funções")),
        ({"title": "", "name": "Funções"}, Thing(title="Funções")),
        ({"rating": 5}, None),
        ("Funções", None),
    ],
)
def test_a_thing_has_a_title_or_a_name(value: object, found: Thing | None) -> None:
    """Some platforms say `title`, others `name`."""
    assert thing(value) == found


def test_what_is_remembered_of_a_thing_is_what_was_read() -> None:
    """Values that Python takes for equal read differently, and what no text is reads as nothing."""
    assert thing({"id": 1, "title": "1"}) == Thing(id="1", title="1")
    assert thing({"id": True, "title": "1"}) == Thing(title="1")
    assert thing({"id": "1", "title": ["1"]}) == Thing(id="1")
    for number in range(2 * REMEMBERED):
        assert thing({"id": str(number)}) == Thing(id=str(number))
    assert thing({"id": "7"}) is thing({"id": "7"})
    long = "x" * (REMEMBERED_CHARS + 1)
    assert thing({"id": long}) is not thing({"id": long})


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\0\x1bb", "x" * (NAME_LIMIT + 1), 3, None, ["a.b"]])
def test_what_cannot_be_a_type_is_none(name: object) -> None:
    """Types stand in listings and indexes: they are short and printable."""
    assert event_name(name) is None


def test_a_delivery_key_is_short_and_printable() -> None:
    """An ordinary id is its own key; an outlandish one is digested; without one, the body is."""
    assert delivery_key("c5z75p56a937lq9ml1nubtpqu", b"{}") == "c5z75p56a937lq9ml1nubtpqu"
    outlandish = {delivery_key(made, b"{}") for made in ("x" * 201, "a\nb", "\udce7", "y" * 10_000)}
    keys = {delivery_key(None, b"{}"), delivery_key(None, b"{ }"), *outlandish}
    assert len(keys) == 6
    assert all(key.startswith("sha256:") and len(key) == 71 for key in keys)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"Ana \ud83d", "Ana \ufffd"),
        (rb"Ana \uDE00\ud83d\ude00", "Ana \ufffd\U0001f600"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\ud83d\u0041", "\ufffdA"),
        (rb"\\ud83d \udfff", "\\ud83d \ufffd"),
        (rb"\\\ud83d", "\\\ufffd"),
    ],
)
def test_half_of_a_character_costs_no_event(written: bytes, read: str) -> None:
    """Platforms cut texts in the middle of an emoji, and replaying such an event could mend nothing."""
    body = b'{"name": "%s", "id": 123456789012345678901234567890}' % written
    assert read_object(body) == {"name": read, "id": 123456789012345678901234567890}
