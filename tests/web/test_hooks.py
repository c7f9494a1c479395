"""What a sender is told at `/hooks/{source}`: the table of PRODUCT section 7, over real sockets."""

from __future__ import annotations

import asyncio
import io
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from bridge.pipeline.answer import Answer
from bridge.web.limits import Limits
from bridge.web.listener import Listener
from tests.support.clock import FakeClock
from tests.web.fakes import GOOD, FakeIngest, RecordingLog

Serve = Callable[..., Awaitable[Listener]]


async def test_an_authentic_request_is_handed_over_byte_for_byte(
    serve: Serve, ingest: FakeIngest, http: aiohttp.ClientSession
) -> None:
    """The pipeline gets the raw body, lower-case header names and the source's name; the sender gets JSON."""
    listener = await serve()
    body = b'{"event": "nutror.module_completed",\n "name": "\xc3\xa7\xff"}\n'
    async with http.post(f"{listener.url}/hooks/eduzz?a=1", data=body, headers=GOOD) as response:
        assert (response.status, await response.json()) == (200, {"status": "accepted"})
        assert response.headers["Content-Type"] == "application/json"
        assert "aiohttp" not in response.headers["Server"]
    (taken,) = ingest.taken
    assert (taken.source, taken.body, taken.headers["x-signature"]) == ("eduzz", body, "good")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_console_may_probe(serve: Serve, http: aiohttp.ClientSession, method: str) -> None:
    """GET and HEAD of a source's path are answered 200."""
    listener = await serve()
    async with http.request(method, f"{listener.url}/hooks/eduzz") as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/hooks/hotmart", GOOD, 404),
        ("GET", "/hooks/hotmart", {}, 404),
        ("POST", "/hooks/", GOOD, 404),
        ("POST", "/hooks/eduzz/", GOOD, 404),
        ("POST", "/hooks/a%0Ab", GOOD, 404),
        ("GET", "/", {}, 404),
        ("GET", "/admin", {}, 404),
        ("PUT", "/hooks/eduzz", GOOD, 405),
        ("DELETE", "/hooks/eduzz", {}, 405),
        ("OPTIONS", "/hooks/eduzz", {}, 405),
        ("POST", "/hooks/eduzz", {**GOOD, "content-type": "text/plain"}, 415),
        ("POST", "/hooks/eduzz", {**GOOD, "content-type": "application/x-www-form-urlencoded"}, 415),
        ("POST", "/hooks/eduzz", {**GOOD, "content-type": "+json"}, 415),
        ("POST", "/hooks/eduzz", {**GOOD, "content-encoding": "br"}, 415),
        ("POST", "/hooks/eduzz", {"content-type": "application/json"}, 401),
    ],
)
async def test_what_is_not_taken_has_its_own_answer(
    serve: Serve,
    ingest: FakeIngest,
    http: aiohttp.ClientSession,
    method: str,
    path: str,
    headers: Any,
    status: int,
) -> None:
    """Every refusal has the documented status and a JSON body that says what was expected."""
    listener = await serve()
    async with http.request(method, listener.url + path, data=b"{}", headers=headers) as response:
        body = await response.json()
        assert response.status == status
        assert body["status"] == "refused"
        assert body["error"]
        assert ("Allow" in response.headers) == (status == 405)
    assert ingest.taken == []


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/cloudevents+json",
        "application/vnd.escola.v1+JSON;q=1",
        "",
    ],
)
async def test_json_by_any_name_is_taken(
    serve: Serve, ingest: FakeIngest, http: aiohttp.ClientSession, content_type: str
) -> None:
    """JSON media types are taken in any spelling, with parameters, and when none is given."""
    listener = await serve()
    headers = {**GOOD, "content-type": content_type}
    async with http.post(f"{listener.url}/hooks/eduzz", data=b"{}", headers=headers) as response:
        assert response.status == 200


async def test_no_content_type_is_taken_as_json(
    serve: Serve, ingest: FakeIngest, http: aiohttp.ClientSession
) -> None:
    """A sender that names no content type is believed to send JSON."""
    listener = await serve()
    url, signed = f"{listener.url}/hooks/eduzz", {"x-signature": "good"}
    async with http.post(url, data=b"{}", headers=signed, skip_auto_headers=["content-type"]) as response:
        assert response.status == 200


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip"])
async def test_an_encoded_body_is_refused_before_it_unfolds(
    serve: Serve, ingest: FakeIngest, http: aiohttp.ClientSession, encoding: str
) -> None:
    """A body with a Content-Encoding is answered 415, so a small one cannot unfold into a large one."""
    listener = await serve()
    headers = {**GOOD, "content-encoding": encoding}
    async with http.post(
        f"{listener.url}/hooks/eduzz", data=b"\x1f\x8b" + bytes(99), headers=headers
    ) as response:
        assert response.status == 415
        assert "Content-Encoding" in (await response.json())["error"]


@pytest.mark.parametrize(("extra", "status"), [(0, 200), (1, 413)])
async def test_a_body_has_at_most_one_mebibyte(
    serve: Serve, ingest: FakeIngest, http: aiohttp.ClientSession, extra: int, status: int
) -> None:
    """The limit is 1 MiB exactly, whether the length is announced or not."""
    listener = await serve()
    size = 1024 * 1024 + extra

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, size, 65536):
            yield bytes(min(65536, size - start))

    for body in (io.BytesIO(bytes(size)), chunks()):
        async with http.post(f"{listener.url}/hooks/eduzz", data=body, headers=GOOD) as response:
            assert response.status == status
    assert [len(taken.body) for taken in ingest.taken] == ([size] * 2 if status == 200 else [])


async def test_an_endless_body_is_not_read_to_its_end(
    serve: Serve, ingest: FakeIngest, http: aiohttp.ClientSession
) -> None:
    """Reading stops soon after the limit; the sender is told 413 and cut off."""
    listener = await serve(Limits(body_bytes=1000, lingering_s=0.05))
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65536
            yield bytes(65536)
            await asyncio.sleep(0)

    try:
        async with http.post(f"{listener.url}/hooks/eduzz", data=endless(), headers=GOOD) as response:
            assert response.status == 413
    except aiohttp.ClientConnectionError:
        pass  # cut off while still sending
    assert ingest.taken == []


@pytest.mark.parametrize("whole", [True, False])
async def test_the_store_being_away_is_passed_on(
    serve: Serve, ingest: FakeIngest, http: aiohttp.ClientSession, *, whole: bool
) -> None:
    """503 carries Retry-After, so that the platform tries again, whichever way the request took."""
    ingest.answer = Answer(503, {"status": "unavailable"}, retry_after=10)
    listener = await serve()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"{}"

    data = b"{}" if whole else chunks()
    async with http.post(f"{listener.url}/hooks/eduzz", data=data, headers=GOOD) as response:
        assert (response.status, response.headers["Retry-After"]) == (503, "10")


async def test_too_many_refusals_are_answered_429_and_no_longer_diagnosed(
    serve: Serve, ingest: FakeIngest, http: aiohttp.ClientSession, clock: FakeClock
) -> None:
    """After the allowed refusals comes 429 with Retry-After; waiting that long earns one full answer."""
    listener = await serve(Limits(refusals=3, refusals_per_minute=6))

    async def knock() -> tuple[int, str | None]:
        async with http.post(f"{listener.url}/hooks/eduzz", data=b"{}") as response:
            return response.status, response.headers.get("Retry-After")

    headers = {"content-type": "application/json"}
    http.headers.update(headers)
    assert [await knock() for _ in range(5)] == [(401, None)] * 3 + [(429, "10")] * 2
    assert ingest.refused == 3
    clock.advance(seconds=10)
    assert [await knock() for _ in range(2)] == [(401, None), (429, "10")]


async def test_every_kind_of_refusal_counts(
    serve: Serve, http: aiohttp.ClientSession, log: RecordingLog
) -> None:
    """Unknown sources and wrong types use the same allowance, and stop being logged with it."""
    listener = await serve(Limits(refusals=2, refusals_per_minute=1))
    async with http.post(
        f"{listener.url}/hooks/eduzz", data=b"{}", headers={"content-type": "text/html"}
    ) as one:
        assert one.status == 415
    for status in (404, 429, 429):
        async with http.get(f"{listener.url}/hooks/wordpress") as response:
            assert response.status == status
    assert [fields["status"] for _, event, fields in log.lines if event == "request refused"] == [415, 404]


async def test_an_authentic_request_is_never_limited(
    serve: Serve, ingest: FakeIngest, http: aiohttp.ClientSession
) -> None:
    """From an address over its limit, signed requests and pings pass, and forged ones go on being refused."""
    listener = await serve(Limits(refusals=1, refusals_per_minute=1))
    forged = {"content-type": "application/json", "x-signature": "bad"}
    for headers, body, status in [
        (forged, b"{}", 401),
        (forged, b"{}", 429),
        (GOOD, b"{}", 200),
        (forged, b'{"event":"ping"}', 200),
        (forged, b"{}", 429),
        (GOOD, b"{}", 200),
    ]:
        async with http.post(f"{listener.url}/hooks/eduzz", data=body, headers=headers) as response:
            assert response.status == status
    assert len(ingest.taken) == 3


async def test_a_forwarded_address_counts_only_from_a_known_proxy(
    serve: Serve, http: aiohttp.ClientSession
) -> None:
    """X-Forwarded-For is no way round the limit; behind a configured proxy each caller has its own."""
    limits = Limits(refusals=1, refusals_per_minute=1)
    direct = await serve(limits)
    proxied = await serve(limits, proxies=[ipaddress.ip_network("127.0.0.0/8")])

    async def knock(listener: Listener, forwarded: str) -> int:
        async with http.get(f"{listener.url}/hooks/x", headers={"X-Forwarded-For": forwarded}) as response:
            return response.status

    assert [await knock(direct, caller) for caller in ("203.0.113.1", "203.0.113.2")] == [404, 429]
    assert [await knock(proxied, caller) for caller in ("203.0.113.1", "203.0.113.2")] == [404, 404]


async def test_our_own_mistake_shows_nothing_of_itself(
    serve: Serve, ingest: FakeIngest, http: aiohttp.ClientSession, log: RecordingLog
) -> None:
    """An unforeseen error is a plain 500 for the sender and a traceback for us."""
    ingest.fails_with = LookupError("a secret detail")
    listener = await serve()
    async with http.post(f"{listener.url}/hooks/eduzz", data=b"{}", headers=GOOD) as response:
        assert (response.status, await response.text()) == (500, '{"status":"failed"}')
    assert log.levels() == {"exception"}


async def test_health_says_whether_events_can_be_taken(serve: Serve, http: aiohttp.ClientSession) -> None:
    """`/healthz` follows `ready`, and takes GET and HEAD only."""
    state = {"ready": False}
    listener = await serve(ready=lambda: state["ready"])
    for ready, method, status in [
        (False, "GET", 503),
        (True, "GET", 200),
        (True, "HEAD", 200),
        (True, "POST", 405),
    ]:
        state["ready"] = ready
        async with http.request(method, f"{listener.url}/healthz") as response:
            assert response.status == status


async def test_nothing_of_a_request_but_its_path_is_logged(
    serve: Serve, http: aiohttp.ClientSession, log: RecordingLog
) -> None:
    """Refusals are logged without query, headers or body, and with a path that cannot break the line."""
    listener = await serve()
    url = f"{listener.url}/hooks/a%0A%1Bb?token=s3cret"
    async with http.post(url, data=b"s3cret", headers={"x-token": "s3cret"}) as response:
        assert response.status == 404
    assert "s3cret" not in repr(log.lines)
    assert "\\n" not in repr(log.lines)
