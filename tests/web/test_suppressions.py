"""The suppression list on the admin pages and in the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from bridge.core.suppressions import Scope, Source, Suppression
from bridge.pipeline.node import Node
from bridge.pipeline.unsubscribing import Suppressor
from bridge.store import suppressions
from bridge.store.database import Connection, Database
from bridge.web.listener import Listener
from tests.support.clock import FakeClock
from tests.web.fakes import RecordingLog

ServeAdmin = Callable[..., Awaitable[Listener]]
MARIA, RUI = "maria@aluna.example", "rui@aluno.example"
HOSTILE = "550 5.1.1 <script>alert(1)</script>"


@pytest.fixture
def suppressor(database: Database, clock: FakeClock, log: RecordingLog) -> Suppressor:
    return Suppressor(Node("test", database, clock, lambda: 0.5, log))


@pytest.fixture
async def url(serve_admin: ServeAdmin, suppressor: Suppressor, database: Database, clock: FakeClock) -> str:
    """A list with one of each."""

    def write(connection: Connection) -> None:
        for source, scope, address, why in (
            (Source.OPERATOR, Scope.EVERYTHING, MARIA, "asked by telephone"),
            (Source.BOUNCED, Scope.EVERYTHING, RUI, HOSTILE),
            (Source.UNSUBSCRIBED, Scope.OPTIONAL, None, ""),
        ):
            key = suppressor.key(address or "ana@aluna.example")
            new = Suppression(key=key, source=source, scope=scope, at=clock.now(), address=address, why=why)
            suppressions.add(connection, new)

    await database.write(write)
    return (await serve_admin(suppressor=suppressor)).url


async def get(http: aiohttp.ClientSession, url: str, status: int = 200) -> str:
    async with http.get(url) as response:
        assert response.status == status
        return await response.text()


async def test_the_page_lists_who_gets_no_messages(http: aiohttp.ClientSession, url: str) -> None:
    """With the reason, in which nothing of a stranger's is HTML."""
    page = await get(http, f"{url}/suppressions")
    assert [
        word for word in (MARIA, RUI, "not kept", "asked by telephone", "&lt;script&gt;") if word not in page
    ] == []
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [None, RUI, MARIA]),
        ("source=bounced", [RUI]),
        ("scope=optional", [None]),
        ("address=aluna", [MARIA]),
        ("address=ANA@aluna.example", [None]),
        ("since=1h", [None, RUI, MARIA]),
        ("until=1h", []),
        ("limit=1", [None]),
    ],
)
async def test_the_api_lists_by_filters(
    http: aiohttp.ClientSession, url: str, query: str, found: list[str | None]
) -> None:
    """An address that is not kept is found by those who know it."""
    async with http.get(f"{url}/api/suppressions?{query}") as response:
        said = await response.json()
    assert [each["address"] for each in said["suppressions"]] == found
    assert (said["next"] is None) is (query != "limit=1")
    if said["next"]:
        async with http.get(f"{url}{said['next']}") as response:
            assert [each["address"] for each in (await response.json())["suppressions"]] == [RUI]


async def test_a_filter_that_makes_no_sense_is_told(http: aiohttp.ClientSession, url: str) -> None:
    """On the page and by the API."""
    assert "is no source; expected one of" in await get(http, f"{url}/suppressions?source=x", 400)
    assert "there is no such filter" in await get(http, f"{url}/api/suppressions?x=y", 400)


async def test_the_buttons_add_and_remove(http: aiohttp.ClientSession, url: str) -> None:
    """They lead back to the list."""
    form = {"address": "Novo@aluno.example", "scope": "optional", "why": "pediu"}
    async with http.post(f"{url}/suppressions/add", data=form) as response:
        assert (response.status, str(response.url)) == (200, f"{url}/suppressions?done=add")
        assert "novo@aluno.example" in await response.text()
    async with http.post(
        f"{url}/suppressions/remove", data={"address": MARIA, "source": "operator"}
    ) as response:
        assert "The address is off the list." in await response.text()
    async with http.post(f"{url}/suppressions/remove", data={"address": MARIA}) as response:
        assert response.status == 409
        assert f"{MARIA} is not on the list" in await response.text()
    async with http.post(f"{url}/suppressions/add", data={"address": "x"}) as response:
        assert response.status == 409


async def test_the_api_adds_and_removes(http: aiohttp.ClientSession, url: str) -> None:
    """For scripts, by query or form."""
    async with http.post(f"{url}/api/suppressions/add?address=novo@aluno.example") as response:
        assert (response.status, (await response.json())["status"]) == (200, "done")
    async with http.post(
        f"{url}/api/suppressions/remove", data={"address": "novo@aluno.example"}
    ) as response:
        assert (await response.json())[
            "sentence"
        ] == "novo@aluno.example is off the list, where it was as operator"
    async with http.post(f"{url}/api/suppressions/remove?address=novo@aluno.example") as response:
        assert response.status == 409


async def test_others_cannot_press_the_buttons(http: aiohttp.ClientSession, url: str) -> None:
    """A page elsewhere gets nowhere."""
    headers = {"Sec-Fetch-Site": "cross-site"}
    async with http.post(f"{url}/suppressions/remove", data={"address": MARIA}, headers=headers) as response:
        assert response.status == 403
