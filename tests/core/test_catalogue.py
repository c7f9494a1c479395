"""How far a learner is: decided from what events said, whatever order they came in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.core.catalogue import (
    WHOLE,
    Catalogue,
    Course,
    Mark,
    as_of,
    completes,
    completion,
    done_in,
    mark_of,
    new_module,
    own_mark,
    progress,
    told,
)
from bridge.core.events import Event, Person, Progress, Thing

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
COURSE = Course("python-basico", "c1", "Python Básico", ("1", "2", "3"))
MARIA = Person(name="Maria", email="maria@aluna.example")
DONE = Event(
    type="nutror.module_completed",
    kind="module.completed",
    id="e1",
    source="eduzz",
    occurred_at=AT,
    learner=MARIA,
    course=Thing(id="c1"),
    module=Thing(id="3"),
)


def marks(*said: tuple[str, bool]) -> list[Mark]:
    """Return marks that came in the order in which things happened."""
    return [
        Mark(place, (place, 0), module, done, AT + timedelta(minutes=place))
        for place, (module, done) in enumerate(said, start=1)
    ]


some_marks = st.lists(st.tuples(st.sampled_from(["1", "2", "3", "9", WHOLE]), st.booleans()), max_size=8).map(
    lambda said: marks(*said)
)


@pytest.mark.parametrize(
    ("said", "done"),
    [
        ([], ""),
        ([("3", True)], "3"),
        ([("3", True), ("3", True)], "3"),
        ([("3", True), ("1", True), ("2", True)], "123"),
        ([("9", True)], ""),
        ([("3", False)], ""),
        ([("3", True), ("3", False)], ""),
        ([("3", True), ("3", False), ("3", True)], "3"),
        ([(WHOLE, True)], "123"),
        ([("3", True), (WHOLE, True), (WHOLE, False)], "3"),
        ([(WHOLE, True), ("2", False)], "13"),
        ([(WHOLE, True), ("2", False), ("2", True)], "123"),
        ([("2", False), (WHOLE, True)], "123"),
    ],
)
def test_what_happened_last_counts(said: list[tuple[str, bool]], done: str) -> None:
    """A course that is done has done all of its modules; one that is undone takes itself away."""
    assert done_in(COURSE, marks(*said)) == frozenset(done)


@given(known=some_marks, data=st.data())
def test_the_order_of_arrival_means_nothing(known: list[Mark], data: st.DataObject) -> None:
    assert done_in(COURSE, data.draw(st.permutations(known))) == done_in(COURSE, known)


@given(known=some_marks)
def test_saying_it_again_changes_nothing(known: list[Mark]) -> None:
    """The same said twice in a row, by another event."""
    twice = [each for mark in known for each in (mark, replace(mark, place=mark.place + 100))]
    assert done_in(COURSE, twice) == done_in(COURSE, known)


@given(known=some_marks)
def test_complete_means_that_nothing_is_left(known: list[Mark]) -> None:
    """And 100 % means the same."""
    far = progress(COURSE, known)
    assert far.complete == (far.percent == 100) == (far.done == far.total)


def test_percent_is_rounded_down() -> None:
    """199 of 200 modules are not 100 %."""
    assert [Progress(done, 3).percent for done in range(4)] == [0, 33, 66, 100]
    assert Progress(199, 200).percent == 99


def test_an_event_sees_its_own_mark_and_those_before() -> None:
    """One without a mark sees those of earlier entries; what came later was not known then."""
    known = marks(("1", True), ("2", True), ("3", True))
    assert as_of(known, (2, 0)) == known[:2]
    between = [replace(mark, event=(2 * mark.place, 0)) for mark in known]
    assert as_of(between, (5, 0)) == between[:2]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ("3", True)),
        ({"kind": "module.uncompleted"}, ("3", False)),
        ({"kind": "course.completed"}, (WHOLE, True)),
        ({"kind": "course.uncompleted"}, (WHOLE, False)),
        ({"kind": "lesson.completed"}, None),
        ({"kind": "lesson.completed", "finishes_course": True}, (WHOLE, True)),
        ({"module": None}, None),
        ({"module": Thing(title="Funções")}, None),
    ],
)
def test_what_an_event_says(changes: dict[str, object], said: tuple[str, bool] | None) -> None:
    assert mark_of(replace(DONE, **changes)) == said


def test_a_module_that_is_not_listed_is_new() -> None:
    assert new_module(DONE, COURSE) is None
    assert new_module(replace(DONE, module=Thing(id="9")), COURSE) == "9"
    assert new_module(replace(DONE, module=None), COURSE) is None


def test_the_catalogue_adds_what_the_platform_does_not_say() -> None:
    """The title of the course, that of the module as others told it, the place in the order, the progress."""
    facts = told(DONE, COURSE, marks(("3", True)), {"3": "Funções"}).facts()
    assert facts["course"] == {"id": "c1", "title": "Python Básico"}
    assert facts["module"] == {"id": "3", "title": "Funções", "is_last": True}
    assert facts["progress"] == {"done": 1, "total": 3, "percent": 33, "complete": False}


def test_what_the_platform_says_is_kept() -> None:
    event = replace(DONE, course=Thing(id="c1", title="Python 1"), module=Thing(id="1", title="Laços"))
    seen = told(event, COURSE, (), {"1": "Outro"})
    assert (seen.course, seen.module) == (Thing(id="c1", title="Python 1"), event.module)
    assert seen.last_module is False


def test_without_a_learner_there_is_no_progress() -> None:
    facts = told(replace(DONE, learner=None, module=None), COURSE, ()).facts()
    assert "progress" not in facts
    assert "module" not in facts


def test_a_course_is_found_by_its_id_only() -> None:
    catalogue = Catalogue({"c1": COURSE}, frozenset({"alpaclass"}))
    assert catalogue.of(DONE) is COURSE
    assert catalogue.of(replace(DONE, course=Thing(title="Python Básico"))) is None
    assert catalogue.of(replace(DONE, course=None)) is None
    assert not catalogue.tells(DONE)
    assert catalogue.tells(replace(DONE, type="alpaclass.student_module_finished"))


def test_the_first_event_that_leaves_nothing_completes() -> None:
    """Not one more after it, and not one that says so itself."""
    known = marks(("1", True), ("2", True), ("3", True))
    assert completes(DONE, COURSE, known)
    assert not completes(DONE, COURSE, known[:2])
    assert not completes(DONE, COURSE, [])
    assert not completes(replace(DONE, kind="course.completed"), COURSE, known)
    assert not completes(DONE, COURSE, marks((WHOLE, True), ("3", True)))
    assert completes(replace(DONE, finishes_course=True), None, marks((WHOLE, True)))


def test_the_derived_event_says_of_whom_and_by_what() -> None:
    body = completion(told(DONE, COURSE, own_mark(DONE)), "course-completed-1")
    assert (body["event"], body["kind"]) == ("bridge.course_completed", "course.completed")
    assert body["learner"] == {"name": "Maria", "email": "maria@aluna.example"}
    assert body["course"] == {"id": "c1", "title": "Python Básico"}
    assert body["data"] == {
        "by": "catalogue",
        "event": {"id": "e1", "type": "nutror.module_completed", "source": "eduzz"},
    }
