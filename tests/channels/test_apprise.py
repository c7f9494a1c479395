"""Apprise: the real library against a real local server, and what becomes of its yes and no."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from datetime import timedelta

import pytest
from pydantic import ValidationError

from bridge.channels.answers import BLOCKED
from bridge.channels.apprise_options import AppriseAction, AppriseOptions
from bridge.channels.base import Unencodable
from bridge.core.messages import Document, Slot, Target
from bridge.core.outcomes import Delivered, Outcome, Reason, Rejected, Retry
from tests.support.channels import DELIVERY, message, opened
from tests.support.http_server import HttpServer, Reply
from tests.support.loop_time import pass_time

KEY = "aVeryLongKeyOfAService"


def options(server: HttpServer, **more: object) -> dict[str, object]:
    return {"url": f"json://127.0.0.1:{server.port}/{KEY}?retry=3", "allow_private": True, **more}


async def sent(*script: Reply, **more: object) -> tuple[Outcome, HttpServer]:
    async with HttpServer(*script) as server, opened("apprise", options(server, **more)) as channel:
        payload = channel.encode(message(text="Olá, Ana", title="Parabéns"), {})
        return await channel.send(payload, DELIVERY), server


async def test_title_and_text_arrive() -> None:
    """By one request."""
    found, server = await sent()
    (call,) = server.calls
    assert found == Delivered()
    assert (call.json["title"], call.json["message"]) == ("Parabéns", "Olá, Ana")


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_a_failure_is_tried_again_once_at_a_time(status: int) -> None:
    """Which one it was, the library does not say; it repeats nothing by itself."""
    found, server = await sent(Reply(status))
    assert isinstance(found, Retry)
    assert (found.reason, len(server.calls)) == (Reason.SERVER, 1)
    assert "apprise -vv" in found.answer


async def test_no_redirect_is_followed() -> None:
    """To this server or another."""
    async with HttpServer() as target:
        found, server = await sent(Reply(302, b"", {"Location": f"{target.url}/private"}))
    assert isinstance(found, Retry)
    assert (len(server.calls), target.calls) == (1, [])


async def test_nobody_listening_is_tried_again() -> None:
    """As with every channel."""
    async with HttpServer() as server:
        raw = options(server)
    async with opened("apprise", raw) as channel:
        found = await channel.send(channel.encode(message(), {}), DELIVERY)
    assert isinstance(found, Retry)


async def test_silence_ends_with_the_time_limit() -> None:
    """The thread is left to itself; it ends when the server does, or by a limit of its own."""
    async with (
        HttpServer(Reply(hang=True)) as server,
        opened("apprise", options(server, timeout=timedelta(seconds=50))) as channel,
    ):
        sending = asyncio.ensure_future(channel.send(channel.encode(message(), {}), DELIVERY))
        await server.called.wait()
        pass_time(50)
        found = await sending
    assert isinstance(found, Retry)
    assert (found.reason, len(server.calls)) == (Reason.TIMEOUT, 1)


async def test_a_private_address_is_refused_before_anything_is_sent() -> None:
    """As far as a library with connections of its own lets us see it."""
    found, server = await sent(allow_private=False)
    assert found == Rejected(Reason.BLOCKED, answer=BLOCKED)
    assert server.calls == []


async def test_no_address_and_no_message_is_logged_or_shown(caplog: pytest.LogCaptureFixture) -> None:
    """The library would write both."""
    caplog.set_level(logging.DEBUG)
    found, _ = await sent(Reply(500, KEY.encode()))
    assert KEY not in repr(found)
    assert KEY not in "".join(line.getMessage() for line in caplog.records if line.name == "apprise")
    assert "Olá, Ana" not in caplog.text


async def test_a_title_is_one_line() -> None:
    """Whatever line breaks its template has."""
    async with HttpServer() as server, opened("apprise", options(server)) as channel:
        payload = channel.encode(message(text="Olá", title=" Oi,\r\n  Ana\n"), {})
    assert json.loads(payload.body)["title"] == "Oi, Ana"


async def test_a_text_is_cut_to_what_the_service_takes() -> None:
    """With a visible cut, and a note of it."""
    async with opened("apprise", {"url": "tgram://123456789:abcdefg_hijklmnop/12315544/"}) as channel:
        payload = channel.encode(message(text=Document(text="á" * 5000)), {})
        with pytest.raises(Unencodable, match="empty"):
            channel.encode(message(text=" "), {})
    text = json.loads(payload.body)["text"]
    assert len(text) == 4096
    assert text.endswith("á…")
    assert payload.cuts == ("text cut from 5,000 to 4,096 characters",)


def test_an_address_that_is_none_is_refused_without_being_shown() -> None:
    """When the configuration is loaded."""
    with pytest.raises(ValidationError, match="no address that Apprise knows") as refused:
        AppriseOptions.model_validate({"type": "apprise", "url": f"nope://{KEY}"})
    assert KEY not in str(refused.value)


def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """By `bridge check`, before anything is sent."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ValidationError, match=r"pip install 'course-bridge\[apprise\]'"):
        AppriseOptions.model_validate({"type": "apprise", "url": "ntfy://topic"})


@pytest.mark.parametrize("raw", [{}, {"text": "x", "template": "y"}])
def test_an_action_says_one_text(raw: dict[str, object]) -> None:
    """Inline, or a file."""
    with pytest.raises(ValidationError, match="either `text` or `template`"):
        AppriseAction.model_validate(raw)


def test_values_are_made_inert_as_for_every_chat() -> None:
    """Which service it is, and what it makes of marks, nobody knows."""
    slots = AppriseAction(text="{{ learner.name }}", title="x").slots()
    assert slots == {
        "text": Slot(Target.CHAT, "{{ learner.name }}", ("text",), inline=True),
        "title": Slot(Target.CHAT, "x", ("title",), inline=True),
    }
