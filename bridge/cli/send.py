"""`bridge send`: an event signed and posted as its platform does."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from urllib.parse import urlsplit

import aiohttp
import typer
from msgspec import Struct
from pydantic import BaseModel
from yarl import URL

from bridge.cli.asked import Sending
from bridge.cli.body import Change, apply, parse_changes, read_body, write_body
from bridge.cli.event import Found, find_body, pick_source, say_added
from bridge.cli.exits import ExitCode, misused, unavailable
from bridge.cli.fresh import fresh as fresh_changes
from bridge.cli.opening import config_to_send
from bridge.cli.options import Setup
from bridge.cli.tables import show, show_json
from bridge.cli.text import one_line
from bridge.clock import Clock, SystemClock
from bridge.config.load import Loaded
from bridge.core.addresses import url_from_here
from bridge.sources.base import Request, Source

TIMEOUT_S = 30
LINES = 10
"""Answers that are printed one by one; of more, only what is unusual, and a summary."""


class Outgoing(Struct, frozen=True):
    """One request: its body, headers, and how the source will know the event (a ping is none)."""

    id: str | None
    body: bytes
    headers: Mapping[str, str]


class Sent(Struct, frozen=True):
    """What came back."""

    id: str | None
    status: int
    answer: str
    ms: int

    @property
    def ok(self) -> bool:
        """Whether the platform would be content."""
        return 200 <= self.status < 300


def send(setup: Setup, sending: Sending) -> None:
    """Post the event; exits with 1 unless every answer is 2xx."""
    clock = SystemClock()
    loaded = config_to_send(setup)
    changes = parse_changes(sending.changes)
    found = find_body(loaded, sending.event)
    source = pick_source(loaded, found, sending.source)
    url = _url(loaded, sending.url, source.name)
    requests = _requests(loaded, sending, changes, found, source, clock)
    for change in changes:
        say_added(found, change)
    if sending.dry_run:
        _rehearse(url, next(requests), sending.json)
        return
    sent = asyncio.run(_post_all(url, requests, sending, clock))
    if sending.json:
        show_json([{"id": one.id, "status": one.status, "answer": one.answer, "ms": one.ms} for one in sent])
    if not all(one.ok for one in sent):
        raise typer.Exit(ExitCode.PROBLEMS)


def _requests(
    loaded: Loaded, sending: Sending, changes: list[Change], found: Found, source: Source, clock: Clock
) -> Iterator[Outgoing]:
    options = loaded.config.sources[source.name]
    for _ in range(sending.repeat):
        body = _body(sending, changes, found, options, clock.now())
        headers = source.outgoing_headers(body)
        key = None if found.is_ping else source.delivery_key(Request(headers, body, clock.now()))
        yield Outgoing(key, body, _unsigned(source, body, headers) if sending.unsigned else headers)


def _body(sending: Sending, changes: list[Change], found: Found, options: BaseModel, now: datetime) -> bytes:
    fresh = sending.fresh_id and not found.is_ping
    if not fresh and not changes:
        return found.body  # to the byte: only then is it the same delivery
    body = read_body(found.body, found.origin)
    if fresh:
        for change in list(fresh_changes(options, body, now)):
            apply(body, change)
    for change in changes:
        apply(body, change)
    return write_body(body)


def _unsigned(source: Source, body: bytes, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers without the signature: the one that changes with a byte of the body."""
    other = source.outgoing_headers(body + b" ")
    return {name: value for name, value in headers.items() if other.get(name) == value}


def _url(loaded: Loaded, given: str | None, source: str) -> str:
    address = loaded.config.listen.public
    if given is None and address.port == 0:
        raise misused("the public listener takes any free port; say which with --url")
    url = given or url_from_here(address.host, address.port)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise misused(f"'{url}' is not an address; expected one such as http://127.0.0.1:8080")
    return url if parts.path.strip("/") else f"{url.rstrip('/')}/hooks/{source}"


def _rehearse(url: str, request: Outgoing, json: bool) -> None:
    if json:
        show_json(
            {"url": url, "headers": dict(request.headers), "body": request.body.decode("utf-8", "replace")}
        )
        return
    show(f"POST {url}")
    for name, value in request.headers.items():
        show(f"{name}: {one_line(value)}")
    show()
    show(request.body.decode("utf-8", "replace"))


async def _post_all(url: str, requests: Iterator[Outgoing], sending: Sending, clock: Clock) -> list[Sent]:
    sent: list[Sent] = []
    began = clock.monotonic()
    hidden = sending.repeat <= LINES or not sys.stderr.isatty()
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        with typer.progressbar(length=sending.repeat, file=sys.stderr, hidden=hidden) as bar:
            for request in requests:
                one = await _post(session, url, request, clock)
                sent.append(one)
                bar.update(1)
                if not sending.json and (sending.repeat <= LINES or not one.ok):
                    event = f"  event {one.id}" if one.id else ""
                    show(f"{one.status} {one_line(one.answer, 200)}{event}  {one.ms} ms")
    if not sending.json and sending.repeat > LINES:
        counts = ", ".join(
            f"{count} answered {status}"
            for status, count in sorted(Counter(one.status for one in sent).items())
        )
        took = clock.monotonic() - began
        show(f"{len(sent)} sent in {took:.1f} s: {counts}")
    return sent


async def _post(session: aiohttp.ClientSession, url: str, request: Outgoing, clock: Clock) -> Sent:
    began = clock.monotonic()
    try:
        async with session.post(
            URL(url, encoded=True), data=request.body, headers=request.headers, allow_redirects=False
        ) as response:
            answer = (await response.content.read(2000)).decode("utf-8", "replace").strip()
            return Sent(request.id, response.status, answer, round((clock.monotonic() - began) * 1000))
    except TimeoutError:
        raise unavailable(f"{url} gave no answer within {TIMEOUT_S} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        hint = "is the bridge running? `bridge run` starts it"
        raise unavailable(f"{url} cannot be reached: {_why(error)}", hint) from None


def _why(error: Exception) -> str:
    """Return what went wrong without aiohttp's repetition of the address."""
    cause = getattr(error, "os_error", error)
    number = getattr(cause, "errno", None)
    return os.strerror(number) if number else str(cause) or type(error).__name__
