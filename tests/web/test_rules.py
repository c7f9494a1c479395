"""The rules in words: on a page, for scripts, and from the events and deliveries they concern."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from bridge.core.outcomes import State
from bridge.core.rules import OWNER_RULE
from bridge.store import halts, views
from bridge.store.database import Database
from bridge.store.schema import deliveries
from bridge.store.views import DeliveryFilter
from bridge.web.listener import Listener
from tests.support.clock import START, FakeClock
from tests.web.stocked import RULE, SENTENCES, Stock, stock

ServeAdmin = Callable[..., Awaitable[Listener]]
SENTENCE = SENTENCES["pt_BR"]


@pytest.fixture
async def stored(database: Database, clock: FakeClock) -> Stock:
    return await database.write(lambda c: stock(c, clock.now()))


async def _get(http: aiohttp.ClientSession, url: str) -> str:
    async with http.get(url) as response:
        assert response.status == 200, url
        return await response.text()


async def test_every_rule_is_told_with_what_came_of_it(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock
) -> None:
    """In the configured language, in the configuration's order, each with a way to its deliveries."""
    rules = {RULE: SENTENCES, "calada": {**SENTENCES, "pt_BR": "Quando chega qualquer evento, <nada>."}}
    listener = await serve_admin(rules=("calada", RULE), sentences=rules)
    html = await _get(http, f"{listener.url}/rules")
    assert f'<span lang="pt-BR">{SENTENCE}</span>' in html
    assert "Quando chega qualquer evento, &lt;nada&gt;." in html
    assert html.index('id="calada"') < html.index(f'id="{RULE}"')
    assert f'href="/deliveries?rule={RULE}"' in html
    row = html.partition(f'id="{RULE}"')[2].partition("</tr>")[0]
    assert [int(cell.partition("<")[0]) for cell in row.split('class="number">')[1:3]] == [2, 2]
    assert '<span class="badge bad">3</span>' in row


async def test_a_rule_that_is_gone_is_listed_while_its_deliveries_are_recent(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, clock: FakeClock
) -> None:
    """What it sent yesterday does not vanish with it."""
    listener = await serve_admin(rules=(), sentences={})
    assert "no longer in the configuration" in await _get(http, f"{listener.url}/rules")
    clock.advance(hours=25)
    assert "No rules yet" in await _get(http, f"{listener.url}/rules")


async def test_what_the_owner_hears_is_no_rule_that_is_gone(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, database: Database
) -> None:
    """Notices of trouble are counted beside the rules, and nobody looks for theirs in the configuration."""
    await database.write(lambda c: c.execute(deliveries.update().values(rule=OWNER_RULE)))
    html = await _get(http, f"{(await serve_admin(rules=(), sentences={})).url}/rules")
    assert "what <code>owner:</code> hears of trouble" in html
    assert "no longer in the configuration" not in html
    assert 'class="badge good">working' not in html


async def test_a_delivery_and_an_event_lead_to_the_rule(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock
) -> None:
    """A delivery says what its rule is for; a rule that is no longer configured is only named."""
    listener = await serve_admin()
    delivery = f"{listener.url}/deliveries/{stored.deliveries['mail']}"
    link = f'<a href="/rules#{RULE}">{RULE}</a>'
    html = await _get(http, delivery)
    assert f"{link} today" in html
    assert SENTENCE in html
    html = await _get(http, f"{listener.url}/events/{stored.events['done']}")
    assert link in html
    assert 'href="/rules#avisa-crm"' not in html
    other = await serve_admin(sentences={})
    assert SENTENCE not in await _get(http, delivery.replace(listener.url, other.url))


async def test_scripts_get_the_sentences_in_every_language(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock
) -> None:
    """With the deliveries of the last day by state."""
    listener = await serve_admin(rules=("calada", RULE))
    async with http.get(f"{listener.url}/api/rules") as response:
        assert response.headers["Cache-Control"] == "no-store"
        calada, rule = (await response.json())["rules"]
    standing = {"state": "working", "kept": 0, "since": None, "why": None}
    assert calada == {"name": "calada", **standing, "sentence": None, "deliveries_24h": {}}
    assert rule["sentence"] == SENTENCES
    assert rule["deliveries_24h"]["delivered"] == 2
    assert sum(rule["deliveries_24h"].values()) == len(stored.deliveries)


async def _states(database: Database, rule: str) -> list[State]:
    rows = await database.read(lambda c: views.list_deliveries(c, DeliveryFilter(rule=rule)))
    return sorted(row.state for row in rows)


async def test_a_person_pauses_a_rule_and_decides_about_what_it_keeps(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, database: Database
) -> None:
    """The page says since when, why and how much, and has the buttons; nothing of a stranger's is HTML."""
    listener = await serve_admin()
    async with http.post(f"{listener.url}/rules/{RULE}/pause") as response:
        html = await response.text()
    assert "The rule is paused." in html
    assert '<span class="badge warn">paused</span>' in html
    assert "paused by a person on the admin page" in html
    assert f'href="/deliveries?rule={RULE}&amp;state=kept"' in html
    kept = (await _states(database, RULE)).count(State.KEPT)
    assert kept > 0
    assert f">{kept} kept</a>" in html
    async with http.post(f"{listener.url}/rules/{RULE}/pause") as response:
        assert response.status == 409
        assert f"Not done: rule {RULE} is paused already." in await response.text()
    async with http.post(f"{listener.url}/rules/{RULE}/resume") as response:
        assert "what was kept goes out" in await response.text()
    assert State.KEPT not in await _states(database, RULE)
    await database.write(lambda c: halts.pause(c, RULE, now=START, why="<script>"))
    assert "&lt;script&gt;" in await _get(http, f"{listener.url}/rules")
    async with http.post(f"{listener.url}/rules/{RULE}/discard") as response:
        assert "what was kept is given up" in await response.text()
    assert (await _states(database, RULE)).count(State.DISCARDED) >= kept


async def test_scripts_decide_as_well(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, database: Database
) -> None:
    """They see where a rule stands, are told what was done, and get 409 where there is nothing to decide."""
    listener = await serve_admin()
    base = f"{listener.url}/api/rules"
    async with http.post(f"{base}/{RULE}/resume") as response:
        assert response.status == 409
    await database.write(lambda c: halts.pause(c, RULE, now=START, why="pause_above: 3/h"))
    async with http.get(base) as response:
        found = {rule["name"]: rule for rule in (await response.json())["rules"]}
    assert (found[RULE]["state"], found[RULE]["why"]) == ("paused", "pause_above: 3/h")
    assert found[RULE]["kept"] > 0
    async with http.post(f"{base}/{RULE}/discard") as response:
        assert response.status == 200
        assert "given up" in await response.text()
    async with http.post(f"{base}/nobody/pause") as response:
        assert response.status == 404


async def test_another_site_decides_nothing(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, database: Database
) -> None:
    """As with every other button."""
    listener = await serve_admin()
    for path in (f"/rules/{RULE}/pause", f"/api/rules/{RULE}/pause"):
        elsewhere = {"Sec-Fetch-Site": "cross-site"}
        async with http.post(f"{listener.url}{path}", headers=elsewhere) as response:
            assert response.status == 403
    assert State.KEPT not in await _states(database, RULE)


async def test_a_paused_rule_that_is_gone_is_listed_with_what_it_keeps(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stored: Stock, database: Database, clock: FakeClock
) -> None:
    """Whoever took it out of the file has not decided about its deliveries."""
    await database.write(lambda c: halts.pause(c, RULE, now=START, why="x"))
    clock.advance(days=9)
    listener = await serve_admin(rules=(), sentences={})
    html = await _get(http, f"{listener.url}/rules")
    assert "no longer in the configuration" in html
    async with http.post(f"{listener.url}/rules/{RULE}/discard") as response:
        assert response.status == 200
