"""What Prometheus reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from bridge.store.database import Database, StoreUnavailable
from bridge.web.counting import Counting
from bridge.web.listener import Listener
from tests.support.clock import FakeClock
from tests.web.fakes import GOOD, FakeIngest
from tests.web.stocked import stock

Serve = Callable[..., Awaitable[Listener]]


async def _scrape(http: aiohttp.ClientSession, listener: Listener) -> dict[str, float]:
    async with http.get(f"{listener.url}/metrics") as response:
        assert response.status == 200
        families = text_string_to_metric_families(await response.text())
        samples = [sample for family in families for sample in family.samples]
    return {f"{s.name}{sorted(s.labels.items())}": s.value for s in samples if "created" not in s.name}


async def test_the_backlog_is_counted_when_it_is_asked_for(
    serve_admin: Serve, http: aiohttp.ClientSession, database: Database, clock: FakeClock
) -> None:
    """Open events and deliveries by channel and state, ages in seconds."""
    listener = await serve_admin()
    assert (await _scrape(http, listener))["bridge_events_open[('state', 'new')]"] == 0
    await database.write(lambda c: stock(c, clock.now()))
    found = await _scrape(http, listener)
    assert found["bridge_store_up[]"] == 1
    assert found["bridge_events_open[('state', 'new')]"] == 1
    assert found["bridge_events_open[('state', 'parked')]"] == 1
    assert found["bridge_oldest_new_event_seconds[]"] == 180
    assert found["bridge_deliveries_open[('channel', 'crm'), ('state', 'dead')]"] == 1
    assert found["bridge_oldest_due_seconds[('channel', 'learners')]"] == 22 * 60


async def test_a_store_that_is_away_is_a_measurement(serve_admin: Serve, http: aiohttp.ClientSession) -> None:
    """The scrape succeeds and says so, so that an alert can be made of it."""

    class Away:
        async def read(self, query: object) -> object:
            raise StoreUnavailable("gone")

    found = await _scrape(http, await serve_admin(store=Away()))
    assert found["bridge_store_up[]"] == 0
    assert "bridge_events_open[('state', 'new')]" not in found


async def test_answers_to_senders_are_counted_by_closed_labels(
    serve: Serve, serve_admin: Serve, http: aiohttp.ClientSession, ingest: FakeIngest, clock: FakeClock
) -> None:
    """By configured source and status; what strangers invent adds no label."""
    counting = Counting(ingest, clock)
    listener = await serve(counting=counting)
    for path, headers in [
        ("eduzz", GOOD),
        ("eduzz", GOOD),
        ("escola", {}),
        ("made-up-1", {}),
        ("made-up-2", {}),
    ]:
        async with http.post(f"{listener.url}/hooks/{path}", json={}, headers=headers):
            pass
    found = await _scrape(http, await serve_admin(answered=counting.answered))
    assert {name: count for name, count in found.items() if "hook_requests" in name} == {
        "bridge_hook_requests_total[('source', 'eduzz'), ('status', '200')]": 2,
        "bridge_hook_requests_total[('source', 'escola'), ('status', '401')]": 1,
        "bridge_hook_requests_total[('source', ''), ('status', '404')]": 2,
    }
