"""Channels on the admin pages, in the API and in the metrics: how they do, and pausing and resuming them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import aiohttp
import pytest

from bridge.core.breaker import Breaker, Phase
from bridge.core.outcomes import State
from bridge.core.rates import Rate
from bridge.core.trouble import Trouble
from bridge.store import channels, incidents, views
from bridge.store.channels import Standing
from bridge.store.database import Connection, Database
from bridge.web.listener import Listener
from tests.support.clock import FakeClock
from tests.web.stocked import stock

ServeAdmin = Callable[..., Awaitable[Listener]]
RATES = {"learners": Rate(30, timedelta(minutes=1))}
HOSTILE = "client 410: <script>alert(1)</script>"


@pytest.fixture
async def troubled(database: Database, clock: FakeClock) -> Database:
    """A store in which one channel is paused, one is stopped, and one waits for its rate."""
    now = clock.now()

    def write(connection: Connection) -> None:
        stock(connection, now)
        paused = Breaker(Phase.PAUSED, 5, 1, now, now + timedelta(seconds=30), "server 503: busy")
        stopped = Breaker(Phase.STOPPED, since=now, why=HOSTILE)
        channels.write(connection, "crm", Standing(stopped))
        channels.write(connection, "wins", Standing(paused))
        channels.write(connection, "learners", Standing(arrival=now + timedelta(seconds=2)))
        incidents.happened(connection, Trouble.STOPPED, "crm", now=now, why=HOSTILE)

    await database.write(write)
    return database


async def get(http: aiohttp.ClientSession, url: str, status: int = 200) -> str:
    async with http.get(url) as response:
        assert response.status == status
        return await response.text()


async def phase(database: Database, name: str) -> Phase:
    return (await database.read(lambda c: channels.read(c, name))).breaker.phase


async def test_the_overview_says_how_channels_do_and_what_is_broken(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, troubled: Database
) -> None:
    """A banner with what is broken, a word for each channel, and nothing of a stranger's as HTML."""
    listener = await serve_admin(rates=RATES)
    html = await get(http, listener.url)
    assert "What is broken" in html
    assert "Channel stopped, it needs a person" in html
    assert [word for word in ("held", "paused", "stopped") if f">{word}</span>" not in html] == []
    assert "30/min" in html
    assert "<script>" not in html


async def test_what_is_put_aside_is_a_click_away(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, database: Database, clock: FakeClock
) -> None:
    """From what is broken to its deliveries or events, which have the buttons."""

    def write(connection: Connection) -> None:
        why = "text: 'learner.name' is absent; write `| default(...)`"
        incidents.happened(connection, Trouble.PARKED, "parabens", now=clock.now(), why=why)
        incidents.happened(connection, Trouble.ENTRIES, "eduzz", now=clock.now(), why="no JSON")

    await database.write(write)
    html = await get(http, (await serve_admin()).url)
    assert '<a href="/deliveries?state=parked&amp;rule=parabens">parabens</a>' in html
    assert '<a href="/events?state=parked&amp;source=eduzz">eduzz</a>' in html
    assert "write <code>| default(...)</code>" in html


async def test_a_retry_on_a_stopped_channel_is_not_said_to_be_sent(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, database: Database, clock: FakeClock
) -> None:
    """It waits for the channel, and the page says so."""
    stopped = Breaker(Phase.STOPPED, since=clock.now(), why="gone")
    stored = await database.write(lambda c: stock(c, clock.now()))
    await database.write(lambda c: channels.write(c, "crm", Standing(stopped)))
    url = f"{(await serve_admin()).url}/deliveries/{stored.deliveries['webhook']}"
    async with http.post(f"{url}/retry") as response:
        text = await response.text()
    assert "waits again: for its time, or until its channel goes on" in text
    assert "tried again now" not in text


async def test_nothing_broken_shows_no_banner(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, database: Database
) -> None:
    html = await get(http, (await serve_admin()).url)
    assert "What is broken" not in html


async def test_a_channel_has_a_page(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, troubled: Database
) -> None:
    """With why it is stopped, what waits, and the button that lets it go on."""
    listener = await serve_admin()
    html = await get(http, f"{listener.url}/channels/crm")
    assert "It sends nothing until a person resumes it." in html
    assert "&lt;script&gt;" in html
    assert "/channels/crm/resume" in html
    assert "/channels/crm/pause" not in html
    await get(http, f"{listener.url}/channels/nowhere", 404)


async def test_the_buttons_pause_and_resume(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, troubled: Database
) -> None:
    """They lead back to the page, which says what was done; what makes no sense is refused."""
    url = f"{(await serve_admin()).url}/channels/crm"
    async with http.post(f"{url}/resume") as response:
        assert (response.status, str(response.url)) == (200, f"{url}?done=resume")
        assert "The channel sends again." in await response.text()
    assert await phase(troubled, "crm") is Phase.WORKING
    async with http.post(f"{url}/resume") as response:
        assert response.status == 409
    async with http.post(f"{url}/pause") as response:
        assert "sends nothing now" in await response.text()
    assert await phase(troubled, "crm") is Phase.STOPPED


async def test_others_cannot_press_the_buttons(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, troubled: Database
) -> None:
    """A page elsewhere gets nowhere, and reading never acts."""
    url = f"{(await serve_admin()).url}/channels/crm/resume"
    async with http.post(url, headers={"Sec-Fetch-Site": "cross-site"}) as response:
        assert response.status == 403
    async with http.get(url) as response:
        assert response.status == 405
    assert await phase(troubled, "crm") is Phase.STOPPED


async def test_the_api_lists_channels_and_troubles(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, troubled: Database
) -> None:
    """The names are those of `--json` on the command line."""
    url = (await serve_admin(rates=RATES)).url
    async with http.get(f"{url}/api/channels") as response:
        found = await response.json()
    states = {each["name"]: each for each in found["channels"]}
    assert {name: each["state"] for name, each in states.items()} == {
        "learners": "held",
        "wins": "paused",
        "crm": "stopped",
    }
    assert states["learners"]["rate"] == "30/min"
    (trouble,) = found["troubles"]
    assert (trouble["trouble"], trouble["subject"], trouble["count"]) == ("channel_stopped", "crm", 1)
    async with http.post(f"{url}/api/channels/crm/resume") as response:
        assert (await response.json())["status"] == "done"
    async with http.post(f"{url}/api/channels/crm/resume") as response:
        assert response.status == 409


async def test_metrics_say_how_channels_do(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, troubled: Database
) -> None:
    """One series for each channel and state, and one for each kind of trouble."""
    text = await get(http, f"{(await serve_admin()).url}/metrics")
    assert 'bridge_channel_state{channel="crm",state="stopped"} 1.0' in text
    assert 'bridge_channel_state{channel="crm",state="working"} 0.0' in text
    assert 'bridge_channel_state{channel="learners",state="working"} 1.0' in text
    assert 'bridge_troubles{trouble="channel_stopped"} 1.0' in text
    assert 'bridge_troubles{trouble="deliveries_dead"} 0.0' in text


async def test_a_delivery_that_waits_for_its_channel_says_so(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, troubled: Database
) -> None:
    """With a link to the channel, which says why."""
    listener = await serve_admin()
    rows = await troubled.read(lambda c: views.list_deliveries(c, views.DeliveryFilter(state=State.PENDING)))
    waiting = [row for row in rows if row.channel in ("crm", "wins")]
    assert waiting
    for row in waiting:
        html = await get(http, f"{listener.url}/deliveries/{row.id}")
        assert f'It waits: the channel <a href="/channels/{row.channel}"' in html


async def test_every_trouble_has_its_words_on_the_overview(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, database: Database, clock: FakeClock
) -> None:
    """Also what is only told, between its sign and the telling."""

    def write(connection: Connection) -> None:
        for each in Trouble:
            incidents.happened(connection, each, "place", now=clock.now(), why="why")

    await database.write(write)
    listener = await serve_admin(rates=RATES)
    html = await get(http, listener.url)
    assert html.count('<td data-label="Where">') == len(Trouble)
