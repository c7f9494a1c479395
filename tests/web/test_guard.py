"""Who gets into the admin listener."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from bridge.web.guard import is_loopback
from bridge.web.listener import Listener
from tests.support.clock import FakeClock

ServeAdmin = Callable[..., Awaitable[Listener]]
PASSWORD = "céu-azul:com-dois-pontos"


def _basic(password: str, user: str = "admin") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("admin.localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("192.168.0.10", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("bridge.escola.example", False),
    ],
)
def test_only_names_that_never_leave_the_machine_are_its_own(host: str, loopback: bool) -> None:
    """A name that merely begins like one of them is a stranger's."""
    assert is_loopback(host) == loopback


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8081", 200),
        ("localhost", 200),
        ("[::1]:8081", 200),
        ("evil.example", 421),
        ("evil.example:8081", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
    ],
)
async def test_without_a_password_only_this_machines_own_names_work(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, host: str, status: int
) -> None:
    """A name that somebody else made point here (DNS rebinding) is not answered."""
    listener = await serve_admin()
    async with http.get(listener.url, headers={"Host": host}) as response:
        assert response.status == status


async def test_with_a_password_any_name_works(serve_admin: ServeAdmin, http: aiohttp.ClientSession) -> None:
    """Behind a proxy the pages have the proxy's name; the password decides."""
    listener = await serve_admin(PASSWORD)
    for headers, status in [({}, 401), (_basic(PASSWORD), 200), (_basic(PASSWORD, user=""), 200)]:
        async with http.get(listener.url, headers={**headers, "Host": "admin.escola.example"}) as response:
            assert response.status == status
            assert ("WWW-Authenticate" in response.headers) == (status == 401)


@pytest.mark.parametrize(
    "path", ["/", "/events", "/api/events", "/metrics", "/static/style.css", "/mailbox", "/x"]
)
async def test_nothing_is_shown_without_the_password(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, path: str
) -> None:
    """Pages, API, metrics and even missing pages ask for it."""
    listener = await serve_admin(PASSWORD)
    async with http.get(listener.url + path) as response:
        assert response.status == 401


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic ",
        "Basic %%%",
        "Basic YWRtaW4=",
        "Bearer x",
        "basic \xe7\xff",
        _basic("wrong")["Authorization"],
    ],
)
async def test_what_is_not_the_password_is_refused(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, authorization: str
) -> None:
    """However the header is malformed, it opens nothing and breaks nothing."""
    listener = await serve_admin(PASSWORD)
    async with http.get(listener.url, headers={"Authorization": authorization}) as response:
        assert response.status == 401


async def test_guessing_is_limited(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, clock: FakeClock
) -> None:
    """After ten wrong passwords even the right one waits, or the limit would tell guesses apart."""
    listener = await serve_admin(PASSWORD)

    async def knock(headers: dict[str, str]) -> int:
        async with http.get(listener.url, headers=headers) as response:
            return response.status

    assert [await knock(_basic("wrong")) for _ in range(11)] == [401] * 10 + [429]
    assert await knock(_basic(PASSWORD)) == 429
    assert await knock({}) == 401
    clock.advance(minutes=1)
    assert await knock(_basic(PASSWORD)) == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_need_neither_name_nor_password(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, path: str
) -> None:
    """Machines that watch over the bridge get their yes or no."""
    for password in (None, PASSWORD):
        listener = await serve_admin(password)
        async with http.get(listener.url + path, headers={"Host": "10.0.0.7:8081"}) as response:
            assert response.status == 200


async def test_ready_is_no_while_the_bridge_is_not(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession
) -> None:
    """`/readyz` follows readiness, `/healthz` does not."""
    listener = await serve_admin(ready=lambda: False)
    for path, status in [("/readyz", 503), ("/healthz", 200)]:
        async with http.get(listener.url + path) as response:
            assert response.status == status


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "SELF"}, False),
        ({"Sec-Fetch-Site": ""}, False),
        ({"Origin": "SELF"}, True),
        ({"Origin": "null"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "http://127.0.0.1"}, False),
        ({"Origin": ""}, False),
    ],
)
@pytest.mark.parametrize("path", ["/events/1/replay", "/api/events/1/replay"])
async def test_another_sites_page_changes_nothing(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, headers: dict[str, str], allowed: bool, path: str
) -> None:
    """A POST is taken from our own pages and from programs, never from a page of another origin."""
    listener = await serve_admin()
    headers = {name: listener.url if value == "SELF" else value for name, value in headers.items()}
    async with http.post(listener.url + path, headers=headers) as response:
        assert (response.status != 403) == allowed


async def test_a_link_from_another_site_opens_the_page(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession
) -> None:
    """Reading changes nothing, so links in chats and mails work."""
    listener = await serve_admin()
    async with http.get(listener.url, headers={"Sec-Fetch-Site": "cross-site"}) as response:
        assert response.status == 200
