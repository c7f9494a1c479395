"""Webhooks of every shape: methods, paths, queries, headers, forms, logins, and what answers mean."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bridge.channels.base import Unencodable
from bridge.channels.http import Shared
from bridge.channels.webhook import WebhookChannel
from bridge.channels.webhook_answers import statuses
from bridge.channels.webhook_options import WebhookAction, WebhookOptions
from bridge.core.messages import Slot, Target
from bridge.core.outcomes import Delivered, Outcome, Reason, Rejected, Retry
from tests.support.channels import DELIVERY, SOFTWARE, handed_over, message, opened
from tests.support.clock import FakeClock
from tests.support.http_server import Call, HttpServer, Reply, reply_json

BASE: dict[str, object] = {"allow_private": True}


async def sent(
    fields: Mapping[str, object], settings: Mapping[str, object] | None = None, **more: object
) -> Call:
    """Send one message below `/api?key=1` and return the request that arrived."""
    async with HttpServer() as server:
        raw = {**BASE, "url": f"{server.url}/api?key=1", **more}
        async with opened("webhook", raw) as channel:
            payload = channel.encode(message(fields), settings or {})
            assert isinstance(await channel.send(payload, DELIVERY), Delivered)
    (call,) = server.calls
    return call


async def answered(reply: Reply, **more: object) -> Outcome:
    """Return what an answer means."""
    async with (
        HttpServer(reply) as server,
        opened("webhook", {**BASE, "url": f"{server.url}/x", **more}) as channel,
    ):
        return await channel.send(channel.encode(message(), {}), DELIVERY)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "GET", "OPTIONS", "PURGE"])
async def test_any_method(method: str) -> None:
    """Of the channel, or of one action; those that fetch have no body unless one is given."""
    own_words = {"unsaid": True}
    call = await sent({"json": {"a": 1}}, own_words, method=method)
    again = await sent({"json": {"a": 1}}, {**own_words, "method": method})
    assert call.method == again.method == method
    bodiless = method in ("GET", "DELETE", "OPTIONS")
    assert call.body == again.body == (b"" if bodiless else b'{"a":1}')
    assert ("Content-Type" in call.headers) is not bodiless


async def test_a_delete_has_the_body_that_it_is_given() -> None:
    """Only what nobody asked for is left out."""
    call = await sent({"json": {"a": 1}}, {}, method="DELETE")
    assert (call.method, call.json) == ("DELETE", {"a": 1})


@pytest.mark.parametrize("place", [{"path": "/alunos/7"}, {"query": {"aluno": 7}}])
async def test_a_410_about_a_place_of_its_own_is_about_that_message(place: dict[str, object]) -> None:
    """One learner's record is gone, and the channel goes on for everybody else."""
    server = HttpServer(Reply(200), Reply(410), Reply(410), Reply(410))
    async with server, opened("webhook", {**BASE, "url": f"{server.url}/api"}) as channel:
        usual = channel.encode(message({"json": {}}), {})
        own = channel.encode(message({**place, "json": {}}), {})
        assert isinstance(await handed_over(channel, usual), Delivered)  # a connection is at hand now
        about_it = [await handed_over(channel, own), await channel.send(own, DELIVERY)]
        about_all = await handed_over(channel, usual)
    said = "what is at the message's own `path` or `query` is gone for good"
    assert about_it == [Rejected(Reason.CLIENT, 410, said)] * 2
    assert isinstance(about_all, Rejected)
    assert about_all.gone


async def test_a_form_is_sent_as_a_browser_would() -> None:
    """Lists repeat, null is left out, anything else is text."""
    form = {"nome": "Márcia & Cia", "n": 3, "sim": True, "nada": None, "lista": ["a", "b=c"]}
    call = await sent({"form": form})
    assert call.headers["Content-Type"] == "application/x-www-form-urlencoded"
    expected = [("nome", "Márcia & Cia"), ("n", "3"), ("sim", "true"), ("lista", "a"), ("lista", "b=c")]
    assert parse_qsl(call.body.decode()) == expected


async def test_a_body_has_the_type_it_is_given() -> None:
    """Plain text without one."""
    call = await sent({"body": "<a/>"}, {"type": "text/xml"})
    assert (call.headers["Content-Type"], call.body) == ("text/xml", b"<a/>")
    assert (await sent({"body": "x"})).headers["Content-Type"] == "text/plain; charset=utf-8"


async def test_path_and_query_are_added_to_those_of_the_address() -> None:
    """The key in the address stays, and the host is that of the address whatever stands in the path."""
    call = await sent({"path": "//evil.example/a%2Fb", "query": {"q": "é&=", "n": 1}, "json": {}})
    assert call.path == "/api//evil.example/a%2Fb?key=1&q=%C3%A9%26%3D&n=1"


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_a_value_in_a_query_is_nothing_but_a_value(text: str) -> None:
    """Whatever it is."""
    payload = CRM.encode(message({"query": {"q": text}, "json": {}}), {})
    assert parse_qsl(str(payload.meta["query"]), keep_blank_values=True) == [("q", text)]


@pytest.mark.parametrize("path", ["/..", "/a/../b", "/./a", "/%2e%2E/a", "/a/%2e."])
def test_a_path_leads_nowhere_else(path: str) -> None:
    """A value of dots would make another path of it."""
    with pytest.raises(Unencodable, match="would lead elsewhere"):
        CRM.encode(message({"path": path, "json": {}}), {})


@pytest.mark.parametrize(
    ("source", "came_out", "good"),
    [
        ("/alunos/{{ learner.id }}", "/alunos/", False),
        ("/alunos/{{ learner.id }}", "/alunos/%20%09", False),
        ("/alunos/{{ learner.id }}/notas", "/alunos//notas", False),
        ("/{{ learner.id }}/", "//", False),
        ("/alunos/{{ learner.id }}", "/alunos/7", True),
        ("/alunos/{{ learner.id }}/", "/alunos/7/", True),
        ("/alunos/", "/alunos/", True),
        ("//alunos", "//alunos", True),
    ],
)
def test_a_value_without_letters_leads_nowhere(source: str, came_out: str, good: bool) -> None:
    """To delete one thing is not to delete all of them: a path that lost a part is not asked for."""
    settings = WebhookAction.model_validate({"path": source, "method": "DELETE"}).settings()
    fields = {"path": came_out, "json": {}}
    if good:
        assert CRM.encode(message(fields), settings).meta["path"] == came_out
    else:
        with pytest.raises(Unencodable, match="came out with a part that is empty"):
            CRM.encode(message(fields), settings)


def test_paths_and_queries_are_bounded() -> None:
    """Servers refuse them otherwise, each in its own words."""
    with pytest.raises(Unencodable, match="longer than"):
        CRM.encode(message({"path": "/" + "a" * 4001, "json": {}}), {})
    with pytest.raises(Unencodable, match="longer than"):
        CRM.encode(message({"query": {"q": "a" * 4001}, "json": {}}), {})


async def test_headers_of_an_action_come_beside_those_of_the_channel() -> None:
    """The channel's come first: an event does not choose who logs in."""
    fields = {"header.X-Course": "7", "header.Authorization": "Bearer other", "json": {}}
    call = await sent(fields, headers={"X-Team": "a"}, bearer="t" * 20)
    assert (call.headers["X-Course"], call.headers["X-Team"]) == ("7", "a")
    assert call.headers["Authorization"] == "Bearer " + "t" * 20


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "Márcia", "\x00", "\x7f"])
def test_a_header_is_one_line_of_ascii(value: str) -> None:
    """Rendering makes one line of a value; what is left is refused."""
    with pytest.raises(Unencodable, match="headers cannot carry"):
        CRM.encode(message({"header.X-Name": value, "json": {}}), {})


async def test_basic_and_bearer_log_in_and_are_not_shown() -> None:
    """Not in the answer that repeats them either."""
    basic = {"user": "ana", "password": "uma-senha-longa"}
    call = await sent({"json": {}}, basic=basic)
    assert base64.b64decode(call.headers["Authorization"].removeprefix("Basic ")) == b"ana:uma-senha-longa"
    echo = Reply(400, f"uma-senha-longa {call.headers['Authorization']}".encode())
    found = await answered(echo, basic=basic)
    assert "uma-senha" not in repr(found)
    assert call.headers["Authorization"].removeprefix("Basic ") not in repr(found)


OK = reply_json({"ok": True, "result": {"id": 7}})
NOT_OK = reply_json({"ok": False, "error": {"code": "bad", "wait": 7}})
BUSY = reply_json({"ok": False, "error": {"code": "busy", "wait": 7}})
HTML = Reply(200, b"<html>")


@pytest.mark.parametrize(
    ("reply", "options", "kind"),
    [
        (Reply(409, b"exists"), {"success": ["200-299", 409]}, Delivered),
        (Reply(200), {"success": [201]}, Rejected),
        (Reply(201), {"success": 201}, Delivered),
        (Reply(503), {"success": [201]}, Retry),
        (Reply(404), {"success": ["200-404"]}, None),
        (OK, {"success_if": {"ok": True}}, Delivered),
        (NOT_OK, {"success_if": {"ok": True}}, Rejected),
        (HTML, {"success_if": {"ok": True}}, Rejected),
        (OK, {"success_if": {"result.id": {"gte": 7}}}, Delivered),
        (OK, {"success_if": {"any": [{"ok": False}, {"result.id": 7}]}}, Delivered),
        (BUSY, {"success_if": {"ok": True}, "retry_if": {"error.code": "busy"}}, Retry),
        (NOT_OK, {"success_if": {"ok": True}, "retry_if": {"error.code": "busy"}}, Rejected),
        (Reply(503, b"{"), {"success_if": {"ok": True}}, Retry),
        (Reply(400, b'{"ok": true}'), {"success_if": {"ok": True}}, Rejected),
    ],
)
async def test_an_answer_counts_as_the_channel_says(
    reply: Reply, options: dict[str, object], kind: type[Outcome] | None
) -> None:
    """By status and by what stands in it."""
    if kind is None:
        with pytest.raises(ValidationError, match="redirects"):
            await answered(reply, **options)
        return
    assert type(await answered(reply, **options)) is kind


@pytest.mark.parametrize(
    ("wait", "header", "after"),
    [
        (7, None, timedelta(seconds=7)),
        ("1.5", None, timedelta(seconds=1.5)),
        (7, "3", timedelta(seconds=3)),
        ("soon", None, None),
        (-1, None, None),
        (1e12, None, None),
        ([1], None, timedelta(seconds=1)),
        ({}, None, None),
    ],
)
async def test_an_answer_says_how_long_to_wait(
    wait: object, header: str | None, after: timedelta | None
) -> None:
    """Where the header does not."""
    more = {"Retry-After": header} if header else {}
    body = reply_json({"error": {"wait": wait}}, 429)
    found = await answered(Reply(429, body.body, {**body.headers, **more}), retry_after="error.wait")
    assert found == Retry(Reason.RATE_LIMITED, 429, getattr(found, "answer", ""), after)


async def test_an_answer_that_is_not_there_in_full_is_not_judged() -> None:
    """One that broke off is asked for again, as after any lost answer; one that is too long is told of."""
    more = {"success_if": {"ok": True}}
    broken = await answered(Reply(200, b'{"ok": true}', reset_after=5), **more)
    assert isinstance(broken, Retry)
    assert broken.answer == 'the answer broke off, so `success_if` cannot be judged: {"ok"'
    long = await answered(Reply(200, b'{"ok": true, "log": "' + b"x" * 70_000 + b'"}'), **more)
    assert isinstance(long, Rejected)
    assert long.answer == "the answer is longer than 64 KiB, so `success_if` cannot be judged"
    whole = await answered(Reply(200, b'{"ok": true}', reset_after=12), **more)
    assert isinstance(whole, Delivered)


@given(st.text(max_size=12))
def test_any_text_is_statuses_or_refused(text: str) -> None:
    """With a sentence."""
    try:
        found = statuses(text)
    except ValueError as error:
        found, said = range(200, 300), str(error)
    else:
        said = "expected"
    assert "expected" in said or "redirects" in said
    assert 200 <= found.start <= found.stop - 1 <= 599


URL = "https://crm.example/hooks"
CRM = WebhookChannel(
    "crm",
    WebhookOptions.model_validate({"type": "webhook", "url": URL}),
    Shared(FakeClock(), SOFTWARE),
)
BASIC = {"user": "a", "password": "b"}


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({"method": "post"}, "in capitals"),
        ({"method": "HEAD"}, "no answer to look at"),
        ({"method": "CONNECT"}, "makes tunnels"),
        ({"basic": BASIC, "bearer": "x" * 8}, "keep one of them"),
        ({"basic": BASIC, "url": "https://a:b@crm.example/"}, "keep one of them"),
        ({"bearer": "x y"}, "copy it again"),
        ({"basic": {"user": "a:b", "password": "c"}}, "pattern"),
        ({"success": []}, "200-299"),
        ({"success": ["2xx"]}, "a status such as 409"),
        ({"success": ["299-200"]}, "the lower one first"),
        ({"success": [True]}, "200-299"),
        ({"success_if": "ok"}, "expected paths"),
        ({"success_if": {"ok": {"prefx": "x"}}}, "did you mean 'prefix'"),
        ({"retry_if": {"a b": 1}}, "is not a path"),
        ({"retry_after": "a..b"}, "is not a path"),
        ({"values": {"chat_id": "1"}}, "a channel without `preset`"),
        ({"preset": "telegram"}, "needs `values: { chat_id: … }`"),
        ({"preset": "discord", "values": {"x": "1"}}, "has no value 'x'"),
        ({"preset": "discord", "method": "GET"}, "a GET has none"),
        ({"preset": "slack"}, "discord"),
    ],
)
def test_options_are_checked(raw: dict[str, object], sentence: str) -> None:
    """Each mistake has a sentence."""
    with pytest.raises(ValidationError) as refused:
        WebhookOptions.model_validate({"type": "webhook", "url": URL, **raw})
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({"json": {}, "form": {}}, "`json` and `form` exclude each other"),
        ({"text": "x", "template": "y", "body": "z"}, "`text`, `template` and `body` exclude each other"),
        ({"content_type": "text/xml"}, "or write `body`"),
        ({"body": "x", "content_type": "xml"}, "a media type"),
        ({"method": "GET", "json": {}}, "a GET has no body"),
        ({"path": "alunos"}, "begins with '/'"),
        ({"path": "/a?b=1"}, "stands under `query`"),
        ({"path": "/a#b"}, "stands under `query`"),
        ({"headers": {"Content-Type": "x"}}, "`content_type` instead"),
        ({"headers": {"Host": "x"}}, "is set by the bridge"),
        ({"headers": {"a b": "x"}}, "letters, digits and '-'"),
    ],
)
def test_actions_are_checked(raw: dict[str, object], sentence: str) -> None:
    """Each mistake has a sentence."""
    with pytest.raises(ValidationError) as refused:
        WebhookAction.model_validate(raw)
    assert sentence in str(refused.value)


def test_an_action_says_what_must_be_rendered_and_how() -> None:
    """A path as part of an address, headers on one line, the rest as structures."""
    raw = {
        "path": "/a/{{ id }}",
        "query": {"q": "{{ id }}"},
        "headers": {"X-A": "{{ id }}"},
        "form": {"f": "{{ id }}"},
    }
    slots = WebhookAction.model_validate({**raw, "method": "PUT"}).slots()
    assert slots == {
        "path": Slot(Target.URL, "/a/{{ id }}", ("path",)),
        "query": Slot(Target.JSON, {"q": "{{ id }}"}, ("query",)),
        "header.X-A": Slot(Target.HEADER, "{{ id }}", ("headers", "X-A")),
        "form": Slot(Target.JSON, {"f": "{{ id }}"}, ("form",)),
    }
