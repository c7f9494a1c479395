"""What a platform must be able to do for us: the contract of every file beside this one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct

from bridge.core.events import Event
from bridge.core.signing import Refused


class Request(Struct):
    """One request as it arrived: lower-case header names, raw body, and our time of receipt (aware UTC).

    `content` is what the body says, once somebody has read it: `bridge.sources.payload.content_of`.
    """

    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    content: Any = None


class Authentic(Struct, frozen=True):
    """The signature holds; `secret_index` says which secret made it, -1 where none is asked for."""

    secret_index: int


class Ping(Struct, frozen=True):
    """A console's connection test, signed or not: answered 200, no effects."""

    signed: bool


Verdict = Authentic | Ping | Refused


class Unsupported(Struct, frozen=True):
    """Authentic JSON that is not an event: stored, answered 200, finished with this note."""

    why: str


class Malformed(Struct, frozen=True):
    """Authentic bytes that cannot be read; stored, answered 200, parked with this note."""

    why: str


Parsed = tuple[Event, ...] | Unsupported | Malformed


class Source(Protocol):
    """A configured platform. No method raises on any headers and bytes."""

    @property
    def name(self) -> str:
        """The name under `sources:`, and the last part of the hook's path."""
        ...

    @property
    def kept_headers(self) -> tuple[str, ...]:
        """Lower-case names of the request headers worth storing with the body."""
        ...

    def verify(self, request: Request) -> Verdict:
        """Say whether the platform made this request."""
        ...

    def delivery_key(self, request: Request) -> str:
        """Return what makes this delivery the same as another: the event's id, or a digest of the body."""
        ...

    def parse(self, request: Request) -> Parsed:
        """Turn an authentic request into events."""
        ...

    def outgoing_headers(self, body: bytes) -> dict[str, str]:
        """Return the headers the platform would send with this body, signature included."""
        ...
