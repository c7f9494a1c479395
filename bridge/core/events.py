"""The event: source-neutral facts parsed from one authentic request.

A rule's paths and a template's names are one vocabulary, and `Event.facts` is where it is defined.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

Facts = Mapping[str, object]
"""What conditions and templates see: plain mappings, lists, strings, numbers, booleans, None, datetimes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A learner or a producer; what the platform does not say is None."""

    id: str | None = None
    name: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A course, a module or a lesson; what the platform does not say is None."""

    id: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened on a platform.

    `type` is the platform's own name, `kind` the neutral one. Times are aware UTC.
    `data` and `raw` are the payload as sent, less the secrets that some platforms put inside.
    `test` marks a platform's own activation test: it is run through the rules and withheld.
    """

    type: str
    kind: str
    id: str
    source: str
    occurred_at: datetime
    sent_at: datetime | None = None
    learner: Person | None = None
    producer: Person | None = None
    course: Thing | None = None
    module: Thing | None = None
    lesson: Thing | None = None
    data: Mapping[str, object] = field(default_factory=dict)
    raw: Mapping[str, object] = field(default_factory=dict)
    test: bool = False

    def facts(self) -> dict[str, object]:
        """Return the vocabulary of rules and templates; missing parts are absent, not empty."""
        facts: dict[str, object] = {
            "type": self.type,
            "kind": self.kind,
            "id": self.id,
            "source": self.source,
            "occurred_at": self.occurred_at,
            "data": self.data,
            "raw": self.raw,
            "test": self.test,
        }
        if self.sent_at is not None:
            facts["sent_at"] = self.sent_at
        for name, part in (
            ("learner", self.learner),
            ("producer", self.producer),
            ("course", self.course),
            ("module", self.module),
            ("lesson", self.lesson),
        ):
            known = _known(part)
            if known:
                facts[name] = known
        return facts


TIMES = ("occurred_at", "sent_at")
"""The names whose value is a time; everything else that is not a mapping or a list is as JSON has it."""
PERSON_FIELDS = ("id", "name", "email")
THING_FIELDS = ("id", "title")
VOCABULARY: Mapping[str, tuple[str, ...] | None] = {
    "type": (),
    "kind": (),
    "id": (),
    "source": (),
    "occurred_at": (),
    "sent_at": (),
    "test": (),
    "learner": PERSON_FIELDS,
    "producer": PERSON_FIELDS,
    "course": THING_FIELDS,
    "module": THING_FIELDS,
    "lesson": THING_FIELDS,
    "data": None,
    "raw": None,
}
"""Every top-level name of `Event.facts` with its members: `()` for a plain value, None for any shape."""


def _known(part: Person | Thing | None) -> dict[str, str]:
    match part:
        case None:
            return {}
        case Person(id=id_, name=name, email=email):
            fields = {"id": id_, "name": name, "email": email}
        case Thing(id=id_, title=title):
            fields = {"id": id_, "title": title}
    return {key: value for key, value in fields.items() if value is not None}
