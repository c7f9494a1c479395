"""Eduzz: who sent a request, what makes it the same as another, and what its oddities mean."""

from __future__ import annotations

import json
import re
from datetime import UTC

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.core.signing import Refused
from bridge.sources.base import Authentic, Malformed, Ping, Unsupported
from bridge.sources.eduzz import PING_BYTES, EduzzOptions
from bridge.sources.eduzz_events import ALIASES, EVENTS
from bridge.sources.registry import known_kinds, sample_names
from tests.sources.eduzz_support import EDUZZ, body_of, event, request, source

PING = b'{"event":"ping","data":{"message":"ping"}}'


def test_the_signature_is_hmac_sha256_of_the_raw_body_in_hex() -> None:
    """A vector computed elsewhere: secret `test-secret` over the console's ping."""
    signature = "8737bb0764150786f940687d9e928652e632573f8b2fa4a8f9f26161e939814e"
    assert EDUZZ.outgoing_headers(PING)["x-signature"] == signature
    assert EDUZZ.verify(request(PING, {"x-signature": signature})) == Ping(signed=True)


def test_outgoing_headers_look_like_the_platforms() -> None:
    """`bridge send` carries what Eduzz's own deliveries carry."""
    headers = EDUZZ.outgoing_headers(body_of("nutror.module_completed"))
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == "Eduzz Webhook"
    assert headers["x-subscription"].endswith(":nutror.module_completed")
    assert headers["x-delivery-attempt"] == "1"
    assert set(EDUZZ.kept_headers) == set(headers) - {"x-signature"}


@pytest.mark.parametrize(
    "body",
    [
        PING,
        b'{"event": "ping"}',
        b'\xef\xbb\xbf{"event":"ping","id":"y1u5i9","sentDate":"2026-11-10T00:35:28.713Z"}',
        b'{"event":"\\u0070ing"}',
    ],
)
@pytest.mark.parametrize("headers", [{}, {"x-signature": "0" * 64}, {"x-signature": "ç"}])
def test_a_ping_is_answered_signed_or_not(body: bytes, headers: dict[str, str]) -> None:
    """The console pings before any secret is saved, so a ping needs none."""
    assert EDUZZ.verify(request(body, headers)) == Ping(signed=False)


@given(st.lists(st.sampled_from(["{}", "\\u{:04x}", "\\u{:04X}"]), min_size=4, max_size=4))
def test_letters_may_be_escaped(forms: list[str]) -> None:
    """JSON has several spellings of a word; none is overlooked where a word must be found."""
    word, key = _spelled("ping", forms), _spelled("originSecret", forms * 3)
    assert EDUZZ.verify(request(f'{{"event":"{word}"}}'.encode())) == Ping(signed=False)
    parsed = EDUZZ.parse(request(f'{{"event":"x.y","data":{{"{key}":"s"}}}}'.encode()))
    assert isinstance(parsed, tuple)
    assert parsed[0].data == {"originSecret": "***"}


def _spelled(word: str, forms: list[str]) -> str:
    return "".join(
        form.format(char if form == "{}" else ord(char)) for form, char in zip(forms, word, strict=True)
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"event":"ping "}',
        b'{"event":"Ping"}',
        b'{"event":["ping"]}',
        b'{"data":{"event":"ping"}}',
        b'[{"event":"ping"}]',
        b'"ping"',
        b'{"event":"ping"',
        b'{"event":"nutror.module_completed","data":{"message":"ping"}}',
        b'{"event":"ping","data":"' + b"x" * PING_BYTES + b'"}',
    ],
)
def test_only_a_small_body_whose_event_is_exactly_ping_is_one(body: bytes) -> None:
    """Nothing else gets past the signature."""
    assert isinstance(EDUZZ.verify(request(body)), Refused)


def test_a_signed_ping_beyond_the_size_is_stored_and_has_no_effects() -> None:
    """It is authentic, and parsing says that it is no event."""
    body = b'{"event":"ping","data":"' + b"x" * PING_BYTES + b'"}'
    assert EDUZZ.verify(request(body, EDUZZ.outgoing_headers(body))) == Authentic(0)
    assert isinstance(EDUZZ.parse(request(body)), Unsupported)


def test_a_refusal_says_what_it_looks_like() -> None:
    """The log's hint comes from the diagnosis, not only from the comparison."""
    body = body_of("nutror.module_completed")
    stranger = EDUZZ.verify(request(body, source("another-secret").outgoing_headers(body)))
    assert isinstance(stranger, Refused)
    assert "compare the secret" in stranger.hint
    rewritten = EDUZZ.verify(request(body, EDUZZ.outgoing_headers(orjson.dumps(orjson.loads(body)))))
    assert isinstance(rewritten, Refused)
    assert "the body was changed" in rewritten.hint


@pytest.mark.parametrize(
    ("options", "where", "says"),
    [
        ({"type": "eduzz"}, ("secrets",), "Field required"),
        ({"type": "eduzz", "secrets": []}, ("secrets",), "is an empty list"),
        ({"type": "eduzz", "secrets": [""]}, ("secrets", 0), "is empty"),
        ({"type": "eduzz", "secrets": ["abc", "abc\n"]}, ("secrets", 1), "white space"),
        ({"type": "eduzz", "secrets": ["abc"], "secret": "abc"}, ("secret",), "not permitted"),
        ({"type": "eduzz", "secrets": ["abc"] * 11}, ("secrets",), "at most 10"),
    ],
)
def test_options_are_strict_and_fail_closed(
    options: dict[str, object], where: tuple[str | int, ...], says: str
) -> None:
    """No secret, an empty one and an unknown option are errors, in words, at their place."""
    with pytest.raises(ValidationError) as caught:
        EduzzOptions.model_validate(options)
    (error,) = caught.value.errors()
    assert error["loc"] == where
    assert says in error["msg"]
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize(("given", "key"), [("k3v0a9", "k3v0a9"), (77, "77"), (10**30, "1" + "0" * 30)])
def test_the_envelopes_id_makes_deliveries_the_same(given: object, key: str) -> None:
    """A second delivery with another time of sending is the same event."""
    first = request({"id": given, "event": "nutror.lesson_watched", "sentDate": "2026-11-10T00:35:28Z"})
    again = request({"sentDate": "2026-11-10T00:36:28Z", "event": "nutror.lesson_watched", "id": given})
    assert EDUZZ.delivery_key(first) == EDUZZ.delivery_key(again) == key


@pytest.mark.parametrize(
    "body", [b'{"event":"a.b"}', b'{"id":"","event":"a.b"}', b'{"id":{}}', b"[]", b"{", b""]
)
def test_without_an_id_the_bytes_make_deliveries_the_same(body: bytes) -> None:
    """Some events of AlpaClass come without one."""
    key = EDUZZ.delivery_key(request(body))
    assert key == EDUZZ.delivery_key(request(body))
    assert key.startswith("sha256:")
    assert key != EDUZZ.delivery_key(request(body + b" "))


@given(body=st.binary(max_size=200) | st.sampled_from([PING, *map(body_of, sample_names())]))
def test_an_events_id_is_its_delivery_key(body: bytes) -> None:
    """What the inbox deduplicates by is what rules and people see as `id`."""
    result = EDUZZ.parse(request(body))
    assert isinstance(result, Unsupported | Malformed) or result[0].id == EDUZZ.delivery_key(request(body))


def test_every_bare_name_is_an_alias_of_one_event() -> None:
    """No two products share an action's name, so leaving out the product is no ambiguity."""
    assert len(ALIASES) == len(EVENTS) + 1
    assert set(ALIASES.values()) == set(EVENTS)
    for alias, name in ALIASES.items():
        assert event({"event": alias}).type == name


def test_kinds_follow_one_pattern() -> None:
    """A kind is a thing and what happened to it: two words with a dot, the same for every product."""
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)*", kind) for kind in known_kinds())
    assert EVENTS["nutror.lesson_watched"].kind == EVENTS["alpaclass.student_lesson_finished"].kind
    assert len(EVENTS) == 63


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30) | st.sampled_from(["learner@eduzz.com", "2026-11-10 00:35:27", "ping", ""]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["id", "hash", "email", "name", "title", "learner", "student", "participant", "participants",
             "customer", "course", "courses", "items", "products", "productId", "producer", "producerId",
             "contract", "invoice", "event", "createdAt", "updatedAt", "checkInAt", "originSecret"]
        ), inner, max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@given(
    name=st.sampled_from([*EVENTS, *ALIASES, "ping", "nutror.new", "other.new", ""]) | json_values,
    data=json_values,
    event_id=json_values,
    sent=json_values,
)
def test_payloads_of_any_shape_become_events(
    name: object, data: object, event_id: object, sent: object
) -> None:
    """Whatever stands where, nothing raises, and what comes out has the types it promises."""
    body = json.dumps({"event": name, "id": event_id, "sentDate": sent, "data": data}).encode()
    EDUZZ.verify(request(body))
    assert len(EDUZZ.delivery_key(request(body))) <= 200
    result = EDUZZ.parse(request(body))
    if isinstance(result, tuple):
        found = result[0]
        assert found.occurred_at.tzinfo is UTC
        for part in (found.learner, found.producer, found.course, found.module, found.lesson):
            assert part is None or set(map(type, _values(part))) <= {str, type(None)}
        assert all(not secret or secret == "***" for secret in _secrets(found.raw))


def _values(part: object) -> list[object]:
    return [getattr(part, field) for field in part.__slots__]  # type: ignore[attr-defined]  # parts are slotted


def _secrets(value: object) -> list[object]:
    if isinstance(value, dict):
        return [value.get("originSecret"), *(found for child in value.values() for found in _secrets(child))]
    return [found for child in value for found in _secrets(child)] if isinstance(value, list) else []


@pytest.mark.parametrize(
    ("event", "progress", "finishes"),
    [
        ("nutror.lesson_watched", 100, True),
        ("nutror.lesson_watched", "100", True),
        ("nutror.lesson_watched", 100.0, True),
        ("nutror.lesson_watched", 99, False),
        ("nutror.lesson_watched", None, False),
        ("nutror.lesson_watched", True, False),
        ("nutror.lesson_watched", {"done": 100}, False),
        ("nutror.lesson_started", 100, False),
    ],
)
def test_a_lesson_that_brings_the_course_to_its_end_says_so(
    event: str, progress: object, *, finishes: bool
) -> None:
    """Nutror has no event for a finished course; its count in a watched lesson stands for one."""
    body = json.dumps({"id": "e1", "event": event, "data": {"course": {"hash": "c", "progress": progress}}})
    parsed = EDUZZ.parse(request(body.encode()))
    assert isinstance(parsed, tuple)
    assert parsed[0].finishes_course is finishes
