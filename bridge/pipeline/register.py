"""What learners have done in courses: noted before the rules see an event, and read again later.

An event of a course that is not in the catalogue costs nothing here, unless it says that the course is done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from bridge.core.catalogue import (
    Catalogue,
    Course,
    as_of,
    completes,
    completion,
    mark_of,
    new_module,
    own_mark,
    told,
)
from bridge.core.events import Event
from bridge.core.identity import completion_name, entry_key, learner_key
from bridge.core.trouble import SOURCE, Trouble
from bridge.pipeline.compose import Unready, event_of
from bridge.pipeline.node import Node
from bridge.pipeline.patience import until_read, until_written
from bridge.sources.base import Source
from bridge.store import inbox, incidents, progress
from bridge.store.database import Connection
from bridge.store.entries import Entry, NewEntry

REMEMBERED = 1000
"""Modules outside the catalogue that a process does not ask the store about twice."""


class Place(Struct, frozen=True):
    """An event's place: its entry's number, and which of its events it is."""

    entry: int
    index: int


class _Seen(Struct, frozen=True):
    """An event with what the catalogue adds, and what noting it has set going."""

    event: Event
    completed: bool = False
    unlisted: tuple[str, str] | None = None


class Register:
    """Notes what events say; `completed` is called when that made an event, `unlisted` when a notice."""

    def __init__(
        self,
        node: Node,
        completed: Callable[[], None],
        unlisted: Callable[[], None],
        *,
        deliver_tests: bool = False,
    ) -> None:
        self._node = node
        self._completed = completed
        self._unlisted = unlisted
        self._deliver_tests = deliver_tests
        self._asked: set[tuple[str, str]] = set()

    def passes(self, events: Sequence[Event]) -> bool:
        """Return whether there is nothing to note of these events, and nothing known that concerns them."""
        courses = self._node.catalogue.courses
        for event in events:
            if courses and self._node.catalogue.of(event) is not None:
                return False
            if event.finishes_course and self._may_note(event, None):
                return False
        return True

    async def enter(self, events: Sequence[tuple[Place, Event]]) -> list[Event]:
        """Note what events say, in their order, and return them with what is known then.

        Waits while the store is away. The same events again note nothing, and come out the same.
        """
        if not any(map(self._concerns, events)):
            return [event for _, event in events]
        if any(self._says(event) for _, event in events):
            now = self._node.clock.now()
            seen = await until_written(
                self._node,
                lambda connection: [self._note(connection, *each, now) for each in events],
                "events wait, the store cannot be written",
                events=len(events),
            )
            self._follow(seen)
            return [each.event for each in seen]
        return await until_read(
            self._node,
            lambda connection: [
                known(connection, self._node.database.secret, self._node.catalogue, *each) for each in events
            ],
            "events wait, the store cannot be read",
            events=len(events),
        )

    def _concerns(self, placed: tuple[Place, Event]) -> bool:
        event = placed[1]
        course = self._node.catalogue.of(event)
        return course is not None or self._may_note(event, None)

    def _says(self, event: Event) -> bool:
        """Return whether there may be something to note."""
        return self._may_note(event, self._node.catalogue.of(event))

    def _may_note(self, event: Event, course: Course | None) -> bool:
        if event.source == SOURCE or (event.test and not self._deliver_tests):
            return False
        if course is None:
            return event.finishes_course
        module = new_module(event, course)
        is_new = module is not None and (course.id, module) not in self._asked
        return is_new or mark_of(event) is not None

    def _note(self, connection: Connection, place: Place, event: Event, now: datetime) -> _Seen:
        course = self._node.catalogue.of(event)
        if not self._says(event):
            return _Seen(known(connection, self._node.database.secret, self._node.catalogue, place, event))
        unlisted = _learn(connection, event, course, now) if course else None
        completed = _mark(connection, self._node, place, event, now)
        return _Seen(
            known(connection, self._node.database.secret, self._node.catalogue, place, event),
            completed,
            unlisted,
        )

    def _follow(self, seen: Sequence[_Seen]) -> None:
        for each in seen:
            if each.unlisted is not None and len(self._asked) < REMEMBERED:
                self._asked.add(each.unlisted)
        if any(each.completed for each in seen):
            self._completed()
        if any(each.unlisted for each in seen):
            self._unlisted()


async def known_event(node: Node, sources: Mapping[str, Source], entry: Entry, index: int) -> Event | Unready:
    """Return one event of a stored entry as it was when the rules saw it."""
    event = event_of(entry, index, sources)
    if isinstance(event, Unready) or node.catalogue.of(event) is None:
        return event
    return await until_read(
        node,
        lambda c: known(c, node.database.secret, node.catalogue, Place(entry.seq, index), event),
        "a delivery waits, the store cannot be read",
        entry=entry.seq,
    )


def known(connection: Connection, secret: bytes, catalogue: Catalogue, place: Place, event: Event) -> Event:
    """Return the event with what the catalogue adds; an unnoted test event has what it says itself."""
    course = catalogue.of(event)
    if course is None:
        return event
    learner = learner_key(secret, event)
    marks = progress.marks(connection, learner, course.id) if learner else []
    then = as_of(marks, (place.entry, place.index))
    if event.test and not any(mark.event == (place.entry, place.index) for mark in then):
        then = own_mark(event)
    untitled = event.module is not None and event.module.title is None
    return told(event, course, then, progress.titles(connection, course.id) if untitled else None)


def _learn(connection: Connection, event: Event, course: Course, now: datetime) -> tuple[str, str] | None:
    """Keep the name of the event's module; returns the module if the catalogue does not list it."""
    if event.module is None or event.module.id is None:
        return None
    module, title = event.module.id, event.module.title
    is_new = progress.learn(connection, course.id, module, title, now=now)
    if module in course.modules:
        return None
    if is_new:
        line = f'modules: [..., "{course.modules[-1]}", "{module}"]'
        named = f"{course.name}: {title} ({module})" if title else f"{course.name}: {module}"
        incidents.happened(connection, Trouble.UNLISTED, named, now=now, why=line)
    return course.id, module


def _mark(connection: Connection, node: Node, place: Place, event: Event, now: datetime) -> bool:
    """Note what the event says of its learner; returns whether that completed the course."""
    said, learner = mark_of(event), learner_key(node.database.secret, event)
    if said is None or learner is None or event.course is None or event.course.id is None:
        return False
    course_id, (module, done) = event.course.id, said
    progress.hold(connection, learner, course_id)
    new = progress.NewMark(
        learner=learner,
        course=course_id,
        module=module,
        done=done,
        at=event.occurred_at,
        entry=place.entry,
        index=place.index,
    )
    if not progress.note(connection, new) or node.catalogue.tells(event):
        return False
    marks = progress.marks(connection, learner, course_id)
    if not completes(event, node.catalogue.of(event), as_of(marks, (place.entry, place.index))):
        return False
    return _derive(connection, node, event, completion_name(learner, course_id), now)


def _derive(connection: Connection, node: Node, event: Event, name: str, now: datetime) -> bool:
    """Put the completion into the inbox, as the bridge's own event; False if it has been there before."""
    course = node.catalogue.of(event)
    said = completion(told(event, course, ()) if course else event, name)
    entry = NewEntry(
        source=SOURCE,
        key=entry_key(SOURCE, name),
        delivery_key=name,
        headers={},
        body=json.dumps(said).encode(),
        received_at=now,
    )
    return not inbox.accept(connection, entry).duplicate
