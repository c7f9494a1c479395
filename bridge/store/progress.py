"""What learners have done in courses, as marks that are only added; and the modules that courses have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, LargeBinary, String, func, select

from bridge.core.catalogue import Mark
from bridge.store.schema import given, learnt_modules, new_row, progress


class NewMark(Struct, frozen=True, kw_only=True):
    """What an event says of a learner, a `learner_key`; the event is its entry's number and a place in it."""

    learner: bytes
    course: str
    module: str
    done: bool
    at: datetime
    entry: int
    index: int


def hold(connection: Connection, learner: bytes, course: str) -> None:
    """Let nobody else note anything of this learner in this course until the transaction ends.

    SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_HOLD, {"given_learner": learner, "given_course": course})


def note(connection: Connection, mark: NewMark) -> bool:
    """Add what an event says; False, and nothing written, if the same event has said it before."""
    row = {
        "learner": mark.learner,
        "course": mark.course,
        "module": mark.module,
        "done": mark.done,
        "at": mark.at,
        "inbox_seq": mark.entry,
        "event_index": mark.index,
    }
    return connection.execute(_NOTE, row).first() is not None


def marks(connection: Connection, learner: bytes, course: str) -> list[Mark]:
    """Return all that is noted of a learner in a course, in the order in which it was noted."""
    rows = connection.execute(_MARKS, {"given_learner": learner, "given_course": course})
    return [Mark(seq, (entry, index), module, done, at) for seq, entry, index, module, done, at in rows]


def learn(connection: Connection, course: str, module: str, title: str | None, *, now: datetime) -> bool:
    """Keep a module's title; returns whether the module was never seen before in this course."""
    row = {"course": course, "module": module, "title": title, "first_seen_at": now}
    if connection.execute(_NEW_MODULE, row).first() is not None:
        return True
    if title is not None:
        values = {"given_course": course, "given_module": module, "given_title": title}
        connection.execute(_RENAME, values)
    return False


def titles(connection: Connection, course: str) -> Mapping[str, str]:
    """Return the titles of a course's modules that events have told, by their ids."""
    rows = connection.execute(_TITLES, {"given_course": course})
    return {row.module: row.title for row in rows}


# Two numbers, the first our own, so that no other lock is meant: "cour" in ASCII.
_WHOSE = func.concat(func.encode(given("learner", LargeBinary), "hex"), given("course", String))
_HOLD = select(func.pg_advisory_xact_lock(0x636F7572, func.hashtext(_WHOSE)))
_NOTE = new_row(progress, progress.c.seq)
_MARK = (progress.c.inbox_seq, progress.c.event_index, progress.c.module, progress.c.done, progress.c.at)
_MARKS = (
    select(progress.c.seq, *_MARK)
    .where(progress.c.learner == given("learner"), progress.c.course == given("course"))
    .order_by(progress.c.seq)
)
_NEW_MODULE = new_row(learnt_modules, learnt_modules.c.module)
_HERE = (learnt_modules.c.course == given("course"), learnt_modules.c.module == given("module"))
_RENAME = (
    learnt_modules.update()
    .where(*_HERE, learnt_modules.c.title.is_distinct_from(given("title")))
    .values(title=given("title"))
)
_TITLES = select(learnt_modules.c.module, learnt_modules.c.title).where(
    learnt_modules.c.course == given("course"), learnt_modules.c.title.is_not(None)
)
