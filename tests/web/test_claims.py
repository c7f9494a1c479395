"""Claims on the admin pages and in the API: looking at them, and letting them go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from bridge.core.identity import ID_SHOWN
from bridge.store import claims, memory
from bridge.store.claims import ClaimFilter
from bridge.store.database import Connection, Database
from bridge.web.listener import Listener
from tests.support.clock import FakeClock
from tests.web.stocked import RULE, Stock, stock

ServeAdmin = Callable[..., Awaitable[Listener]]
HOSTILE = "learner.email=<script>alert(1)</script>@aluna.example"


@pytest.fixture
async def stocked(database: Database, clock: FakeClock) -> Stock:
    """A store with what the pages show, a claim that is under way, and one of a rule's old name."""
    now = clock.now()

    def write(connection: Connection) -> Stock:
        made = stock(connection, now)
        for number, (rule, label, id_) in enumerate(
            ((RULE, HOSTILE, made.deliveries["pending"]), ("parabens", "learner.id=7", "7" * 32))
        ):
            memory.reserve(
                connection,
                key=bytes([number + 100]) * 16,
                rule=rule,
                action="webhook:crm",
                label=label,
                delivery_id=id_,
                now=now,
            )
        return made

    return await database.write(write)


async def get(http: aiohttp.ClientSession, url: str, status: int = 200) -> str:
    async with http.get(url) as response:
        assert response.status == status
        return await response.text()


async def ask(
    http: aiohttp.ClientSession, url: str, status: int = 200, method: str = "GET"
) -> dict[str, Any]:
    async with http.request(method, url) as response:
        assert response.status == status
        found: dict[str, Any] = await response.json()
        return found


async def state(database: Database, delivery_id: str) -> str:
    row = await database.read(lambda c: claims.find_claim(c, delivery_id))
    assert row is not None
    return row.state


async def test_they_are_listed(serve_admin: ServeAdmin, http: aiohttp.ClientSession, stocked: Stock) -> None:
    """With what a stranger wrote as text; a rule is meant under any of its names."""
    url = (await serve_admin(formers={RULE: ("parabens",)})).url
    html = await get(http, f"{url}/claims?rule={RULE}")
    assert "maria@aluna.example" in html
    assert "learner.id=7" in html
    assert "<script>" not in html
    assert "learner.id=7" not in await get(http, f"{url}/claims?text=maria%40aluna.example")
    assert "No claims with these filters" in await get(http, f"{url}/claims?text=nobody")
    assert "is no state" in await get(http, f"{url}/claims?state=dead", 400)


async def test_a_list_has_a_next_page(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stocked: Stock
) -> None:
    """In the API with a link, which leads on to the rest."""
    url = (await serve_admin()).url
    first = await ask(http, f"{url}/api/claims?limit=1")
    seen = [row["delivery"] for row in first["claims"]]
    page = first
    while page["next"]:
        page = await ask(http, url + page["next"])
        seen += [row["delivery"] for row in page["claims"]]
    assert len(seen) == len(set(seen)) > 2
    assert "is not the id of a delivery" in (await ask(http, f"{url}/api/claims?before=7", 400))["error"]


async def test_one_is_let_go_on_its_page(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stocked: Stock, database: Database
) -> None:
    """Its delivery's page leads there; afterwards it says what that means."""
    url, made = (await serve_admin()).url, stocked.deliveries["mail"]
    assert f'href="/claims/{made}"' in await get(http, f"{url}/deliveries/{made}")
    assert "Release…" in await get(http, f"{url}/claims/{made}")
    async with http.post(f"{url}/claims/{made}/release") as response:
        assert "The claim is free: the next such event is sent again." in await response.text()
    assert await state(database, made) == "released"
    assert "Release…" not in await get(http, f"{url}/claims/{made}")


async def test_what_is_under_way_keeps_its_claim(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stocked: Stock, database: Database
) -> None:
    """The page offers nothing, and a request is refused with the reason."""
    url, made = (await serve_admin()).url, stocked.deliveries["pending"]
    assert "keeps the claim until it is sent" in await get(http, f"{url}/claims/{made}")
    async with http.post(f"{url}/claims/{made}/release") as response:
        assert response.status == 409
        link = f'<a href="/deliveries/{made}">{made[:ID_SHOWN]}</a>'
        assert f"Not done: delivery {link} is pending and keeps its claim" in await response.text()
    told = await ask(http, f"{url}/api/claims/{made}/release", 409, "POST")
    assert told["status"] == "refused"
    assert await state(database, made) == "reserved"


async def test_another_site_may_not_let_go(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stocked: Stock, database: Database
) -> None:
    url, made = (await serve_admin()).url, stocked.deliveries["mail"]
    headers = {"Sec-Fetch-Site": "cross-site"}
    for path in (f"/claims/{made}/release", f"/api/claims/{made}/release", "/api/claims/release?text=m"):
        async with http.post(url + path, headers=headers) as response:
            assert response.status == 403
    assert await state(database, made) == "confirmed"


async def test_many_are_let_go_by_filters(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stocked: Stock, database: Database
) -> None:
    """Only with a filter: a slip would empty the memory of every rule."""
    url = (await serve_admin()).url
    refused = await ask(http, f"{url}/api/claims/release", 400, "POST")
    assert refused["error"].startswith("say which: rule, action")
    done = await ask(http, f"{url}/api/claims/release?rule={RULE}", 200, "POST")
    assert done["kept"] == 1
    assert done["released"] == len(
        await database.read(lambda c: claims.list_claims(c, ClaimFilter(rules=(RULE,), state="released")))
    )
    assert await state(database, stocked.deliveries["pending"]) == "reserved"
    assert await state(database, "7" * 32) == "reserved"


async def test_one_of_a_pruned_delivery_has_a_page(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, stocked: Stock
) -> None:
    """With what its rule is called now."""
    url = (await serve_admin(formers={RULE: ("parabens",)})).url
    html = await get(http, f"{url}/claims/{'7' * 32}")
    assert "pruned" in html
    assert f"now {RULE}" in html
    found = await ask(http, f"{url}/api/claims/{'7' * 32}")
    assert (found["rule"], found["delivery_state"], found["under_way"]) == ("parabens", None, False)
    await get(http, f"{url}/claims/{'8' * 32}", 404)
    await ask(http, f"{url}/api/claims/{'8' * 32}", 404)
    await ask(http, f"{url}/api/claims/{'8' * 32}/release", 409, "POST")
