"""Presets: what each service is sent, and what becomes of names that would like to be more than names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bridge.channels.presets
from bridge.channels.base import Unencodable
from bridge.channels.presets import NAMES, OPTIONS, preset
from bridge.channels.webhook import WebhookChannel
from bridge.channels.webhook_options import WebhookAction
from bridge.core.messages import Document
from bridge.core.outcomes import Delivered, Outcome, Reason, Rejected, Retry
from tests.channels.test_reference import rows
from tests.rendering.conftest import Bench
from tests.support.channels import DELIVERY, message, opened
from tests.support.http_server import Call, HttpServer, Reply, reply_json

HOSTILE = [
    "@everyone",
    "<@123456789> @here",
    "<users/all>",
    "<https://evil.example|Ana>",
    "[Ana](https://evil.example)",
    "https://evil.example/a",
    "www.evil.example",
    "**Ana** _Lima_ ~~x~~ `y` ||z||",
    "# Ana",
    "> Ana",
    "- Ana",
    "1. Ana",
    "/start",
    "<at>Ana</at>",
    "Ana\n@everyone",
    '"}, "content": "x',
    "{{ text }}",
]
CALLS = re.compile(
    r"@(?:everyone|here)\b|<(?:@|users/|at>|https?:)|\]\(|https?://|www\.e|\*\*|`|~~|\|\|"
    r"|^(?:#|>|-|1\.) |^/s",
    re.MULTILINE,
)
GOOD = {"telegram": reply_json({"ok": True, "result": {}}), "zapier": reply_json({"status": "success"})}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A renderer over a folder of the test's own."""
    return Bench(tmp_path)


def options(name: str, url: str) -> dict[str, object]:
    values = dict.fromkeys(preset(name).needs, "-1001")
    return {"url": f"{url}/hook", "allow_private": True, "preset": name, "values": values}


async def sent(name: str, text: object, *script: Reply) -> tuple[Outcome, Call]:
    """Return what a message comes to, and the request that arrived."""
    good = GOOD.get(name, Reply(200, b"ok"))
    async with (
        HttpServer(*script, default=good) as server,
        opened("webhook", options(name, server.url)) as channel,
    ):
        payload = channel.encode(message({"text": text, "event": {"id": "e1"}}), {})
        return await channel.send(payload, DELIVERY), server.calls[0]


def texts_of(value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for each in value.values() for text in texts_of(each)]
        case list():
            return [text for each in value for text in texts_of(each)]
        case _:
            return []


EXPECTED: dict[str, object] = {
    "discord": {"allowed_mentions": {"parse": []}, "content": "Olá"},
    "google_chat": {"text": "Olá"},
    "telegram": {"link_preview_options": {"is_disabled": True}, "chat_id": "-1001", "text": "Olá"},
    "n8n": {"text": "Olá", "id": "e1"},
    "zapier": {"text": "Olá", "id": "e1"},
    "make": {"text": "Olá", "id": "e1"},
}


@pytest.mark.parametrize("name", NAMES)
async def test_every_service_gets_the_text_in_its_own_form(name: str) -> None:
    """By POST, as JSON, delivered by a good answer."""
    found, call = await sent(name, "Olá")
    assert isinstance(found, Delivered)
    assert (call.method, call.headers["Content-Type"]) == ("POST", "application/json")
    if name == "teams":
        (card,) = call.json["attachments"]
        assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
        assert card["content"]["body"] == [{"type": "TextBlock", "text": "Olá", "wrap": True}]
    else:
        assert call.json == EXPECTED[name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("person", HOSTILE)
async def test_no_name_calls_anybody_or_leads_anywhere(name: str, person: str, bench: Bench) -> None:
    """Rendered by the real renderer, inline and from a file, and sent."""
    bench.write("aviso.md", "Olá, {{ learner.name }}!")
    for action in ({"text": "{{ learner.name }}: olá"}, {"template": "aviso"}):
        content, problems = bench.renderer.content(WebhookAction.model_validate(action).slots())
        assert problems == []
        assert content is not None
        fields = content.render({"id": "e1", "learner": {"name": person}})
        assert isinstance(fields, dict)
        _, call = await sent(name, fields["text"])
        (said,) = [text for text in texts_of(call.json) if "olá" in text.casefold()]
        assert not CALLS.search(said), said
        assert "\n" not in said


async def test_the_authors_own_marks_and_links_stay(bench: Bench) -> None:
    """Only values are made inert; in an address they are one component of it."""
    text = "**Oba** https://escola.example/{{ learner.name }} <{{ learner.name }}>"
    content, _ = bench.renderer.content(WebhookAction.model_validate({"text": text}).slots())
    assert content is not None
    fields = content.render({"learner": {"name": "a/b"}})
    assert isinstance(fields, dict)
    assert fields["text"] == "**Oba** https://escola.example/a%2Fb <a/b>"


@given(st.text(st.sampled_from("aé⭐😀\n"), max_size=400), st.integers(1, 300), st.sampled_from(NAMES))
def test_every_text_keeps_the_limit(text: str, times: int, name: str) -> None:
    """With a visible cut, and a note of it."""
    limit = preset(name).limit
    if limit is None:
        return
    short = limit.kept(text * times)
    size = len(short.encode()) if limit.bytes else len(short.encode("utf-16-le")) // 2
    assert size <= (limit.bytes or limit.characters or 0)
    assert short == text * times or short.endswith("…")


async def test_a_cut_is_noted() -> None:
    """And the reader sees it."""
    async with HttpServer() as server, opened("webhook", options("discord", server.url)) as channel:
        payload = channel.encode(message({"text": "á" * 3000, "event": {}}), {})
        assert payload.cuts == ("text cut from 3,000 to 2,000 characters",)
        assert json.loads(payload.body)["content"].endswith("á…")
        with pytest.raises(Unencodable, match="empty"):
            channel.encode(message({"text": Document(text=" "), "event": {}}), {})


@pytest.mark.parametrize(
    ("name", "reply", "outcome"),
    [
        ("discord", reply_json({"retry_after": 3.5}, 429), Retry),
        ("telegram", reply_json({"ok": False, "parameters": {"retry_after": 7}}, 429), Retry),
        ("telegram", reply_json({"ok": False, "description": "chat not found"}, 400), Rejected),
        ("telegram", reply_json({"ok": False}), Rejected),
        ("zapier", reply_json({"status": "error"}), Rejected),
        ("teams", Reply(202), Delivered),
        ("make", Reply(200, b"Accepted"), Delivered),
    ],
)
async def test_answers_mean_what_the_service_means(name: str, reply: Reply, outcome: type[Outcome]) -> None:
    """Waits that stand in the answer are kept."""
    found, _ = await sent(name, "Olá", reply)
    assert type(found) is outcome
    if isinstance(found, Retry):
        assert found.reason is Reason.RATE_LIMITED
        assert found.after is not None


async def test_the_operators_own_structure_is_sent_with_what_keeps_mentions_off() -> None:
    """Unless it says otherwise itself."""
    async with HttpServer() as server, opened("webhook", options("discord", server.url)) as channel:
        own = json.loads(channel.encode(message({"json": {"embeds": []}}), {}).body)
        said = json.loads(
            channel.encode(message({"json": {"allowed_mentions": {"parse": ["users"]}}}), {}).body
        )
        assert isinstance(channel, WebhookChannel)
    assert own == {"allowed_mentions": {"parse": []}, "embeds": []}
    assert said == {"allowed_mentions": {"parse": ["users"]}}


def test_every_file_is_a_preset_and_stands_on_the_page() -> None:
    """With its limit, its rate and the vendor's page."""
    folder = Path(bridge.channels.presets.__file__).parent
    assert {path.stem for path in folder.glob("*.yaml")} == set(NAMES)
    page = {row[0].strip("`"): row[1:] for row in rows("Presets")}
    assert page.keys() == set(NAMES)
    for name in NAMES:
        known = preset(name)
        service, limit, rate, docs = page[name]
        assert (service, rate.strip("`")) == (known.title, str(known.options.get("rate", "")))
        assert limit == (f"[{known.limit.words}]({known.limit.source})" if known.limit else "")
        assert docs == f"[{known.title}]({known.docs})"
        assert known.how.endswith(".")
        assert known.options.keys() <= set(OPTIONS)
