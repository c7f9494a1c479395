"""The bridge itself as a source: what breaks and what recovers comes as events, for any rule."""

from __future__ import annotations

from bridge.core.events import Event
from bridge.core.signing import Refused
from bridge.core.trouble import SOURCE
from bridge.sources.base import Malformed, Parsed, Request, Unsupported, Verdict
from bridge.sources.payload import content_of, moment, person, thing

SAMPLE = """{
  "id": "incident-1-started",
  "event": "bridge.channel_paused",
  "kind": "trouble.started",
  "at": "2026-05-04T12:00:00+00:00",
  "data": {
    "subject": "learners",
    "since": "2026-05-04T12:00:00+00:00",
    "count": 1,
    "waiting": 12,
    "why": "server 503: busy",
    "title": "The channel learners is paused",
    "paragraphs": ["Since 12:00 the destination has not been working.", "Messages that wait: 12."],
    "commands": ["bridge channels show learners"],
    "text": "Since 12:00 the destination has not been working.",
    "via": "email:learners"
  }
}"""
"""What an event of trouble carries; all of them have the same shape."""
COMPLETION = """{
  "id": "course-completed-00000000000000000000000000000000",
  "event": "bridge.course_completed",
  "kind": "course.completed",
  "at": "2026-05-04T12:00:00+00:00",
  "learner": { "name": "Maria Aparecida", "email": "maria@aluna.example" },
  "producer": { "name": "Rui Prado", "email": "rui@escola.example" },
  "course": { "id": "4bba1d18c02755a13ee97521ae61958c3cf9e665", "title": "Python Básico" },
  "data": {
    "by": "catalogue",
    "event": { "id": "uufzv5xh659yhlc8hwj386ftf", "type": "nutror.module_completed", "source": "eduzz" }
  }
}"""
"""What a derived completion of a course carries."""


class OwnSource:
    """Reads what the bridge has put into its own inbox; nobody else can."""

    name = SOURCE
    kept_headers: tuple[str, ...] = ()

    def verify(self, request: Request) -> Verdict:  # noqa: ARG002 - nothing that comes from outside is its own
        """Refuse: the bridge does not write to itself over the network."""
        return Refused("missing", "the source 'bridge' is the bridge itself")

    def delivery_key(self, request: Request) -> str:
        """Return the notice's id."""
        body = content_of(request)
        return str(body.get("id", "")) if isinstance(body, dict) else ""

    def parse(self, request: Request) -> Parsed:
        """Turn a notice into its event."""
        body = content_of(request)
        if isinstance(body, Unsupported | Malformed):
            return body
        data = body.get("data")
        return (
            Event(
                type=str(body.get("event", "")),
                kind=str(body.get("kind", "")),
                id=str(body.get("id", "")),
                source=SOURCE,
                occurred_at=moment(body.get("at")) or request.received_at,
                learner=person(body.get("learner")),
                producer=person(body.get("producer")),
                course=thing(body.get("course")),
                data=data if isinstance(data, dict) else {},
                raw=body,
            ),
        )

    def outgoing_headers(self, body: bytes) -> dict[str, str]:  # noqa: ARG002 - there are none
        """Return nothing: no platform sends these."""
        return {}
