"""What every source in the registry promises, tried on each of them.

A new source needs one file here, `TYPE.json`: its options without secrets, and a body that becomes an event.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from bridge.core.signing import Refused
from bridge.sources.base import Authentic, Malformed, Ping, Request, Source, Unsupported
from bridge.sources.registry import OPTIONS, build

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OLD, NEW, STRANGE = "segredo-antigo", "segredo-novo-ção", "de-outra-pessoa"
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Case:
    """A source to try: its type, its options but the secrets, and a body."""

    type: str
    options: Mapping[str, object]
    body: bytes

    def source(self, *secrets: str) -> Source:
        """The source with these secrets."""
        return build("fonte", self.checked(*secrets))

    def checked(self, *secrets: str) -> BaseModel:
        """The options with these secrets, checked."""
        return OPTIONS[self.type].model_validate({**self.options, "secrets": list(secrets)})

    def signed(self, secret: str, body: bytes | None = None) -> Request:
        """A request as the platform sends it."""
        sent = self.body if body is None else body
        return Request(self.source(secret).outgoing_headers(sent), sent, NOW)


def case_of(name: str) -> Case:
    """The case of a type of source; the failure says what is missing."""
    file = HERE / f"{name}.json"
    if not file.exists():
        pytest.fail(f"write {file.name} in {HERE}: options without secrets, and a body that becomes an event")
    content = json.loads(file.read_text(encoding="utf-8"))
    return Case(name, content["options"], json.dumps(content["body"], ensure_ascii=False).encode())


@pytest.fixture(scope="module", params=sorted(OPTIONS))
def case(request: pytest.FixtureRequest) -> Case:
    """Each source of the registry in turn."""
    return case_of(request.param)


cases = st.sampled_from(sorted(OPTIONS)).map(case_of)
headers = st.dictionaries(
    st.sampled_from(["x-signature", "x-assinatura", "x-evento", "x-subscription", "content-type"])
    | st.text(),
    st.text(st.characters(), max_size=100),
    max_size=5,
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=20,
)


def readable(source: Source, request: Request) -> str:
    """Take a request through every method; return the delivery key, which is short and printable."""
    verdict = source.verify(request)
    assert isinstance(verdict, Authentic | Ping | Refused)
    key = source.delivery_key(request)
    assert 0 < len(key) <= 200
    assert key.isprintable()
    result = source.parse(request)
    if isinstance(result, tuple):
        assert result
        for event in result:
            assert event.type.isprintable()
            assert event.id
            assert event.occurred_at.tzinfo is UTC
            json.dumps(event.facts(), default=str)
    else:
        assert isinstance(result, Unsupported | Malformed)
        assert result.why
    return key


def test_a_signed_request_is_authentic_and_becomes_events(case: Case) -> None:
    """The ordinary way, and its event knows its source."""
    source = case.source(NEW)
    assert source.verify(case.signed(NEW)) == Authentic(0)
    result = source.parse(case.signed(NEW))
    assert isinstance(result, tuple)
    assert {event.source for event in result} == {"fonte"}


def test_every_configured_secret_is_accepted_while_rotating(case: Case) -> None:
    """Old and new sign side by side, and the verdict says which one it was."""
    source = case.source(NEW, OLD)
    assert source.verify(case.signed(NEW)) == Authentic(0)
    assert source.verify(case.signed(OLD)) == Authentic(1)
    assert isinstance(case.source(NEW).verify(case.signed(OLD)), Refused)


def test_a_stranger_is_refused_and_no_secret_is_told(case: Case) -> None:
    """The hint is for the log, so it holds neither secret nor signature."""
    request = case.signed(STRANGE)
    verdict = case.source(NEW, OLD).verify(request)
    assert isinstance(verdict, Refused)
    assert verdict.why == "mismatch"
    spoken = verdict.hint + repr(case.checked(NEW, OLD)) + repr(case.source(NEW, OLD))
    signature = max(request.headers.values(), key=len)
    assert not any(word in spoken for word in (NEW, OLD, STRANGE, signature))


@given(case=cases, place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_one_changed_bit_is_refused(case: Case, place: int, bit: int) -> None:
    """A body is authentic as a whole or not at all."""
    request = case.signed(NEW)
    body = bytearray(request.body)
    body[place % len(body)] ^= 1 << bit
    assert isinstance(case.source(NEW).verify(Request(request.headers, bytes(body), NOW)), Refused)


def test_without_its_headers_a_request_is_refused(case: Case) -> None:
    """No signature, no entry; the hint names the header that is missing."""
    verdict = case.source(NEW).verify(Request({}, case.body, NOW))
    assert isinstance(verdict, Refused)
    assert verdict.why == "missing"
    assert "header" in verdict.hint


@pytest.mark.parametrize("value", ["", " ", "ç", "\udce7\udcff", "0" * 64, "=" * 10_000, "sha256=", "\0"])
def test_an_outlandish_signature_is_refused(case: Case, value: str) -> None:
    """Whatever stands in the headers, the answer is a verdict."""
    signed = case.signed(NEW)
    outlandish = dict.fromkeys(signed.headers, value)
    assert isinstance(case.source(NEW).verify(Request(outlandish, signed.body, NOW)), Refused)


@given(case=cases, body=st.binary(max_size=300), headers=headers)
def test_no_bytes_and_no_headers_raise(case: Case, body: bytes, headers: dict[str, str]) -> None:
    """Verifying, naming and reading survive whatever arrives."""
    request = Request(headers, body, NOW)
    source = case.source(NEW)
    assert readable(source, request) == source.delivery_key(request)
    source.outgoing_headers(body)


@given(case=cases, value=json_values)
def test_no_json_raises(case: Case, value: object) -> None:
    """Nor does JSON of any shape."""
    readable(case.source(NEW), case.signed(NEW, json.dumps(value).encode()))


@pytest.mark.parametrize(
    "body",
    [
        b'{"event":"' + b"x" * MEBIBYTE + b'"}',
        b'{"event":"a.b","data":[' + b"0," * (MEBIBYTE // 2) + b"0]}",
        b'{"event":"a.b","data":{"image":"' + b"A" * MEBIBYTE + b'"}}',
        b'{"event":"a.b","id":' + b"7" * 4000 + b"}",
        b'{"event":"a.b","id":"' + b"7" * 4000 + b'"}',
        b"[" * MEBIBYTE,
        b'{"a":' * (MEBIBYTE // 5),
        b"[" * 1000 + b"]" * 1000,
        b'{"event":"a.b","data":' + b"[" * 900 + b"]" * 900 + b"}",
        b"[" + b"[]," * (MEBIBYTE // 3) + b"[]]",
        b"\xff" * MEBIBYTE,
        b"\0" * MEBIBYTE,
    ],
    ids=range(12),
)
def test_huge_and_deep_bodies_are_read_or_parked(case: Case, body: bytes) -> None:
    """A mebibyte of anything, signed or not, ends in a verdict and a result."""
    source = case.source(NEW)
    assert source.verify(case.signed(NEW, body)) == Authentic(0)
    readable(source, case.signed(NEW, body))
    readable(source, case.signed(STRANGE, body))


def test_the_same_delivery_has_the_same_key(case: Case) -> None:
    """The key depends on the request alone, and another event has another."""
    source = case.source(NEW)
    assert source.delivery_key(case.signed(NEW)) == case.source(OLD).delivery_key(case.signed(OLD))
    assert source.delivery_key(case.signed(NEW)) != source.delivery_key(case.signed(NEW, b'{"event":"a.b"}'))


def test_parsing_needs_only_what_the_inbox_keeps(case: Case) -> None:
    """A replay reads the stored headers and body; the signature is not among them."""
    source = case.source(NEW)
    request = case.signed(NEW)
    names = source.kept_headers
    assert all(name == name.lower() for name in names)
    kept = Request({name: request.headers[name] for name in names if name in request.headers}, case.body, NOW)
    assert source.parse(kept) == source.parse(request)
    assert isinstance(source.verify(kept), Refused)


def test_parsing_twice_gives_the_same(case: Case) -> None:
    """A replay sees what the first run saw."""
    source = case.source(NEW)
    assert source.parse(case.signed(NEW)) == source.parse(case.signed(NEW))


@pytest.mark.parametrize("secrets", [[], [""], [f"{NEW}\n"]])
def test_options_without_a_usable_secret_are_refused(case: Case, secrets: list[str]) -> None:
    """Nobody runs an open door by leaving a variable empty."""
    with pytest.raises(ValidationError) as caught:
        case.checked(*secrets)
    assert NEW not in str(caught.value)


def test_unknown_options_are_refused(case: Case) -> None:
    """A misspelt option does not pass in silence."""
    with pytest.raises(ValidationError, match="not permitted"):
        OPTIONS[case.type].model_validate({**case.options, "secrets": [NEW], "sekrets": [NEW]})


def test_every_option_is_described(case: Case) -> None:
    """The descriptions are what an editor shows, and the page of sources prints."""
    schema = OPTIONS[case.type].model_json_schema()
    assert all("description" in field for field in schema["properties"].values())
    assert schema["properties"]["type"]["const"] == case.type
