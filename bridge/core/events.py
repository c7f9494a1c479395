"""The event: source-neutral facts parsed from one authentic request.

A rule's paths and a template's names are one vocabulary, and `Event.facts` is where it is defined.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, field

Facts = Mapping[str, object]
"""What conditions and templates see: plain mappings, lists, strings, numbers, booleans, None, datetimes."""


class Person(Struct, frozen=True, kw_only=True):
    """A learner or a producer; what the platform does not say is None."""

    id: str | None = None
    name: str | None = None
    email: str | None = None

    def known(self) -> dict[str, str]:
        """Return what the platform says, by name."""
        known = {}
        if self.id is not None:
            known["id"] = self.id
        if self.name is not None:
            known["name"] = self.name
        if self.email is not None:
            known["email"] = self.email
        return known


class Thing(Struct, frozen=True, kw_only=True):
    """A course, a module or a lesson; what the platform does not say is None."""

    id: str | None = None
    title: str | None = None

    def known(self) -> dict[str, str]:
        """Return what the platform says, by name."""
        known = {}
        if self.id is not None:
            known["id"] = self.id
        if self.title is not None:
            known["title"] = self.title
        return known


class Progress(Struct, frozen=True):
    """How far a learner is in a course of the catalogue: modules done, and how many there are."""

    done: int
    total: int

    @property
    def percent(self) -> int:
        """Return how much of the course is done, in hundredths; 100 means all of it."""
        return self.done * 100 // self.total

    @property
    def complete(self) -> bool:
        """Return whether nothing is left to do."""
        return self.done == self.total

    def known(self) -> dict[str, int | bool]:
        """Return what is known of it, by name."""
        return {"done": self.done, "total": self.total, "percent": self.percent, "complete": self.complete}


class Event(Struct, frozen=True, kw_only=True):
    """One thing that happened on a platform.

    `type` is the platform's own name, `kind` the neutral one. Times are aware UTC.
    `data` and `raw` are the payload as sent, less the secrets that some platforms put inside.
    `test` marks a platform's own activation test: it is run through the rules and withheld.
    `finishes_course` says that by the platform's own count nothing of the course is left.
    `progress` and `last_module` are what the catalogue adds, see `bridge.core.catalogue`.
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
    finishes_course: bool = False
    progress: Progress | None = None
    last_module: bool | None = None

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
        if self.learner is not None and (person := self.learner.known()):
            facts["learner"] = person
        if self.producer is not None and (person := self.producer.known()):
            facts["producer"] = person
        if self.course is not None and (thing := self.course.known()):
            facts["course"] = thing
        if self.module is not None and (thing := self.module.known()):
            facts["module"] = thing
        if self.lesson is not None and (thing := self.lesson.known()):
            facts["lesson"] = thing
        if self.last_module is not None and self.module is not None:
            facts["module"] = {**self.module.known(), "is_last": self.last_module}
        if self.progress is not None:
            facts["progress"] = self.progress.known()
        return facts


TIMES = ("occurred_at", "sent_at")
"""The names whose value is a time; everything else that is not a mapping or a list is as JSON has it."""
PERSON_FIELDS = ("id", "name", "email")
THING_FIELDS = ("id", "title")
PROGRESS_FIELDS = ("done", "total", "percent", "complete")
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
    "module": (*THING_FIELDS, "is_last"),
    "lesson": THING_FIELDS,
    "progress": PROGRESS_FIELDS,
    "data": None,
    "raw": None,
}
"""Every top-level name of `Event.facts` with its members: `()` for a plain value, None for any shape."""
OF_MESSAGE: Mapping[str, tuple[str, ...] | None] = {**VOCABULARY, "items": None, "count": ()}
"""The names that a message may use: of one about several events `items` are the facts of each, in order."""
OF_CATALOGUE = ("progress", "module.is_last")
"""The paths, and those below them, that only events of catalogued courses have."""
