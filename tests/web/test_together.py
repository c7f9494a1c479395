"""What goes out together, on the pages of its deliveries and in the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, time

import aiohttp
import pytest
from msgspec.structs import replace

from bridge.core.digests import Digest
from bridge.core.identity import ID_SHOWN
from bridge.store import views
from bridge.store.database import Database
from bridge.store.views import DeliveryFilter, DeliveryRow
from bridge.web.listener import Listener
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule

Serve = Callable[..., Awaitable[Listener]]


@pytest.fixture
async def pipeline(database: Database) -> Pipeline:
    """Two events wait for the evening."""
    collects = replace(action("r", "wins"), digest=Digest(time(18), UTC))
    made = Pipeline(database, [rule("r", collects)], channels(ScriptedChannel("wins")), hide=str)
    await made.run(completion("e1"), completion("e2"))
    return made


async def rows(pipeline: Pipeline) -> list[DeliveryRow]:
    found = await pipeline.database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
    return sorted(found, key=lambda row: row.seq)


async def test_a_page_lists_all_that_are_in_the_message(
    serve_admin: Serve, http: aiohttp.ClientSession, pipeline: Pipeline
) -> None:
    """While it waits, when it is sent, and from each of its parts."""
    listener = await serve_admin(explainer=pipeline.explainer)
    first, second = await rows(pipeline)

    async def page(row: DeliveryRow) -> str:
        async with http.get(f"{listener.url}/deliveries/{row.id}") as answer:
            assert answer.status == 200
            return await answer.text()

    html = await page(second)
    assert "joins the digest of 2026-05-04 at 18:00" in html
    assert "It waits with others; 2 events are in the message so far:" in html
    assert f"/deliveries/{first.id}" in html
    pipeline.clock.advance(days=1)
    await pipeline.engine.drain()
    html = await page(first)
    assert "The message is about 2 events:" in html
    assert f"/deliveries/{second.id}" in html
    html = await page(second)
    assert f'It is in the message of <a href="/deliveries/{first.id}">' in html
    assert f'part of delivery <a href="/deliveries/{first.id}">{first.id[:ID_SHOWN]}</a>' in html


async def test_the_api_tells_the_same(
    serve_admin: Serve, http: aiohttp.ClientSession, pipeline: Pipeline
) -> None:
    """By names that do not change."""
    listener = await serve_admin(explainer=pipeline.explainer)
    pipeline.clock.advance(days=1)
    await pipeline.engine.drain()
    first, second = await rows(pipeline)
    async with http.get(f"{listener.url}/api/deliveries/{second.id}") as answer:
        found = await answer.json()
    assert [each["id"] for each in found["items"]] == [first.id, second.id]
    assert (found["state"], found["item_count"], found["message_of"]) == ("merged", 2, first.id)
