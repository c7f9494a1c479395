"""The JSON API: the same lists and things, for scripts."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from bridge.core.identity import entry_key
from bridge.store import inbox
from bridge.store.database import Connection, Database
from bridge.store.entries import NewEntry
from bridge.web.listener import Listener
from tests.support.clock import FakeClock
from tests.web.stocked import SECRET, Stock, stock

ServeAdmin = Callable[..., Awaitable[Listener]]


@pytest.fixture
async def stored(database: Database, clock: FakeClock) -> Stock:
    return await database.write(lambda c: stock(c, clock.now()))


async def _get(http: aiohttp.ClientSession, url: str, status: int = 200) -> Any:
    async with http.get(url) as response:
        assert response.status == status
        assert response.headers["Content-Type"] == "application/json"
        return await response.json()


async def test_lists_have_rows_and_the_link_to_the_next(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock
) -> None:
    """Following `next` until it is null gives every row once."""
    listener = await serve_admin()
    for name, count in [("events", len(stored.events)), ("deliveries", len(stored.deliveries))]:
        seen: list[int] = []
        path: str | None = f"/api/{name}?limit=3"
        while path:
            page = await _get(http, listener.url + path)
            assert len(page[name]) <= 3
            seen += [row["seq"] for row in page[name]]
            path = page["next"]
        assert len(seen) == len(set(seen)) == count


async def test_filters_are_those_of_the_pages_and_strict(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock
) -> None:
    """A filter narrows the list; one that cannot be understood is an error that names them all."""
    listener = await serve_admin()
    (row,) = (await _get(http, f"{listener.url}/api/deliveries?state=dead"))["deliveries"]
    assert (row["id"], row["state"], row["channel"]) == (stored.deliveries["webhook"], "dead", "crm")
    assert row["created_at"].endswith("Z")
    refused = await _get(http, f"{listener.url}/api/deliveries?state=ded&since=then&x=1", 400)
    assert all(word in refused["error"] for word in ("state:", "since:", "x:"))


async def test_an_event_has_its_body_without_secrets(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock
) -> None:
    """JSON stays JSON, anything else is text, and what is called a secret is hidden."""
    listener = await serve_admin()
    event = await _get(http, f"{listener.url}/api/events/{stored.events['done']}")
    assert event["body"]["data"]["producer"]["originSecret"] == "***"
    assert event["headers"]["x-token"] == "***"
    assert SECRET not in str(event)
    assert {row["id"] for row in event["deliveries"]} == set(stored.deliveries.values())
    parked = await _get(http, f"{listener.url}/api/events/{stored.events['parked']}")
    assert parked["body"].startswith("{not JSON")


async def test_a_delivery_has_its_message_and_attempts(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock
) -> None:
    """The message as it is read, each attempt, and the claim."""
    listener = await serve_admin()
    mail = await _get(http, f"{listener.url}/api/deliveries/{stored.deliveries['mail']}")
    assert mail["message"]["text"].startswith("Oi, Maria!")
    assert mail["message"]["headers"]["subject"].startswith("Parabéns, Maria!")
    assert mail["message"]["cuts"] == ["subject cut to 78 characters"]
    assert [attempt["outcome"] for attempt in mail["attempt_log"]] == ["delivered"]
    assert mail["claim"]["state"] == "confirmed"
    slack = await _get(http, f"{listener.url}/api/deliveries/{stored.deliveries['slack']}")
    assert "Maria Conceição concluiu Primeiros passos" in slack["message"]["text"]
    pending = await _get(http, f"{listener.url}/api/deliveries/{stored.deliveries['pending']}")
    assert (pending["message"], pending["claim"], pending["attempt_log"]) == (None, None, [])


async def test_wishes_are_done_or_refused_with_a_sentence(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock
) -> None:
    """Retry, discard and replay answer 200 or 409."""
    listener = await serve_admin()
    delivery = f"{listener.url}/api/deliveries/{stored.deliveries['webhook']}"
    for url, status in [
        (f"{delivery}/retry", 200),
        (f"{delivery}/retry", 200),
        (f"{delivery}/discard?why=enough", 200),
        (f"{delivery}/retry", 409),
        (f"{delivery}/discard", 409),
        (f"{listener.url}/api/events/{stored.events['done']}/replay", 200),
        (f"{listener.url}/api/events/999/replay", 409),
    ]:
        async with http.post(url) as response:
            told = await response.json()
            assert (response.status, told["status"]) == (status, "done" if status == 200 else "refused")
            assert told["sentence"]
    assert (await _get(http, delivery))["why"] == "enough"


@pytest.mark.parametrize(
    "path", ["/api/events/999", "/api/deliveries/" + "0" * 32, "/api/nothing", "/api/events/x"]
)
async def test_what_is_not_there_is_json_too(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, path: str
) -> None:
    """A script never has to read HTML."""
    assert (await _get(http, (await serve_admin()).url + path, 404))["status"] == "refused"


@pytest.mark.parametrize(
    "body",
    [b'{"a": "\\ud800"}', b"\xff\xfe", b"[" * 100_000, b'{"a":' * 90 + b"1" + b"}" * 90, b"1e999", b""],
)
async def test_any_stored_body_can_be_read(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, database: Database, clock: FakeClock, body: bytes
) -> None:
    """Whatever an authentic sender managed to store, page and API show it."""
    entry = NewEntry(
        source="eduzz",
        key=entry_key("eduzz", "x"),
        delivery_key="x",
        headers={},
        body=body,
        received_at=clock.now(),
    )
    seq = (await database.write(lambda c: inbox.accept(c, entry))).seq
    listener = await serve_admin()
    assert "body" in await _get(http, f"{listener.url}/api/events/{seq}")
    async with http.get(f"{listener.url}/events/{seq}") as response:
        assert response.status == 200


class _Watched(bytes):
    """A body that notes on which threads it is read."""

    readers: set[int]

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        self.readers.add(threading.get_ident())
        return super().decode(encoding, errors)


@pytest.mark.parametrize("path", ["/events/", "/api/events/"])
async def test_a_large_body_is_made_readable_beside_the_loop(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, database: Database, stored: Stock, path: str
) -> None:
    """Formatting happens on another thread, so that events are taken meanwhile."""
    body = _Watched(b'{"a":1}')
    body.readers = set()

    class Watching:
        async def read(self, query: Callable[[Connection], Any]) -> Any:
            found = await database.read(query)
            return replace(found, entry=replace(found.entry, body=body))

    listener = await serve_admin(store=Watching())
    async with http.get(f"{listener.url}{path}{stored.events['done']}") as response:
        assert response.status == 200
    assert body.readers
    assert threading.get_ident() not in body.readers
