"""Marks of what learners did, and the modules that courses have, as rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from bridge.core.catalogue import Mark
from bridge.store import progress
from bridge.store.engines import Engines, make_engines
from bridge.store.progress import NewMark
from tests.support.stored import MINUTE, NOW

MARIA = b"0123456789abcdef"
RUI = b"fedcba9876543210"


def note(
    connection: Connection, module: str, entry: int, *, done: bool = True, learner: bytes = MARIA
) -> bool:
    progress.hold(connection, learner, "c1")
    mark = NewMark(learner=learner, course="c1", module=module, done=done, at=NOW, entry=entry, index=0)
    return progress.note(connection, mark)


def test_marks_come_back_in_the_order_of_their_noting(connection: Connection) -> None:
    """Of one learner in one course, whichever entry was first."""
    assert note(connection, "3252", 7)
    assert note(connection, "3251", 5, done=False)
    assert note(connection, "3251", 6, learner=RUI)
    first, second = progress.marks(connection, MARIA, "c1")
    assert (first.event, first.module, first.done, first.at) == ((7, 0), "3252", True, NOW)
    assert second == Mark(second.place, (5, 0), "3251", False, NOW)
    assert first.place < second.place
    assert progress.marks(connection, MARIA, "c2") == []


def test_an_event_says_a_thing_once(connection: Connection) -> None:
    """The same event again, on a replay or after a crash, adds nothing."""
    assert note(connection, "3251", 5)
    assert not note(connection, "3251", 5)
    assert len(progress.marks(connection, MARIA, "c1")) == 1


def test_a_module_is_new_once(connection: Connection) -> None:
    """Its title is the one heard last; one without a title takes none away."""
    assert progress.learn(connection, "c1", "3251", "Laços", now=NOW)
    assert not progress.learn(connection, "c1", "3251", None, now=NOW + MINUTE)
    assert progress.titles(connection, "c1") == {"3251": "Laços"}
    assert not progress.learn(connection, "c1", "3251", "Laços e listas", now=NOW + timedelta(days=1))
    assert progress.learn(connection, "c2", "3251", None, now=NOW)
    assert progress.titles(connection, "c1") == {"3251": "Laços e listas"}
    assert progress.titles(connection, "c2") == {}


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_notes_of_one_learner_in_one_course_wait_for_each_other(store_url: str, engines: Engines) -> None:
    """Another node cannot count before this one's mark is committed; other learners need not wait."""
    other = make_engines(store_url)
    try:
        with engines.writer.begin() as ours, other.writer.connect() as theirs:
            progress.hold(ours, MARIA, "c1")
            theirs.execute(text("SET lock_timeout = '50ms'"))
            progress.hold(theirs, RUI, "c1")
            progress.hold(theirs, MARIA, "c2")
            with pytest.raises(OperationalError, match="lock timeout"):
                progress.hold(theirs, MARIA, "c1")
    finally:
        other.dispose()
