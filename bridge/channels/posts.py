"""Requests with a body to one address: what is the same in all of them, written once, and one exchange."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import ClientError
from yarl import URL  # as aiohttp reads addresses

from bridge.channels.answers import Answer, shown
from bridge.channels.pool import Place, Pool
from bridge.channels.wire import Reply

_DEFAULTS = {"Accept": "*/*", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Form:
    """All requests to one address: where they go, and how each begins. Both hold secrets."""

    place: Place = field(repr=False)
    head: bytes = field(repr=False)

    def with_type(self, kind: str) -> Form:
        """Return the form of requests that say what their body is.

        Raises ValueError for one that is not one line of ASCII text.
        """
        if not kind.isprintable():
            raise ValueError("a header is one line of text")
        return Form(self.place, self.head + f"Content-Type: {kind}\r\n".encode("ascii"))

    def filled(self, lines: str, body: bytes) -> bytes:
        """Return one request. `lines` are what its head has of its own, each with its end.

        Raises ValueError for letters that are not ASCII.
        """
        return self.head + f"{lines}Content-Length: {len(body)}\r\n\r\n".encode("ascii") + body


def form(method: str, address: str, headers: Mapping[str, str], *, private: bool) -> Form:
    """Return the form of requests to `address`, whose user and password log in (RFC 7617).

    Raises ValueError for an address that cannot stand in a request.
    """
    url = URL(address)
    if url.raw_host is None or url.port is None:
        raise ValueError("the address names no host")
    fixed = {"Host": str(url.host_port_subcomponent), **_DEFAULTS, **_login(url)}
    given = {name.title(): value for name, value in headers.items()}
    lines = [f"{method} {url.raw_path_qs} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in {**fixed, **given}.items()]
    if not all(line.isprintable() for line in lines):
        raise ValueError("a header is one line of text")
    head = "".join(f"{line}\r\n" for line in lines).encode("ascii")
    return Form(Place(url.scheme == "https", url.raw_host, url.port, private), head)


async def replied(pool: Pool, form: Form, request: bytes, *, limit_s: float) -> Reply | Exception:
    """Send one request and return the answer as it came, or the error that came instead.

    `failure` says what the error means. It only raises if cancelled. The status line decides: an answer that
    breaks off behind it, or does not end, still is one. It may repeat secrets, so what is kept of it is
    `answered`.
    """
    deadline = asyncio.get_running_loop().time() + limit_s
    try:
        return await pool.exchange(form.place, request, deadline=deadline)
    except (ClientError, OSError, ValueError) as error:
        return error


def answered(reply: Reply, hidden: tuple[str, ...]) -> Answer:
    """Return what may be kept of an answer.

    `hidden` are the `spellings` of what is not shown wherever the answer repeats it.
    """
    return Answer(reply.status, reply.retry_after, shown(reply.body, hidden))


def _login(url: URL) -> dict[str, str]:
    if url.raw_user is None and url.raw_password is None:
        return {}
    words = f"{url.user or ''}:{url.password or ''}"
    try:
        raw = words.encode("latin-1")  # what servers have expected for longest
    except UnicodeEncodeError:
        raw = words.encode()
    return {"Authorization": "Basic " + base64.b64encode(raw).decode()}
