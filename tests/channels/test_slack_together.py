"""Slack with a bot token: threads, edits, direct messages, buttons, blocks, complaints by line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.channels.base import Unencodable
from bridge.channels.slack_blocks import (
    BLOCKS_LIMIT,
    SECTION_LIMIT,
    TOTAL_LIMIT,
    kept,
    notification,
    sections,
)
from bridge.channels.slack_bot import REMEMBERED, REMEMBERED_S
from bridge.channels.slack_errors import GONE
from bridge.channels.slack_words import blamed
from bridge.core.messages import ANCHOR, Document, Payload
from bridge.core.outcomes import Delivered, Outcome, Reason, Rejected, Retry
from bridge.core.rates import Rate
from tests.channels.test_slack import BOT
from tests.support.channels import DELIVERY, message, opened, slack
from tests.support.clock import FakeClock
from tests.support.http_server import Call, HttpServer, Reply, reply_json

POSTED = reply_json({"ok": True, "channel": "C024BE91L", "ts": "1503435956.000247"})
EDITED = reply_json({"ok": True, "channel": "C024BE91L", "ts": "1503435956.000247", "text": "x"})
ANA = reply_json({"ok": True, "user": {"id": "U0ANA"}})
HOME = "C024BE91L 1503435956.000247 #conquistas"
REPLIES, EDITS = {"thread": "replies"}, {"thread": "edits"}


def refusal(code: str, **more: object) -> Reply:
    return reply_json({"ok": False, "error": code, **more})


async def said(
    *script: Reply, settings: Mapping[str, object], anchor: str | None = None, **fields: object
) -> tuple[Outcome, list[Call]]:
    """Return what one message comes to, and the calls it took."""
    async with HttpServer(*script, default=POSTED) as server, opened("slack", slack(server.url)) as channel:
        payload = channel.encode(message({"text": "Olá", **fields}), settings)
        return await channel.send(_continuing(payload, anchor), DELIVERY), server.calls


def _continuing(payload: Payload, anchor: str | None) -> Payload:
    return replace(payload, meta={**payload.meta, ANCHOR: anchor}) if anchor else payload


def methods(calls: list[Call]) -> list[str]:
    return [call.path.rpartition("/")[2] for call in calls]


async def test_what_can_be_continued_says_where_it_stands() -> None:
    """Slack's id of the channel, the time stamp, and the place as configured."""
    found, calls = await said(settings=REPLIES)
    assert found == Delivered(200, reference="1503435956.000247", anchor=HOME)
    assert methods(calls) == ["chat.postMessage"]
    alone, _ = await said(settings={})
    assert alone == Delivered(200, reference="1503435956.000247")


async def test_a_reply_goes_into_the_thread_by_id() -> None:
    """One call; the channel may have been renamed."""
    found, (call,) = await said(settings=REPLIES, anchor=HOME)
    assert (call.json["channel"], call.json["thread_ts"]) == ("C024BE91L", "1503435956.000247")
    assert isinstance(found, Delivered)
    assert found.anchor == HOME


async def test_an_edit_replaces_text_and_blocks() -> None:
    """Without blocks the old ones would stay; without `parse` Slack would make mentions of names."""
    found, (call,) = await said(EDITED, settings=EDITS, anchor=HOME)
    assert call.path == "/api/chat.update"
    expected = {
        "channel": "C024BE91L",
        "ts": "1503435956.000247",
        "text": "Olá",
        "blocks": [],
        "parse": "none",
    }
    assert call.json == expected
    assert found == Delivered(200, reference="1503435956.000247", anchor=HOME)


@pytest.mark.parametrize("settings", [REPLIES, EDITS], ids=str)
@pytest.mark.parametrize("code", ["message_not_found", "thread_not_found", "cant_update_message"])
async def test_what_is_gone_is_posted_anew(settings: Mapping[str, object], code: str) -> None:
    """In the same attempt, as a message of its own that others continue from now on."""
    anchor = "C024BE91L 1.000001 #conquistas"
    found, calls = await said(refusal(code), settings=settings, anchor=anchor)
    assert len(calls) == 2
    assert "thread_ts" not in calls[1].json
    assert found == Delivered(200, reference="1503435956.000247", anchor=HOME)


async def test_another_error_is_not_taken_for_a_lost_message() -> None:
    """One call, and its outcome."""
    found, calls = await said(refusal("ratelimited"), settings=EDITS, anchor=HOME)
    assert (found, len(calls)) == (Retry(Reason.RATE_LIMITED, 200, "ratelimited"), 1)


@pytest.mark.parametrize("anchor", ["C024BE91L 1.2 #elsewhere", "nonsense", "C 1", ""])
async def test_an_anchor_for_another_place_is_none(anchor: str) -> None:
    """The operator has moved the channel: a new thread begins there."""
    found, (call,) = await said(settings=REPLIES, anchor=anchor)
    assert call.json["channel"] == "#conquistas"
    assert "thread_ts" not in call.json
    assert isinstance(found, Delivered)
    assert found.anchor == HOME


async def test_a_person_is_found_by_address_and_remembered() -> None:
    """One question an hour, whatever the capitals; the post goes to the user's id."""
    clock = FakeClock()
    async with (
        HttpServer(ANA, POSTED, POSTED, ANA, POSTED) as server,
        opened("slack", slack(server.url), clock=clock) as channel,
    ):
        for address in ("Ana@escola.example", "ana@escola.example"):
            payload = channel.encode(message(text="Oi", to=address), {})
            assert isinstance(await channel.send(payload, DELIVERY), Delivered)
        clock.advance(seconds=REMEMBERED_S)
        await channel.send(payload, DELIVERY)
    asked = ["users.lookupByEmail", "chat.postMessage"]
    assert methods(server.calls) == [*asked, "chat.postMessage", *asked]
    assert server.calls[0].body == b"email=Ana%40escola.example"
    assert [call.json["channel"] for call in server.calls if b"channel" in call.body] == ["U0ANA"] * 3


async def test_no_more_than_so_many_people_are_remembered() -> None:
    """A sender can make up addresses."""
    answers = [reply for _ in range(REMEMBERED + 2) for reply in (ANA, POSTED)]
    async with HttpServer(*answers) as server, opened("slack", slack(server.url)) as channel:
        first = channel.encode(message(text="Oi", to="a0@escola.example"), {})
        for number in range(REMEMBERED + 1):
            payload = channel.encode(message(text="Oi", to=f"a{number}@escola.example"), {})
            await channel.send(payload, DELIVERY)
        await channel.send(first, DELIVERY)
    assert len(server.calls) == 2 * (REMEMBERED + 2)


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        ("users_not_found", Reason.CLIENT, "nobody in the workspace has the address under `to`"),
        ("missing_scope", Reason.AUTH, "(needed: users:read.email)"),
        ("channel_not_found", Reason.CLIENT, "Slack finds no such channel"),
    ],
)
async def test_a_person_who_is_not_there_is_refused_and_the_channel_goes_on(
    code: str, reason: Reason, words: str
) -> None:
    """Nothing is posted, and others still get theirs."""
    found, calls = await said(
        refusal(code, needed="users:read.email"), settings={}, to="nobody@escola.example"
    )
    assert isinstance(found, Rejected)
    assert (found.reason, found.gone, len(calls)) == (reason, False, 1)
    assert words in found.answer
    assert "users_not_found" not in GONE


async def test_a_revoked_token_stops_the_channel_also_when_people_are_asked_for() -> None:
    """Nobody would get anything."""
    found, _ = await said(refusal("token_revoked"), settings={}, to="ana@escola.example")
    assert isinstance(found, Rejected)
    assert found.gone


@pytest.mark.parametrize("address", ["", " ", "Ana", "@", "ana@escola.example rui@escola.example"])
def test_no_address_is_no_person(address: str) -> None:
    """Said before Slack is asked."""
    with pytest.raises(Unencodable, match="came out as no e-mail address"):
        BOT.encode(message(text="Oi", to=address), {})


def test_a_direct_message_can_be_a_thread() -> None:
    """The address stands where the channel would, until it is sent."""
    payload = BOT.encode(message(text="Oi", to="ana@escola.example"), REPLIES)
    assert json.loads(payload.body)["channel"] == "ana@escola.example"
    assert payload.meta == {"to": True, "thread": "replies"}


def test_buttons_are_links_below_the_text() -> None:
    """The text stays for notifications; the page of the message is below `admin_url`."""
    fields = {
        "text": "*Ana* pediu ajuda",
        "button.0.text": "Abrir a aula",
        "button.0.url": "https://escola.example/aulas/3866",
        "button.1.text": "y" * 80,
    }
    settings = {"buttons": 2, "admin_url": "https://painel.escola.example/"}
    body = json.loads(BOT.encode(message(fields), settings).body)
    assert body["text"] == "*Ana* pediu ajuda"
    section, actions = body["blocks"]
    assert section == {"type": "section", "text": {"type": "mrkdwn", "text": "*Ana* pediu ajuda"}}
    one, two = actions["elements"]
    assert (one["text"]["text"], one["url"]) == ("Abrir a aula", "https://escola.example/aulas/3866")
    assert two["url"] == f"https://painel.escola.example/deliveries/{DELIVERY}"
    assert len(two["text"]["text"]) == 75


def test_blocks_of_a_template_are_sent_with_a_text_for_notifications() -> None:
    """Its own, or what the blocks say."""
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "*Ana*"}}
    document = Document(blocks=(block,), places={"/blocks/0": "templates/x.json:3"})
    payload = BOT.encode(message(text=document), {})
    body = json.loads(payload.body)
    assert (body["text"], body["blocks"]) == ("*Ana*", [block])
    assert payload.meta == {"places": {"/blocks/0": "templates/x.json:3"}}
    own = json.loads(BOT.encode(message(text=replace(document, mrkdwn="Oi")), {}).body)
    assert own["text"] == "Oi"


LONG = st.text(st.sampled_from("aé ⭐\n&<>*_`\ud800"), max_size=9000)


@given(LONG, st.integers(1, 5))
def test_a_long_text_becomes_sections_within_the_limits(text: str, times: int) -> None:
    """Every part is short enough, none is empty, and what is left out is said."""
    made, cuts = kept(sections(text * times), room=1)
    texts = [_text(each) for each in made]
    assert all(0 < len(each) <= SECTION_LIMIT.value for each in texts)
    assert sum(map(len, texts)) <= TOTAL_LIMIT.value + len(texts)
    json.dumps(made).encode()
    kept_all = sum(len(each.replace("\n", "").replace(" ", "")) for each in texts)
    whole = len((text * times).replace("\n", "").replace(" ", ""))
    assert bool(cuts) == (kept_all < whole and "…" in "".join(texts))


@given(st.lists(st.sampled_from(["section", "header", "context", "divider", "markdown"]), max_size=70), LONG)
def test_any_blocks_are_kept_within_the_limits(kinds: list[str], text: str) -> None:
    """Fifty at most, with a visible sign of what is missing."""
    blocks = [_block(kind, text) for kind in kinds]
    made, cuts = kept(blocks)
    assert len(made) <= BLOCKS_LIMIT.value
    assert (len(blocks) > BLOCKS_LIMIT.value) == any("left out" in cut for cut in cuts)
    assert len(blocks) <= BLOCKS_LIMIT.value or "more" in json.dumps(made[-1])
    assert len(notification(made)) <= SECTION_LIMIT.value


def _block(kind: str, text: str) -> dict[str, object]:
    words = {"type": "plain_text" if kind == "header" else "mrkdwn", "text": text or "x"}
    match kind:
        case "context":
            return {"type": kind, "elements": [words]}
        case "divider":
            return {"type": kind}
        case "markdown":
            return {"type": kind, "text": text or "x"}
        case _:
            return {"type": kind, "text": words}


def _text(block: Any) -> str:
    return str(block["text"]["text"])


PLACES = {
    "": "templates/x.json:1",
    "/blocks": "templates/x.json:2",
    "/blocks/1/text/text": "templates/x.json:9",
}


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (
            ["[ERROR] must be less than 3001 characters [json-pointer:/blocks/1/text/text]"],
            "templates/x.json:9: must be less than 3001 characters",
        ),
        (
            [
                "[ERROR] failed to match all allowed schemas [json-pointer:/blocks/0/text]",
                "[ERROR] must be more than 0 characters [json-pointer:/blocks/0/text/text]",
            ],
            "templates/x.json:2: must be more than 0 characters",
        ),
        (["[ERROR] invalid url [json-pointer:/else/0]"], "/else/0: invalid url"),
        (["no pointer at all"], "no pointer at all"),
        ([7, None], ""),
        ("text", ""),
    ],
)
def test_a_complaint_names_the_line_of_the_template(messages: object, expected: str) -> None:
    """By the JSON pointer that Slack gives, or the nearest place that is known."""
    assert blamed({"response_metadata": {"messages": messages}}, PLACES) == expected


async def test_a_refused_block_is_told_with_its_line() -> None:
    """With the delivery, and in the log of attempts."""
    document = Document(blocks=({"type": "section"},), places={"/blocks/0": "templates/hoje.json:4"})
    about = {"messages": ["[ERROR] missing required field: text [json-pointer:/blocks/0]"]}
    found, _ = await said(refusal("invalid_blocks", response_metadata=about), settings={}, text=document)
    assert isinstance(found, Rejected)
    assert found.answer.endswith("; templates/hoje.json:4: missing required field: text")
    assert found.answer.startswith("invalid_blocks: ")


def test_the_default_rate_is_one_message_a_second() -> None:
    """What Slack asks for; `rate:` says otherwise."""
    assert BOT.policy.rate == Rate(1, timedelta(seconds=1))
