"""Slack: what is sent, what its answers mean, what is cut, what its options refuse."""

from __future__ import annotations

import json
import logging
import re
from datetime import timedelta

import pytest
from aioresponses import aioresponses
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.channels.base import Unencodable
from bridge.channels.http import Shared
from bridge.channels.slack import SlackChannel
from bridge.channels.slack_blocks import TEXT_LIMIT, shortened
from bridge.channels.slack_options import API_URL, SlackAction, SlackOptions
from bridge.core.messages import Document, Slot, Target
from bridge.core.outcomes import Delivered, Outcome, Reason, Rejected, Retry
from tests.support.channels import (
    DELIVERY,
    SOFTWARE,
    TOKEN,
    WEBHOOK_PATH,
    message,
    opened,
    slack,
    slack_webhook,
)
from tests.support.clock import FakeClock
from tests.support.http_server import HttpServer, Reply, reply_json

GOOD = reply_json({"ok": True, "ts": "1503435956.000247"})


def channel_of(**raw: object) -> SlackChannel:
    options = SlackOptions.model_validate({"type": "slack", **raw})
    return SlackChannel("wins", options, Shared(FakeClock(), SOFTWARE))


BOT = channel_of(token=TOKEN, channel="#conquistas")


async def answer_to(reply: Reply, **more: object) -> Outcome:
    async with HttpServer(reply) as server, opened("slack", slack(server.url, **more)) as channel:
        return await channel.send(channel.encode(message(), {}), DELIVERY)


async def test_a_bot_posts_the_documented_call() -> None:
    """One POST to chat.postMessage with the token in a header, JSON in the body, links unexpanded."""
    async with HttpServer(GOOD) as server, opened("slack", slack(server.url)) as channel:
        found = await channel.send(channel.encode(message(text="*Olá* ⭐"), {}), DELIVERY)
    (call,) = server.calls
    assert (call.method, call.path) == ("POST", "/api/chat.postMessage")
    assert call.headers["Authorization"] == f"Bearer {TOKEN}"
    assert call.headers["Content-Type"] == "application/json;charset=utf-8"
    expected = {"channel": "#conquistas", "text": "*Olá* ⭐", "unfurl_links": False, "unfurl_media": False}
    assert call.json == expected
    assert found == Delivered(200, reference="1503435956.000247")


async def test_a_webhook_posts_text_to_its_address() -> None:
    """No channel and no token: the address is all."""
    async with HttpServer() as server, opened("slack", slack_webhook(server.url)) as channel:
        found = await channel.send(channel.encode(message(text="Olá"), {"unfurl": True}), DELIVERY)
    (call,) = server.calls
    assert (call.method, call.path) == ("POST", WEBHOOK_PATH)
    assert call.json == {"text": "Olá", "unfurl_links": True, "unfurl_media": True}
    assert found == Delivered(200, "ok")


ERRORS: list[tuple[str, Outcome]] = [
    *(
        (code, Retry(Reason.RATE_LIMITED, 200, code))
        for code in ("ratelimited", "rate_limited", "message_limit_exceeded")
    ),
    *(
        (code, Retry(Reason.SERVER, 200, code))
        for code in ("internal_error", "fatal_error", "service_unavailable")
    ),
    ("team_added_to_org", Retry(Reason.SERVER, 200, "team_added_to_org")),
    ("request_timeout", Retry(Reason.TIMEOUT, 200, "request_timeout")),
]
REFUSALS = {
    Reason.AUTH: (
        *(
            "invalid_auth",
            "not_authed",
            "account_inactive",
            "token_revoked",
            "token_expired",
            "missing_scope",
        ),
        *(
            "restricted_action",
            "ekm_access_denied",
            "not_allowed_token_type",
            "access_denied",
            "no_permission",
        ),
    ),
    Reason.CLIENT: (
        *("channel_not_found", "not_in_channel", "is_archived", "msg_too_long", "no_text", "invalid_blocks"),
        *("invalid_blocks_format", "msg_blocks_too_long", "an_error_of_tomorrow"),
    ),
}


@pytest.mark.parametrize(("code", "outcome"), ERRORS, ids=lambda value: str(value)[:30])
async def test_errors_that_pass_are_tried_again(code: str, outcome: Outcome) -> None:
    """An error inside a 200 is no delivery."""
    assert await mocked({"ok": False, "error": code}) == outcome


@pytest.mark.parametrize(
    ("reason", "code"), [(reason, code) for reason, codes in REFUSALS.items() for code in codes]
)
async def test_errors_that_stay_are_final_and_say_what_to_do(reason: Reason, code: str) -> None:
    """The code first, since it can be looked up, then plain words."""
    found = await mocked({"ok": False, "error": code})
    assert isinstance(found, Rejected)
    assert (found.reason, found.status) == (reason, 200)
    assert re.match(rf"{code}: .{{20,}}", found.answer)


async def test_a_wait_beside_an_error_is_heeded() -> None:
    """Also where the status is 200."""
    found = await answer_to(reply_json({"ok": False, "error": "ratelimited"}, Retry_After="7"))
    assert found == Retry(Reason.RATE_LIMITED, 200, "ratelimited", timedelta(seconds=7))


async def test_a_missing_scope_is_named() -> None:
    """Slack says which one."""
    found = await mocked({"ok": False, "error": "missing_scope", "needed": "chat:write", "provided": "x"})
    assert found.answer.startswith("missing_scope (needed: chat:write): ")


async def mocked(answer: object) -> Outcome:
    """Return the outcome of an answer by Slack itself, which no test reaches."""
    shared = Shared(FakeClock(), SOFTWARE)
    options = SlackOptions.model_validate({"type": "slack", "token": TOKEN, "channel": "#conquistas"})
    channel = SlackChannel("wins", options, shared)
    with aioresponses() as slack_itself:
        slack_itself.post(f"{API_URL}chat.postMessage", payload=answer)
        found = await channel.send(channel.encode(message(), {}), DELIVERY)
    await shared.close()
    return found


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"ok"),
        Reply(body=b"<html>Login</html>", headers={"Content-Type": "text/html"}),
        Reply(body=b"{}", headers={"Content-Type": "application/json"}),
        Reply(body=b"", headers={"Content-Type": "application/json"}),
        Reply(body=b"null", headers={"Content-Type": "application/json"}),
        Reply(body=b"[1]", headers={"Content-Type": "application/json"}),
        Reply(body=b'"ok"', headers={"Content-Type": "application/json"}),
        Reply(body=b'{"ok": true, "ts"', headers={"Content-Type": "application/json"}),
        Reply(body=b"\xff\xfe", headers={"Content-Type": "application/json"}),
        Reply(body=b'{"ok": true}', headers={"Content-Type": "application/json; charset=klingon"}),
        Reply(body=b"[" * 100_000, headers={"Content-Type": "application/json"}),
        Reply(body=b'{"ok": 1, "ts": "1"}', headers={"Content-Type": "application/gzip"}),
        reply_json({"ok": False}),
        reply_json({"ok": False, "error": ["x"]}),
        reply_json({"ok": False, "error": "<script>"}),
        reply_json({"ok": None}),
    ],
)
async def test_an_answer_that_is_none_of_slacks_never_raises(reply: Reply) -> None:
    """A proxy's page, broken JSON, another character set: no delivery, and a sentence."""
    found = await answer_to(reply)
    if "klingon" in str(reply.headers):
        assert isinstance(found, Delivered)  # aiohttp falls back to UTF-8
        return
    assert isinstance(found, Retry | Rejected)
    assert found.answer


@pytest.mark.parametrize("value", [1, None, {"x": 1}, "9" * 1000, "\ud800"])
async def test_a_strange_ts_does_not_undo_the_delivery(value: object) -> None:
    """The message is there, whatever its name."""
    found = await answer_to(reply_json({"ok": True, "ts": value}))
    assert isinstance(found, Delivered)
    assert found.reference is None or len(found.reference.encode()) <= 64


async def test_a_long_message_is_delivered_although_slack_repeats_it() -> None:
    """The limit on answers leaves room for the longest message, twice and escaped."""
    long = "⭐😀" * 20_000
    answer = json.dumps({"ok": True, "message": {"text": long, "blocks": [{"text": long}]}, "ts": "1.2"})
    found = await answer_to(Reply(body=answer.encode(), headers={"Content-Type": "application/json"}))
    assert found == Delivered(200, reference="1.2")


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (400, b"invalid_payload", Rejected, Reason.CLIENT),
        (400, b"no_text", Rejected, Reason.CLIENT),
        (403, b"action_prohibited", Rejected, Reason.AUTH),
        (403, b"invalid_token", Rejected, Reason.AUTH),
        (404, b"channel_not_found", Rejected, Reason.CLIENT),
        (404, b"no_service", Rejected, Reason.AUTH),
        (404, b"no_team", Rejected, Reason.AUTH),
        (410, b"channel_is_archived", Rejected, Reason.CLIENT),
        (500, b"rollup_error", Retry, Reason.SERVER),
        (200, b'{"ok": false, "error": "ratelimited"}', Retry, Reason.RATE_LIMITED),
        (200, b'{"ok": false, "error": "invalid_auth"}', Rejected, Reason.AUTH),
    ],
)
async def test_a_webhooks_errors(status: int, body: bytes, kind: type[Outcome], reason: Reason) -> None:
    """Plain text beside a status; the known ones are explained."""
    async with (
        HttpServer(Reply(status, body)) as server,
        opened("slack", slack_webhook(server.url)) as channel,
    ):
        found = await channel.send(channel.encode(message(), {}), DELIVERY)
    assert not isinstance(found, Delivered)
    assert (type(found), found.reason, found.status) == (kind, reason, status)
    assert kind is Retry or len(found.answer) > len(body) + 20


@pytest.mark.parametrize(
    "reply",
    [
        reply_json({"ok": False, "error": "ratelimited"}, Retry_After="7"),
        reply_json({"more": "x" * 2000, "ok": False, "error": "ratelimited"}, Retry_After="7"),
        Reply(400, b"message_limit_exceeded", {"Retry-After": "7"}),
        Reply(429, b"rate_limited", {"Retry-After": "7"}),
    ],
)
async def test_a_webhooks_wait_is_heeded_whatever_stands_around_it(reply: Reply) -> None:
    """A stand-in answers as the Web API does, at any length."""
    async with HttpServer(reply) as server, opened("slack", slack_webhook(server.url)) as channel:
        found = await channel.send(channel.encode(message(), {}), DELIVERY)
    assert isinstance(found, Retry)
    assert (found.reason, found.after) == (Reason.RATE_LIMITED, timedelta(seconds=7))


@pytest.mark.parametrize(
    "body", [b"ok", b"", b"OK", b"<html></html>", b'{"ok": true}', b'{"success": true}', b"[" * 9999]
)
async def test_a_webhooks_200_delivers(body: bytes) -> None:
    """Services that imitate Slack say it in other words; the status counts."""
    async with HttpServer(Reply(200, body)) as server, opened("slack", slack_webhook(server.url)) as channel:
        assert isinstance(await channel.send(channel.encode(message(), {}), DELIVERY), Delivered)


async def test_nothing_is_logged_by_the_library(caplog: pytest.LogCaptureFixture) -> None:
    """Even where everything is logged, slack-sdk's own lines, with addresses and messages, are not."""
    caplog.set_level(logging.DEBUG)
    async with HttpServer() as server:
        for raw in (slack(server.url), slack_webhook(server.url)):
            async with opened("slack", raw) as channel:
                await channel.send(channel.encode(message(), {}), DELIVERY)
    assert TOKEN not in caplog.text
    assert WEBHOOK_PATH not in caplog.text
    assert "Maria" not in caplog.text


def test_an_action_can_name_another_channel() -> None:
    """Of the bot, not of a webhook, which has but one."""
    assert json.loads(BOT.encode(message(), {"channel": "C0123456789"}).body)["channel"] == "C0123456789"
    by_webhook = channel_of(webhook_url="https://hooks.slack.example/services/x")
    with pytest.raises(Unencodable, match="remove `channel`"):
        by_webhook.encode(message(), {"channel": "C0123456789"})


def test_a_template_gives_its_mrkdwn() -> None:
    """Of a rendered document the mrkdwn is sent."""
    document = Document(html="<b>x</b>", text="x", mrkdwn="*x*")
    assert json.loads(BOT.encode(message(text=document), {}).body)["text"] == "*x*"


@pytest.mark.parametrize("text", ["", " \n\t", Document()])
def test_an_empty_text_is_no_message(text: object) -> None:
    """Slack would refuse it; we say so first."""
    with pytest.raises(Unencodable, match="empty"):
        BOT.encode(message(text=text), {})


def test_a_cut_is_visible_and_noted() -> None:
    """The reader sees "…", the operator reads how much is missing."""
    payload = BOT.encode(message(text="á" * 50_000), {})
    text = json.loads(payload.body)["text"]
    assert len(text) == TEXT_LIMIT.value
    assert text.endswith("á…")
    assert payload.cuts == ("text cut from 50,000 to 40,000 characters",)
    assert BOT.encode(message(text="á" * 40_000), {}).cuts == ()


@given(
    st.integers(0, 60),
    st.sampled_from(["<https://escola.example/a/b|aula>", "&amp;", "<@U0123456789>", "&lt;"]),
)
def test_a_cut_breaks_no_link_and_no_entity(offset: int, token: str) -> None:
    """Wherever the limit falls, what is left is whole."""
    text = shortened("x" * (TEXT_LIMIT.value - offset) + token + "y" * 100)
    assert len(text) <= TEXT_LIMIT.value
    assert text.count("<") == text.count(">")
    assert re.sub(r"&(amp|lt);", "", text).count("&") == 0


@given(st.text(st.characters(), max_size=60), st.integers(1, 2000))
def test_every_message_keeps_the_limit(text: str, times: int) -> None:
    """Any text at all, half of a surrogate pair included, becomes one JSON object within the limit."""
    try:
        payload = BOT.encode(message(text=text * times), {})
    except Unencodable:
        assert not text.strip()
        return
    sent = json.loads(payload.body)["text"]
    assert len(sent) <= TEXT_LIMIT.value
    sent.encode()
    assert bool(payload.cuts) == (len(text) * times > TEXT_LIMIT.value)


WEBHOOK = "https://hooks.slack.example/services/T0/B0/x"
REFUSED: list[tuple[dict[str, object], str]] = [
    ({}, "either `token`"),
    ({"token": TOKEN, "webhook_url": WEBHOOK, "channel": "#x"}, "either `token`"),
    ({"token": TOKEN}, "'channel' is missing"),
    ({"token": TOKEN, "channel": ""}, "at least 1"),
    ({"token": TOKEN + "\n", "channel": "#x"}, "copy the token again"),
    ({"token": "xapp-1-abc", "channel": "#x"}, "xoxb-"),
    ({"webhook_url": WEBHOOK, "channel": "#x"}, "remove `channel`"),
    ({"webhook_url": WEBHOOK, "api_url": API_URL}, "remove it"),
    ({"webhook_url": "http://hooks.slack.example/x"}, "https://"),
    ({"webhook_url": "hooks.slack.com/x"}, "an address such as"),
    ({"webhook_url": "https://hooks.slack.com/x\nSet-Cookie: y"}, "an address such as"),
    ({"token": TOKEN, "channel": "#x", "api_url": "http://slack.example/"}, "https://"),
    ({"token": TOKEN, "channel": "#x", "thread_by": ["date"]}, "thread_by"),
]


@pytest.mark.parametrize(("raw", "sentence"), REFUSED)
def test_options_are_checked_when_they_are_loaded(raw: dict[str, object], sentence: str) -> None:
    """Every mistake has a sentence, and none shows the secret."""
    with pytest.raises(ValidationError) as refused:
        SlackOptions.model_validate({"type": "slack", **raw})
    assert sentence in str(refused.value)
    assert TOKEN[:20] not in str(refused.value)
    assert "/services/T0" not in str(refused.value)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({}, "either `text` or `template`"),
        ({"text": "x", "template": "y"}, "either `text` or `template`"),
        ({"text": "x", "blocks": []}, "blocks"),
        ({"text": "x", "update_by": "course.id"}, "update_by"),
        ({"text": "x", "update_by": []}, "at least 1"),
        ({"text": "x", "update_by": ["date"], "thread_by": ["date"]}, "make two actions"),
        ({"text": "x", "thread_by": ["date"], "counts": {"cursos": "course.id"}}, "remove it"),
        ({"text": "x", "update_by": ["date"], "counts": {"Cursos!": "course.id"}}, "counts"),
        ({"text": "x", "to": "ana@escola.example", "channel": "#x"}, "remove one of them"),
        ({"text": "x", "buttons": [{"text": "Ver"}]}, "either `url` or `page`"),
        ({"text": "x", "buttons": [{"text": "Ver", "url": "https://a.example"}] * 26}, "at most 25"),
        ({"text": "x", "channel": ""}, "at least 1"),
        ({"text": "x", "unfurl": "yes"}, "valid boolean"),
    ],
)
def test_actions_are_checked_when_they_are_loaded(raw: dict[str, object], sentence: str) -> None:
    """Words of later versions are not swallowed."""
    with pytest.raises(ValidationError, match=re.escape(sentence)):
        SlackAction.model_validate(raw)


def test_an_action_says_what_must_be_rendered() -> None:
    """Inline text as mrkdwn, or a template."""
    assert SlackAction(text="*{{ x }}*").slots() == {"text": Slot(Target.MRKDWN, "*{{ x }}*", ("text",))}
    named = SlackAction(template="parabens", channel="#x", unfurl=True)
    assert named.slots() == {"text": Slot(Target.SLACK, "parabens", ("template",))}
    assert named.settings() == {"channel": "#x", "unfurl": True}


@pytest.mark.parametrize(
    ("code", "elsewhere", "gone"),
    [
        ("is_archived", False, True),
        ("is_archived", True, False),
        ("channel_not_found", False, True),
        ("channel_not_found", True, False),
        ("token_revoked", True, True),
        ("account_inactive", False, True),
        ("no_service", False, True),
        ("msg_too_long", False, False),
        ("something_new", False, False),
    ],
)
async def test_an_error_that_every_message_would_meet_stops_the_channel(
    code: str, *, elsewhere: bool, gone: bool
) -> None:
    """An action with a place of its own makes errors about places its own."""
    settings = {"channel": "#outro"} if elsewhere else {}
    refusal = reply_json({"ok": False, "error": code})
    async with HttpServer(refusal) as server, opened("slack", slack(server.url)) as channel:
        found = await channel.send(channel.encode(message(), settings), DELIVERY)
    assert isinstance(found, Rejected)
    assert found.gone is gone
