"""The stand-ins, spoken to by the real Slack client and a real signer."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from standardwebhooks.webhooks import Webhook

from bridge.channels.slack_options import SANDBOX_TOKEN as TOKEN
from bridge.core.readable import Chat
from bridge.sandbox.arrivals import Post, beginning
from bridge.sandbox.sandbox import Sandbox
from tests.support.clock import FakeClock

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def _slack(sandbox: Sandbox, http: aiohttp.ClientSession, token: str = TOKEN) -> AsyncWebClient:
    url = sandbox.endpoints().slack_api_url
    return AsyncWebClient(token=token, base_url=url, session=http, retry_handlers=[])


async def test_slacks_own_client_posts_and_is_told_where_the_message_stands(
    sandbox: Sandbox, http: aiohttp.ClientSession
) -> None:
    """`auth.test` and `chat.postMessage` answer as Slack does, each message with a time stamp of its own."""
    client = _slack(sandbox, http)
    assert (await client.auth_test())["user"] == "bridge"
    first = await client.chat_postMessage(channel="#conquistas", text=":tada: *Maria* concluiu")
    second = await client.chat_postMessage(channel="#conquistas", text="também", thread_ts=first["ts"])
    assert first["ts"] != second["ts"]
    one, two = sandbox.arrivals
    assert (one.kind, one.to, one.title) == ("slack", "#conquistas", ":tada: Maria concluiu")
    assert isinstance(two.content, Chat)
    assert two.content.thread == first["ts"]


async def test_blocks_arrive_as_json_or_as_a_form(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    """Whichever way a client encodes its arguments, the paragraphs are the same."""
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*Maria*"}}]
    await _slack(sandbox, http).chat_postMessage(channel="#c", text="t", blocks=blocks)
    url = sandbox.endpoints().slack_api_url + "chat.postMessage"
    form = {"token": TOKEN, "channel": "#c", "blocks": '[{"type":"section","text":{"text":"*Maria*"}}]'}
    async with http.post(url, data=form, headers={"Authorization": f"Bearer {TOKEN}"}) as response:
        assert (await response.json())["ok"]
    assert [
        arrival.content.paragraphs for arrival in sandbox.arrivals if isinstance(arrival.content, Chat)
    ] == [
        ("*Maria*",),
        ("*Maria*",),
    ]


@pytest.mark.parametrize(
    ("token", "method", "arguments", "error"),
    [
        ("xoxb-other", "chat.postMessage", {"channel": "#c", "text": "t"}, "invalid_auth"),
        (TOKEN, "chat.postMessage", {"text": "t"}, "channel_not_found"),
        (TOKEN, "chat.postMessage", {"channel": "#c"}, "no_text"),
        (TOKEN, "chat.explode", {}, "unknown_method"),
    ],
)
async def test_slacks_errors_come_inside_a_200(
    sandbox: Sandbox,
    http: aiohttp.ClientSession,
    token: str,
    method: str,
    arguments: dict[str, Any],
    error: str,
) -> None:
    """A wrong call is answered as Slack answers it, and nothing arrives."""
    with pytest.raises(SlackApiError) as raised:
        await _slack(sandbox, http, token).api_call(method, json=arguments)
    assert raised.value.response["error"] == error
    assert sandbox.arrivals.total == 0


async def test_an_incoming_webhook_answers_ok(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    """Incoming webhooks take JSON with a text, and answer in plain words."""
    url = sandbox.endpoints().slack_api_url.replace("/api/", "/services/wins")
    for body, answered in [({"text": "oi"}, (200, "ok")), ({}, (400, "no_text"))]:
        async with http.post(url, json=body) as response:
            assert (response.status, await response.text()) == answered
    assert [arrival.to for arrival in sandbox.arrivals] == ["(incoming webhook)"]


@pytest.mark.parametrize(
    ("trusted", "signed_with", "found"),
    [
        (SECRET, SECRET, "right"),
        (SECRET, "whsec_" + "AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "wrong"),
        (SECRET, None, "missing"),
        (None, SECRET, "not checked"),
        (None, None, "missing"),
    ],
)
async def test_a_webhooks_signature_is_checked(
    sandbox: Sandbox,
    http: aiohttp.ClientSession,
    clock: FakeClock,
    trusted: str | None,
    signed_with: str | None,
    found: str,
) -> None:
    """What the reference library signs is right with the same secret and wrong with another."""
    if trusted:
        sandbox.trust("crm", trusted)
    body = '{"email":"maria@aluna.example","nome":"Conceição"}'
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(clock.now().timestamp()))}
    if signed_with:
        headers["webhook-signature"] = "v1,AAAA " + Webhook(signed_with).sign("msg_1", clock.now(), body)
    url = f"{sandbox.endpoints().webhook_url}/crm"
    async with http.post(url, data=body.encode(), headers=headers) as response:
        assert response.status == 200
    (arrival,) = sandbox.arrivals
    assert (arrival.kind, arrival.to, arrival.title, arrival.raw) == (
        "webhook",
        "crm",
        body,
        body.encode(),
    )
    assert isinstance(arrival.content, Post)
    assert arrival.content.signature == found
    assert '"nome": "Conceição"' in arrival.content.text


async def test_a_secret_of_plain_text_is_the_key_itself(
    sandbox: Sandbox, http: aiohttp.ClientSession, clock: FakeClock
) -> None:
    """A signing secret without the standard's prefix signs with its own bytes."""
    sandbox.trust("crm", "just words")
    signature = Webhook(b"just words").sign("msg_1", clock.now(), "{}")
    stamp = str(int(clock.now().timestamp()))
    headers = {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": signature}
    async with http.post(f"{sandbox.endpoints().webhook_url}/crm", data=b"{}", headers=headers) as response:
        assert response.status == 200
    assert [
        arrival.content.signature for arrival in sandbox.arrivals if isinstance(arrival.content, Post)
    ] == ["right"]


@pytest.mark.parametrize(
    ("text", "title"),
    [("a\n b", "a b"), ("x" * 80, "x" * 80), ("x" * 81, "x" * 79 + "…"), ("y" * 78 + " zz", "y" * 78 + "…")],
)
def test_a_title_is_the_beginning_of_a_message(text: str, title: str) -> None:
    """One line, and an ellipsis where there was more."""
    assert beginning(text) == title


async def test_a_message_is_edited_in_its_place(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    """The mailbox shows its last form, and how often it was changed; an unknown one is none."""
    client = _slack(sandbox, http)
    first = await client.chat_postMessage(channel="#conquistas", text="Hoje: 1")
    await client.chat_update(channel=first["channel"], ts=first["ts"], text="Hoje: 2")
    await client.chat_update(channel=first["channel"], ts=first["ts"], text="Hoje: *3*")
    (arrival,) = sandbox.arrivals
    assert isinstance(arrival.content, Chat)
    assert (arrival.title, arrival.content.edits, arrival.to) == ("Hoje: 3", 2, "#conquistas")
    with pytest.raises(SlackApiError, match="message_not_found"):
        await client.chat_update(channel="#conquistas", ts="1.2", text="x")
    with pytest.raises(SlackApiError, match="thread_not_found"):
        await client.chat_postMessage(channel="#conquistas", text="x", thread_ts="1.2")


async def test_people_are_found_but_for_nobody(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    """So that both cases can be tried."""
    client = _slack(sandbox, http)
    found = await client.users_lookupByEmail(email="ana@escola.example")
    assert found["user"]["id"].startswith("U")
    with pytest.raises(SlackApiError, match="users_not_found"):
        await client.users_lookupByEmail(email="nobody@escola.example")
