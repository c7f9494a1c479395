"""The course catalogue, and how far a learner has come in a course of it, decided from marks.

A mark is what one event said: a module, or the whole course, is done or no longer done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo

from msgspec import Struct, field
from msgspec.structs import replace

from bridge.core.events import Event, Progress, Thing
from bridge.core.trouble import SOURCE

WHOLE = ""
"""Stands for the course in place of a module's id."""
MODULE_KINDS: Mapping[str, bool] = {"module.completed": True, "module.uncompleted": False}
COMPLETED = "course.completed"
COMPLETED_TYPE = f"{SOURCE}.course_completed"
"""The event that the bridge derives when a course becomes complete and no platform says so."""
COURSE_KINDS: Mapping[str, bool] = {COMPLETED: True, "course.uncompleted": False}


class Course(Struct, frozen=True):
    """A course as the configuration lists it, by a name of the person's; `modules` are ids in order.

    `zone` is where its hours count, if not where those of the configuration do.
    """

    name: str
    id: str
    title: str | None
    modules: tuple[str, ...]
    zone: tzinfo | None = None


class Mark(Struct, frozen=True):
    """What one event said of a module, or of the `WHOLE` course, and when that happened.

    `place` counts up as marks are made; `event` is the number of its inbox entry and its place in that.
    """

    place: int
    event: tuple[int, int]
    module: str
    done: bool
    at: datetime


class Catalogue(Struct, frozen=True):
    """The courses by their ids; `tellers` are the products that say themselves when a course is done."""

    courses: Mapping[str, Course] = field(default_factory=dict)
    tellers: frozenset[str] = frozenset()

    def of(self, event: Event) -> Course | None:
        """Return the course that an event is about, if it is listed."""
        found = event.course.id if event.course else None
        return self.courses.get(found) if found is not None else None

    def zone_of(self, event: Event) -> tzinfo | None:
        """Return the zone of the course that an event is about, if it has one of its own."""
        course = self.of(event)
        return course.zone if course else None

    @property
    def has_zones(self) -> bool:
        """Whether any course has a zone of its own."""
        return any(course.zone is not None for course in self.courses.values())

    def tells(self, event: Event) -> bool:
        """Return whether the event's platform sends an event of its own when the course is done."""
        return event.type.partition(".")[0] in self.tellers


def mark_of(event: Event) -> tuple[str, bool] | None:
    """Return the module, or `WHOLE`, that an event says something of, and whether it is done now."""
    if event.kind in MODULE_KINDS:
        return (event.module.id, MODULE_KINDS[event.kind]) if event.module and event.module.id else None
    if event.kind in COURSE_KINDS:
        return WHOLE, COURSE_KINDS[event.kind]
    return (WHOLE, True) if event.finishes_course else None


def new_module(event: Event, course: Course) -> str | None:
    """Return the id of the event's module if the catalogue does not list it."""
    found = event.module.id if event.module else None
    return found if found is not None and found not in course.modules else None


def as_of(marks: Iterable[Mark], event: tuple[int, int]) -> list[Mark]:
    """Return what was known when an event was judged: up to its own mark, else the marks of earlier ones."""
    known = list(marks)
    own = next((mark.place for mark in known if mark.event == event), None)
    return [mark for mark in known if (mark.event < event if own is None else mark.place <= own)]


def done_in(course: Course, marks: Iterable[Mark]) -> frozenset[str]:
    """Return the listed modules that are done, by what happened last, in whatever order the marks came."""
    listed = frozenset(course.modules)
    own: set[str] = set()
    whole = False
    for mark in sorted(marks, key=lambda each: (each.at, each.place)):
        if mark.module == WHOLE:
            whole = mark.done
        elif mark.done:
            own.add(mark.module)
        else:
            own = set(listed) if whole else own
            whole = False
            own.discard(mark.module)
    return listed if whole else listed & own


def progress(course: Course, marks: Iterable[Mark]) -> Progress:
    """Return how far the learner is by these marks."""
    return Progress(len(done_in(course, marks)), len(course.modules))


def own_mark(event: Event) -> list[Mark]:
    """Return what an event alone says, for a learner of whom nothing else is known."""
    found = mark_of(event)
    return [Mark(1, (1, 0), found[0], found[1], event.occurred_at)] if found else []


def told(
    event: Event, course: Course, marks: Iterable[Mark], titles: Mapping[str, str] | None = None
) -> Event:
    """Return the event with what the catalogue adds; `marks` are those known when it was judged.

    `titles` are those of modules that other events have told.
    """
    module = event.module
    if module is not None and module.id is not None and module.title is None:
        module = Thing(id=module.id, title=(titles or {}).get(module.id))
    return replace(
        event,
        course=Thing(id=course.id, title=(event.course and event.course.title) or course.title),
        module=module,
        last_module=module.id == course.modules[-1] if module and module.id else None,
        progress=progress(course, marks) if event.learner else None,
    )


def completes(event: Event, course: Course | None, marks: Sequence[Mark]) -> bool:
    """Return whether an event is the first to say that its learner has nothing left to do in the course.

    `marks` are those known with it, its own the last. What says so itself needs nobody to say it.
    """
    if event.kind == COMPLETED or not marks:
        return False
    if any(mark.module == WHOLE and mark.done for mark in marks[:-1]):
        return False
    return event.finishes_course or (course is not None and progress(course, marks).complete)


def completion(event: Event, name: str) -> dict[str, object]:
    """Return the bridge's own event, called `name`, that says what `event` completed; the same every time."""
    parts = {"learner": event.learner, "producer": event.producer, "course": event.course}
    return {
        "id": name,
        "event": COMPLETED_TYPE,
        "kind": COMPLETED,
        "at": event.occurred_at.isoformat(),
        **{part: found.known() for part, found in parts.items() if found is not None},
        "data": {
            "by": "platform" if event.finishes_course else "catalogue",
            "event": {"id": event.id, "type": event.type, "source": event.source},
        },
    }
