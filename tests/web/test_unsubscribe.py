"""The page on which people say what they want to get, over real sockets and a real store."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import pytest

from bridge.core.suppressions import Leaver, Scope, Source, token_of
from bridge.pipeline.node import Node
from bridge.pipeline.unsubscribing import Preferences, Wish
from bridge.store import suppressions
from bridge.store.database import Database, StoreUnavailable
from bridge.store.suppressions import SuppressionFilter
from bridge.web.limits import Limits
from bridge.web.listener import Listener
from tests.support.clock import FakeClock
from tests.web.fakes import RecordingLog

Serve = Callable[..., Awaitable[Listener]]
DELIVERY = "0123456789abcdef0123456789abcdef"
MARIA = "maria@aluna.example"
ONE_CLICK = b"List-Unsubscribe=One-Click"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Place:
    """Where Maria's link leads."""

    http: aiohttp.ClientSession
    url: str
    database: Database

    async def get(self, language: str = "", status: int = 200) -> str:
        async with self.http.get(self.url, headers={"Accept-Language": language}) as response:
            assert response.status == status
            return await response.text()

    async def post(self, body: bytes, headers: dict[str, str] | None = None, status: int = 200) -> str:
        async with self.http.post(self.url, data=body, headers=headers or FORM) as response:
            assert response.status == status
            return await response.text()

    async def scopes(self) -> list[tuple[Source, Scope]]:
        found = await self.database.read(lambda c: suppressions.list_suppressions(c, SuppressionFilter()))
        return [(each.suppression.source, each.suppression.scope) for each in found]


@pytest.fixture
async def place(
    serve: Serve, http: aiohttp.ClientSession, database: Database, clock: FakeClock, log: RecordingLog
) -> Place:
    people = Preferences(Node("test", database, clock, lambda: 0.5, log))
    listener = await serve(people=people, locale=lambda: "pt_BR")
    token = token_of(database.secret, DELIVERY, MARIA)
    return Place(http, f"{listener.url}/unsubscribe/{token}", database)


async def test_looking_changes_nothing(place: Place) -> None:
    """Programs that guard mailboxes open every link, some with HEAD first."""
    for _ in range(3):
        assert "Parar lembretes e novidades" in await place.get()
    async with place.http.head(place.url) as response:
        assert (response.status, await response.read()) == (200, b"")
    assert await place.scopes() == []


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (ONE_CLICK, FORM),
        (ONE_CLICK + b"&x=%ff", FORM),
        (
            b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n',
            {"Content-Type": "multipart/form-data; boundary=b"},
        ),
        (b"", {"Content-Type": "text/plain"}),
        (b"\xff\xfe", FORM),
        (b"choice=", FORM),
        (b"&".join([b"a=b"] * 500), FORM),
        (b"choice=nonsense", {"Content-Type": "nonsense"}),
    ],
)
async def test_one_click_unsubscribes(place: Place, body: bytes, headers: dict[str, str]) -> None:
    """As RFC 8058 has it, in both shapes of a form; whoever posts anything else wants to leave too."""
    await place.post(body, headers)
    assert await place.scopes() == [(Source.UNSUBSCRIBED, Scope.OPTIONAL)]
    await place.post(body, headers)
    assert await place.scopes() == [(Source.UNSUBSCRIBED, Scope.OPTIONAL)]


async def test_a_person_may_change_their_mind(place: Place) -> None:
    """Each page has the buttons that make sense, and says what stands."""
    assert "Você não recebe mais lembretes" in await place.post(b"choice=optional")
    page = await place.get()
    assert "Parar lembretes" not in page
    assert "Parar todas as mensagens" in page
    assert "Você não recebe mais nenhuma mensagem." in await place.post(b"choice=everything")
    assert "Parar todas" not in await place.get()
    assert await place.scopes() == [(Source.UNSUBSCRIBED, Scope.EVERYTHING)]
    await place.post(ONE_CLICK)
    assert await place.scopes() == [(Source.UNSUBSCRIBED, Scope.EVERYTHING)]
    assert "Você recebe todas as mensagens." in await place.post(b"choice=all")
    assert await place.scopes() == []


@pytest.mark.parametrize(
    ("language", "lang", "words"),
    [
        ("", "pt-BR", "Seus e-mails"),
        ("en-US,en;q=0.9,pt;q=0.8", "en", "Your e-mails"),
        ("es-419", "es", "Tus correos"),
        ("fr-FR, es;q=0.5", "es", "Tus correos"),
        ("fr", "pt-BR", "Seus e-mails"),
        (";;,,\t" * 200, "pt-BR", "Seus e-mails"),
    ],
)
async def test_the_page_is_in_the_readers_language(
    place: Place, language: str, lang: str, words: str
) -> None:
    """Of ours the first that the browser asks for, else the configured one."""
    page = await place.get(language)
    assert f'<html lang="{lang}">' in page
    assert f"<h1>{words}</h1>" in page


async def test_the_page_loads_nothing_and_names_nobody(place: Place) -> None:
    """No script, no other host, no address; its policy knows the style by its digest."""
    async with place.http.get(place.url) as response:
        page, headers = await response.text(), response.headers
    assert "maria" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert re.search(r"style-src 'sha256-[A-Za-z0-9+/]{43}='", policy)
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Robots-Tag"] == "noindex"


@pytest.mark.parametrize("token", ["x", "A" * 64, "A" * 4000, "%00", "%ff%fe", "..", "a%2Fb"])
async def test_what_is_no_link_of_ours_is_told_to_a_person(place: Place, token: str) -> None:
    """404 with words; nothing is stored."""
    base = place.url.rpartition("/")[0]
    for method in ("GET", "POST"):
        async with place.http.request(method, f"{base}/{token}", data=b"choice=all") as response:
            assert response.status == 404
    assert await place.scopes() == []


async def test_guessing_is_limited_and_people_are_not(
    serve: Serve, http: aiohttp.ClientSession, database: Database, clock: FakeClock, log: RecordingLog
) -> None:
    """Who tries many links is turned away; a good link is answered even then."""
    people = Preferences(Node("test", database, clock, lambda: 0.5, log))
    listener = await serve(Limits(refusals=3), people=people)
    found = []
    for _ in range(5):
        async with http.get(f"{listener.url}/unsubscribe/{'A' * 64}") as response:
            found.append(response.status)
    assert found == [404, 404, 404, 429, 429]
    async with http.get(
        f"{listener.url}/unsubscribe/{token_of(database.secret, DELIVERY, MARIA)}"
    ) as response:
        assert response.status == 200


async def test_other_methods_are_refused(place: Place) -> None:
    """With those that there are."""
    async with place.http.delete(place.url) as response:
        assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD, POST")


async def test_a_body_has_a_limit(place: Place) -> None:
    """A form has a few words."""
    await place.post(b"x" * 100_000, status=413)
    assert await place.scopes() == []


async def test_many_clicks_at_once_are_one(place: Place) -> None:
    """A mail program, a person, and a person once more."""
    await asyncio.gather(*(place.post(ONE_CLICK) for _ in range(10)))
    assert await place.scopes() == [(Source.UNSUBSCRIBED, Scope.OPTIONAL)]


class Away(Preferences):
    """A store that cannot be used just now."""

    async def decide(self, leaver: Leaver, wish: Wish) -> Wish:
        raise StoreUnavailable("gone")


async def test_what_cannot_be_stored_is_not_promised(
    serve: Serve, http: aiohttp.ClientSession, database: Database, clock: FakeClock, log: RecordingLog
) -> None:
    """The mail program comes again, and the person reads that nothing was changed."""
    listener = await serve(people=Away(Node("test", database, clock, lambda: 0.5, log)), locale=lambda: "en")
    url = f"{listener.url}/unsubscribe/{token_of(database.secret, DELIVERY, MARIA)}"
    async with http.post(url, data=ONE_CLICK, headers=FORM) as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "60")
        assert "Nothing was changed" in await response.text()
