"""Eduzz with one secret, and bodies to try on it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from bridge.core.events import Event
from bridge.sources.base import Request
from bridge.sources.eduzz import EduzzOptions, EduzzSource
from bridge.sources.registry import sample

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def source(*secrets: str) -> EduzzSource:
    """Eduzz with these secrets."""
    return EduzzSource("eduzz", EduzzOptions.model_validate({"type": "eduzz", "secrets": secrets}))


EDUZZ = source("test-secret")


def request(body: bytes | dict[str, object], headers: dict[str, str] | None = None) -> Request:
    """A request received now; a mapping becomes its JSON."""
    return Request(headers or {}, body if isinstance(body, bytes) else json.dumps(body).encode(), NOW)


def event(body: dict[str, object]) -> Event:
    """The one event that a body becomes."""
    result = EDUZZ.parse(request(body))
    assert isinstance(result, tuple)
    (found,) = result
    return found


def body_of(name: str) -> bytes:
    """The body of a sample that is known to be there."""
    body = sample(name)
    assert body is not None
    return body
