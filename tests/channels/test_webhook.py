"""Webhooks: signatures that an independent library accepts, headers, bodies, and what the options refuse."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pydantic import SecretStr, ValidationError
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from bridge.channels.base import Unencodable
from bridge.channels.http import Shared
from bridge.channels.webhook import WebhookChannel
from bridge.channels.webhook_options import EVENT, WebhookAction, WebhookOptions, signing_key
from bridge.core.events import VOCABULARY
from bridge.core.messages import Slot, Target
from bridge.core.outcomes import Delivered, Reason, Rejected
from tests.support.channels import DELIVERY, SIGNING_SECRET, SOFTWARE, message, opened, webhook
from tests.support.clock import FakeClock
from tests.support.http_server import Call, HttpServer

CRM = WebhookChannel(
    "crm",
    WebhookOptions(type="webhook", url=SecretStr("https://crm.example/hooks")),
    Shared(FakeClock(), SOFTWARE),
)


async def sent(
    *, clock: FakeClock | None = None, fields: dict[str, object] | None = None, **more: object
) -> Call:
    """Send one message and return the request that arrived."""
    async with HttpServer() as server, opened("webhook", webhook(server.url, **more), clock=clock) as channel:
        payload = channel.encode(message(fields or {"json": {"aluna": "Márcia"}}), {})
        assert isinstance(await channel.send(payload, DELIVERY), Delivered)
    return server.calls[0]


def verified(secret: str, call: Call) -> object:
    """Return what `standardwebhooks` reads from a request; it raises unless the signature is right."""
    headers = {name.lower(): value for name, value in call.headers.items()}
    return Webhook(secret).verify(call.body, headers)


async def test_the_signature_is_right_by_an_independent_judge() -> None:
    """The library of the standard accepts the very bytes that arrived, and no others."""
    call = await sent(clock=FakeClock(datetime.now(UTC)), fields={"json": {"aluna": "Márcia", "n": 1}})
    assert verified(SIGNING_SECRET, call) == {"aluna": "Márcia", "n": 1}
    with pytest.raises(WebhookVerificationError):
        verified("whsec_" + base64.b64encode(b"x" * 24).decode(), call)


async def test_while_rotating_every_secret_signs() -> None:
    """Receivers with the old secret and with the new one both accept."""
    new = "whsec_" + base64.b64encode(b"n" * 32).decode()
    plain = "a-plain-secret-of-some-length"
    call = await sent(clock=FakeClock(datetime.now(UTC)), signing_secret=[SIGNING_SECRET, new, plain])
    as_base64 = base64.b64encode(plain.encode()).decode()
    assert verified(SIGNING_SECRET, call) == verified(new, call) == verified(as_base64, call)
    assert len(call.headers["webhook-signature"].split(" ")) == 3


async def test_the_id_stays_and_the_time_moves() -> None:
    """A repeated delivery is recognised by its id; its age is that of the attempt."""
    clock = FakeClock()
    async with HttpServer() as server, opened("webhook", webhook(server.url), clock=clock) as channel:
        payload = channel.encode(message(), {})
        await channel.send(payload, DELIVERY)
        clock.advance(hours=2)
        await channel.send(payload, DELIVERY)
    first, second = server.calls
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == DELIVERY
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] == DELIVERY
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 7200
    assert first.body == second.body
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


async def test_without_a_secret_nothing_is_signed() -> None:
    """And nothing pretends to be."""
    call = await sent(signing_secret=[])
    assert not [name for name in call.headers if name.lower().startswith("webhook-")]
    assert call.headers["Idempotency-Key"] == DELIVERY


async def test_configured_headers_are_sent() -> None:
    """Once each; the content type may be another one."""
    call = await sent(headers={"X-Origem": "escola", "content-type": "application/vnd.crm+json"})
    assert call.headers["X-Origem"] == "escola"
    assert call.headers.getall("Content-Type") == ["application/vnd.crm+json"]


@pytest.mark.parametrize("words", ["x\r\nX-Evil: 1", "x\ny", "x\x00", "é"])
async def test_no_value_adds_a_header(words: str) -> None:
    """What is no line of ASCII text is refused before anything is sent, and is not shown."""
    async with HttpServer() as server, opened("webhook", webhook(server.url)) as channel:
        good = channel.encode(message(), {})
        for payload, delivery in ((good, words), (replace(good, meta={"type": words}), DELIVERY)):
            found = await channel.send(payload, delivery)
            assert isinstance(found, Rejected)
            assert found.reason is Reason.INVALID
    assert server.connections == 0


async def test_user_and_password_of_the_address_log_in() -> None:
    """As HTTP Basic authentication."""
    async with HttpServer() as server:
        url = server.url.replace("http://", "http://maria:segredo@")
        raw = {"url": f"{url}/x", "allow_private": True}
        async with opened("webhook", raw) as channel:
            await channel.send(channel.encode(message(), {}), DELIVERY)
    assert server.calls[0].headers["Authorization"] == "Basic " + base64.b64encode(b"maria:segredo").decode()


async def test_text_is_sent_as_text() -> None:
    """`body:` instead of `json:`."""
    call = await sent(fields={"body": "Olá, Márcia"})
    assert call.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert call.body.decode() == "Olá, Márcia"


async def test_json_is_sent_as_json() -> None:
    """Structures keep their types; a time is written as ISO 8601 in UTC."""
    call = await sent(
        fields={"json": {"at": datetime(2026, 5, 4, 12, tzinfo=UTC), "n": 1, "x": [None, True, 1.5]}}
    )
    assert call.headers["Content-Type"] == "application/json"
    assert call.json == {"at": "2026-05-04T12:00:00Z", "n": 1, "x": [None, True, 1.5]}


@pytest.mark.parametrize("value", [{1: "x"}, {"x": {1, 2}}, {"x": 2**70}, {"x": "\ud800"}, object()])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    """As a sentence, before anything is sent."""
    with pytest.raises(Unencodable, match="cannot be written as JSON"):
        CRM.encode(message(json=value), {})


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_values)
def test_any_structure_arrives_as_it_is(value: object) -> None:
    """What was rendered is what a JSON parser reads."""
    assert json.loads(CRM.encode(message(json=value), {}).body) == value


@given(st.text(st.characters()))
def test_any_text_becomes_utf_8(text: str) -> None:
    """Half of a surrogate pair included."""
    CRM.encode(message(body=text), {}).body.decode()


def test_an_action_says_what_must_be_rendered() -> None:
    """A structure, a text, or by default what the event is about."""
    assert WebhookAction(json={"a": "{{ id }}"}).slots() == {
        "json": Slot(Target.JSON, {"a": "{{ id }}"}, ("json",))
    }
    assert WebhookAction(body="{{ id }}").slots() == {"body": Slot(Target.PLAIN, "{{ id }}", ("body",))}
    (default,) = WebhookAction().slots().values()
    assert default == Slot(Target.JSON, EVENT, ("json",))
    assert set(EVENT) <= set(VOCABULARY)


def test_an_action_has_one_body() -> None:
    """Not two, and no unknown words."""
    with pytest.raises(ValidationError, match="exclude each other"):
        WebhookAction(json={}, body="x")
    with pytest.raises(ValidationError, match="blocks"):
        WebhookAction.model_validate({"blocks": []})


def test_an_action_survives_being_built_field_by_field() -> None:
    """As the configuration does, by the names of the fields."""
    built = WebhookAction.model_construct(json_={"a": 1}, body=None)
    assert built.slots() == {"json": Slot(Target.JSON, {"a": 1}, ("json",))}


REFUSED: list[tuple[dict[str, object], str]] = [
    ({}, "Field required"),
    ({"url": "crm.example/hooks"}, "an address such as"),
    ({"url": "ftp://crm.example/hooks"}, "an address such as"),
    ({"url": "https:///hooks"}, "an address such as"),
    ({"url": "https://crm.example:99999/"}, "an address such as"),
    ({"url": "https://crm.example:0/"}, "an address such as"),
    ({"url": "https://crm.example/a b"}, "an address such as"),
    ({"url": "https://crm.example/\r\nHost: x"}, "an address such as"),
    ({"url": "https://[::1/"}, "an address such as"),
    ({"url": "https://" + "ü" * 64 + ".example/"}, "a host that can exist"),
    ({"url": "https://crm.example/#part"}, "'#' part"),
    ({"method": "get"}, "in capitals"),
    ({"headers": {"Host": "x"}}, "set by the bridge"),
    ({"headers": {"Webhook-Id": "x"}}, "set by the bridge"),
    ({"headers": {"X Y": "x"}}, "letters, digits"),
    ({"headers": {"X-Y": "a\r\nb"}}, "one line of ASCII"),
    ({"signing_secret": "short"}, "too short"),
    ({"signing_secret": " " + "x" * 30}, "white space"),
    ({"signing_secret": "whsec_***"}, "not base64"),
    ({"signing_secret": "whsec_" + base64.b64encode(b"x" * 8).decode()}, "8 bytes"),
    ({"url": "https://a:b@crm.example/", "headers": {"authorization": "x"}}, "keep one of them"),
    ({"timeout": "11min"}, "at most 10min"),
    ({"timeout": "soon"}, "a duration such as"),
    ({"timeout": "0s"}, "a duration such as"),
    ({"concurrency": 0}, "greater than or equal to 1"),
    ({"concurrency": 65}, "less than or equal to 64"),
    ({"allow_private": "yes"}, "allow_private"),
    ({"retry": {"waits": ["10 apples"]}}, "a duration such as"),
    ({"pace": "30/min"}, "pace"),
]


@pytest.mark.parametrize(("raw", "sentence"), REFUSED)
def test_options_are_checked_when_they_are_loaded(raw: dict[str, object], sentence: str) -> None:
    """Every mistake has a sentence."""
    with pytest.raises(ValidationError) as refused:
        WebhookOptions.model_validate(
            {"type": "webhook", **({"url": "https://crm.example/"} if raw else {}), **raw}
        )
    assert sentence in str(refused.value)


def test_options_hide_their_secrets() -> None:
    """In every way of printing them."""
    options = WebhookOptions.model_validate({"type": "webhook", **webhook("https://crm.example")})
    for text in (repr(options), str(options), options.model_dump_json(), str(options.model_dump())):
        assert "aVeryLongSecret" not in text
        assert "tokenOfAReceiver" not in text
        assert "MfKQ9r8" not in text


def test_what_all_channels_have_in_common_reaches_the_pipeline() -> None:
    """Waits, limit, concurrency, and a time limit that leaves the channel the last word."""
    options = WebhookOptions.model_validate(
        {
            "type": "webhook",
            "url": "https://crm.example/",
            "retry": {"waits": ["1s", "2min"], "limit": "1h"},
            "timeout": "5s",
            "concurrency": 7,
        }
    )
    policy = options.policy()
    assert [wait.total_seconds() for wait in policy.retry.waits] == [1, 120]
    assert policy.retry.limit.total_seconds() == 3600
    assert policy.concurrency == 7
    assert 5 < policy.timeout.total_seconds() < 10


def test_keys_are_bytes_as_the_standard_says() -> None:
    """Behind whsec_ stands base64; anything else signs as it is typed."""
    assert signing_key(SecretStr("whsec_" + base64.b64encode(b"k" * 24).decode())) == b"k" * 24
    assert signing_key(SecretStr("ç" * 24)) == ("ç" * 24).encode()
