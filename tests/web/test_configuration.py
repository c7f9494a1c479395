"""Which configuration runs, and what is wrong with the file: readiness, the pages and the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from msgspec.structs import replace

from bridge.web.configuration import Configuration
from bridge.web.configuration_pages import Problem, problem
from bridge.web.listener import Listener
from tests.support.clock import START

ServeAdmin = Callable[..., Awaitable[Listener]]
PROBLEM = "config.yaml:3:7: rules[0]: unknown key '<b>'"
GOOD = Configuration(file="config.yaml", digest="0123456789abcdef", since=START)
BROKEN = Configuration(
    file="config.yaml", digest="0123456789abcdef", since=START, problems=(PROBLEM,), broken_at=START
)
WAITING = Configuration(file="config.yaml", problems=(PROBLEM, PROBLEM), broken_at=START)
RUNS = {"status": "ok", "configuration": GOOD.digest, "since": START.isoformat()}


@pytest.mark.parametrize(
    ("configuration", "status", "told"),
    [
        (GOOD, 200, RUNS),
        (BROKEN, 200, {**RUNS, "why": BROKEN.sentence}),
        (WAITING, 503, {"status": "waiting", "why": WAITING.sentence}),
    ],
)
async def test_readiness_says_why(
    serve_admin: ServeAdmin,
    http: aiohttp.ClientSession,
    configuration: Configuration,
    status: int,
    told: dict[str, str],
) -> None:
    """A bridge that only stores is alive and not ready; one that goes on as before is ready."""
    listener = await serve_admin(configuration=lambda: configuration)
    async with http.get(f"{listener.url}/readyz") as answer:
        assert (answer.status, await answer.json()) == (status, told)
    async with http.get(f"{listener.url}/healthz") as answer:
        assert answer.status == 200


def test_what_it_means_is_said_in_words() -> None:
    assert [each.sentence for each in (GOOD, BROKEN, WAITING)] == [
        "config.yaml runs as it stands.",
        "config.yaml has 1 problem: the configuration from before goes on, until the file is mended.",
        "config.yaml has 2 problems: events are accepted and stored, and wait until the file is mended.",
    ]


async def test_a_store_that_is_away_comes_first(serve_admin: ServeAdmin, http: aiohttp.ClientSession) -> None:
    listener = await serve_admin(configuration=lambda: GOOD, ready=lambda: False)
    async with http.get(f"{listener.url}/readyz") as answer:
        assert (answer.status, (await answer.json())["status"]) == (503, "unavailable")


@pytest.mark.parametrize("path", ["/", "/events", "/deliveries", "/rules", "/claims", "/nowhere"])
async def test_every_page_says_it_while_it_is_broken(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, path: str
) -> None:
    """And not when it is good."""
    now = [BROKEN, GOOD]
    listener = await serve_admin(configuration=lambda: now[0])
    async with http.get(f"{listener.url}{path}") as answer:
        assert BROKEN.sentence in await answer.text()
    now.pop(0)
    async with http.get(f"{listener.url}{path}") as answer:
        html = await answer.text()
    assert "goes on" not in html
    assert '<a href="/configuration">configuration 01234567</a>' in html


async def test_the_page_shows_what_is_wrong(serve_admin: ServeAdmin, http: aiohttp.ClientSession) -> None:
    """With its places, and harmless."""
    listener = await serve_admin(configuration=lambda: BROKEN)
    async with http.get(f"{listener.url}/configuration") as answer:
        html = await answer.text()
    assert "<code>config.yaml:3:7</code> <span>rules[0]: unknown key &#39;&lt;b&gt;&#39;</span>" in html
    assert html.count(BROKEN.sentence) == 1
    assert f"<code>{GOOD.digest}</code>" in html
    listener = await serve_admin()
    async with http.get(f"{listener.url}/configuration") as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        (GOOD, ["At work since"]),
        (BROKEN, ["Messages go out as before.", "At work since", "Broken since"]),
        (WAITING, ["Nothing is sent now.", "Broken since", "What waits is sent then."]),
        (replace(GOOD, restart=("store", "listen.admin")), ["<code>store</code>, <code>listen.admin</code>"]),
    ],
)
async def test_the_page_says_what_it_means(
    serve_admin: ServeAdmin, http: aiohttp.ClientSession, configuration: Configuration, said: list[str]
) -> None:
    """For whoever does not know what a configuration is, too: whether messages go out."""
    phrases = ["Nothing is sent now.", "Messages go out as before.", "At work since", "Broken since"]
    listener = await serve_admin(configuration=lambda: configuration)
    async with http.get(f"{listener.url}/configuration") as answer:
        html = await answer.text()
    assert [each for each in said if each not in html] == []
    assert [each for each in phrases if each in html and each not in said] == (
        ["At work since"] if configuration.restart else []
    )


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        (PROBLEM, "config.yaml:3:7", "rules[0]: unknown key '<b>'"),
        ("templates/a.md:14: 'x: y' is wrong", "templates/a.md:14", "'x: y' is wrong"),
        ("config.yaml: the file cannot be read: why", "config.yaml", "the file cannot be read: why"),
        ("C:/my school/a.yaml:1:2: rules: no", "C:/my school/a.yaml:1:2", "rules: no"),
        ("no place", "", "no place"),
    ],
)
def test_a_problem_is_taken_apart(text: str, place: str, sentence: str) -> None:
    assert problem(text) == Problem(place, sentence)


async def test_the_button_loads_the_files(serve_admin: ServeAdmin, http: aiohttp.ClientSession) -> None:
    """And shows what came of it; no page of another site can press it."""
    now = [GOOD]

    async def reload() -> Configuration:
        now[0] = BROKEN
        return BROKEN

    listener = await serve_admin(configuration=lambda: now[0], reload=reload)
    url = f"{listener.url}/configuration"
    async with http.get(url) as answer:
        assert 'action="/configuration/reload"' in await answer.text()
    async with http.post(f"{url}/reload", headers={"Sec-Fetch-Site": "cross-site"}) as answer:
        assert (answer.status, now) == (403, [GOOD])
    async with http.post(f"{url}/reload") as answer:
        assert (answer.status, answer.url.path) == (200, "/configuration")
        assert "Messages go out as before." in await answer.text()
    now[0] = GOOD
    async with http.get(f"{url}?done=reload") as answer:
        assert "are at work." in await answer.text()
    listener = await serve_admin(configuration=lambda: GOOD)
    async with http.post(f"{listener.url}/configuration/reload") as answer:
        assert answer.status == 404


async def test_a_reload_says_what_came_of_it(serve_admin: ServeAdmin, http: aiohttp.ClientSession) -> None:
    """200 for a good one, 409 for a broken one; asking changes nothing."""
    found = [BROKEN, GOOD]

    async def reload() -> Configuration:
        return found.pop(0)

    listener = await serve_admin(configuration=lambda: GOOD, reload=reload)
    url = f"{listener.url}/api/configuration"
    async with http.post(f"{url}/reload") as answer:
        assert answer.status == 409
        broken = await answer.json()
    assert (broken["state"], broken["problems"]) == ("broken", [PROBLEM])
    async with http.post(f"{url}/reload") as answer:
        assert answer.status == 200
        assert (await answer.json())["broken_at"] is None
    async with http.get(url) as answer:
        assert (answer.status, (await answer.json())["digest"]) == (200, GOOD.digest)
    async with http.get(f"{url}/reload") as answer:
        assert answer.status == 405
    async with http.post(f"{url}/reload", headers={"Sec-Fetch-Site": "cross-site"}) as answer:
        assert answer.status == 403
    assert found == []
