"""What the sender of an event is told."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

RETRY_AFTER_S = 10


class Answer(Struct, frozen=True):
    """What the sender is told: an HTTP status, a small JSON body, and when to come back (seconds)."""

    status: int
    body: Mapping[str, str] = field(default_factory=dict)
    retry_after: int | None = None


ACCEPTED = Answer(200, {"status": "accepted"})
PONG = Answer(200, {"status": "pong"})
REFUSED = Answer(401, {"status": "refused", "error": "the signature is missing or does not match"})
FAILED = Answer(500, {"status": "failed"})
UNAVAILABLE = Answer(503, {"status": "unavailable", "error": "the store cannot be written"}, RETRY_AFTER_S)
