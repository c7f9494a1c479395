"""The explanation of an event on its page and in the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from bridge.store.database import Database
from bridge.web.explained import IN_FULL, OTHERS
from bridge.web.listener import Listener
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule

Serve = Callable[..., Awaitable[Listener]]
NEAR = {"course.title": "Pyton Básico", "module.id": "3253"}


@pytest.fixture
async def pipeline(database: Database) -> Pipeline:
    """Two events of one person went through three rules."""
    rules = [
        rule("parabens", action("parabens", "wins", once_per=["learner.email"])),
        rule("quase", action("quase", "wins"), when=NEAR),
        rule("aula", action("aula", "wins"), on="lesson.completed"),
    ]
    made = Pipeline(database, rules, channels(ScriptedChannel("wins")), hide=str)
    await made.run(completion("e1"), completion("e2"))
    return made


async def page(
    serve_admin: Serve, http: aiohttp.ClientSession, pipeline: Pipeline, path: str
) -> tuple[int, str]:
    listener = await serve_admin(explainer=pipeline.explainer)
    async with http.get(f"{listener.url}{path}") as answer:
        return answer.status, await answer.text()


async def plain(
    serve_admin: Serve, http: aiohttp.ClientSession, pipeline: Pipeline, path: str
) -> tuple[int, Any]:
    listener = await serve_admin(explainer=pipeline.explainer)
    async with http.get(f"{listener.url}{path}") as answer:
        return answer.status, await answer.json()


async def test_the_page_says_why(serve_admin: Serve, http: aiohttp.ClientSession, pipeline: Pipeline) -> None:
    """Rules in the order of their nearness; of each what was wanted, found, near, and became of it."""
    status, html = await page(serve_admin, http, pipeline, "/events/2")
    assert status == 200
    places = [html.index(f"<b>{name}</b>") for name in ("parabens", "quase", "aula")]
    assert places == sorted(places)
    for part in (
        "module.id matches, course.title does not",
        "<dt>wanted</dt> <dd>Pyton Básico</dd></div><div><dt>found</dt> <dd>Python Básico</dd>",
        "differs in 1 of 13 characters",
        "not sent: already sent on 4 May 2026 at",
        "claim learner.email=maria@aluna.example",
        "1 more rule",
        "is for lesson.completed, this is module.completed",
    ):
        assert part in html
    assert "bridge explain 2" not in html


async def test_what_a_stranger_wrote_is_text(
    serve_admin: Serve, http: aiohttp.ClientSession, pipeline: Pipeline
) -> None:
    await pipeline.run(completion("e3", course={"title": "<b>Pyton</b> Básico" + "x" * 5000}))
    _, html = await page(serve_admin, http, pipeline, "/events/3")
    assert "&lt;b&gt;Pyton&lt;/b&gt;" in html
    assert "x" * 401 not in html[html.index("<h2>Why") : html.index("<h2>Body")]


async def test_rules_that_changed_are_told(
    serve_admin: Serve, http: aiohttp.ClientSession, pipeline: Pipeline
) -> None:
    """The page shows those of then; the others are one command away."""
    later = replace(pipeline, rules=[rule("outra", action("outra", "wins"))])
    _, html = await page(serve_admin, http, later, "/events/1")
    assert "<b>parabens</b>" in html
    assert "<b>outra</b>" not in html
    assert "<code>bridge explain 1 --now</code>" in html


async def test_a_page_of_many_rules_stays_a_page(
    serve_admin: Serve, http: aiohttp.ClientSession, database: Database
) -> None:
    """The nearest in full, further ones by their headline, and how many there are."""
    rules = [rule(f"r{n}", action(f"r{n}", "wins"), when={"course.title": "Java"}) for n in range(300)]
    made = Pipeline(database, rules, channels(ScriptedChannel("wins")), hide=str)
    await made.run(completion("e1"))
    _, html = await page(serve_admin, http, made, "/events/1")
    assert html.count('class="rule"') == IN_FULL
    assert html.count("course.title does not match") == IN_FULL + OTHERS
    assert f"{300 - IN_FULL} more rules" in html
    assert "bridge explain 1 --rule NAME" in html


async def test_an_event_that_cannot_be_read_has_no_explanation(
    serve_admin: Serve, http: aiohttp.ClientSession, pipeline: Pipeline
) -> None:
    """The page is there all the same; the API says why."""
    await pipeline.run(b"no json")
    status, html = await page(serve_admin, http, pipeline, "/events/3")
    assert (status, "<h2>Why</h2>" in html) == (200, False)
    status, told = await plain(serve_admin, http, pipeline, "/api/events/3/explanation")
    assert status == 409
    assert "event 3 cannot be explained: the body is not JSON" in str(told)


async def test_while_no_rules_are_at_work_an_event_is_there_without_explanation(
    serve_admin: Serve, http: aiohttp.ClientSession, pipeline: Pipeline
) -> None:
    """Since the file is broken; the API does not say that there is no event."""
    listener = await serve_admin(explainer=None)
    async with http.get(f"{listener.url}/api/events/1/explanation") as response:
        told = await response.json()
    assert response.status == 409
    assert told["error"] == "event 1 cannot be explained: no rules are at work, see /configuration"
    async with http.get(f"{listener.url}/api/events/99/explanation") as response:
        assert response.status == 404


async def test_the_api_has_the_same_as_values(
    serve_admin: Serve, http: aiohttp.ClientSession, pipeline: Pipeline
) -> None:
    """As of then, of one rule, or by the rules of now."""
    status, told = await plain(serve_admin, http, pipeline, "/api/events/1/explanation")
    assert status == 200
    assert (told["event"], told["basis"], told["rules_changed"]) == (1, "then", False)
    (event,) = told["events"]
    assert [(each["rule"], each["matched"]) for each in event["rules"]] == [
        ("parabens", True),
        ("quase", False),
        ("aula", False),
    ]
    assert event["rules"][0]["actions"][0]["fate"]["state"] == "delivered"
    assert event["rules"][1]["why"] == "module.id matches, course.title does not"
    _, told = await plain(serve_admin, http, pipeline, "/api/events/1/explanation?rule=aula")
    assert [each["rule"] for each in told["events"][0]["rules"]] == ["aula"]
    _, told = await plain(serve_admin, http, pipeline, "/api/events/1/explanation?basis=now")
    assert told["basis"] == "now"
    status, _ = await plain(serve_admin, http, pipeline, "/api/events/99/explanation")
    assert status == 404
