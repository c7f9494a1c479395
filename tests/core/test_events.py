"""The event and the vocabulary of rules and templates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.events import PERSON_FIELDS, THING_FIELDS, VOCABULARY, Event, Person, Progress, Thing

AT = datetime(2026, 11, 10, 0, 35, 27, tzinfo=UTC)
texts = st.none() | st.text(max_size=20)
people = st.none() | st.builds(Person, id=texts, name=texts, email=texts)
things = st.none() | st.builds(Thing, id=texts, title=texts)
events = st.builds(
    Event,
    type=st.text(),
    kind=st.text(),
    id=st.text(),
    source=st.text(),
    occurred_at=st.just(AT),
    sent_at=st.none() | st.just(AT),
    learner=people,
    producer=people,
    course=things,
    module=things,
    lesson=things,
    test=st.booleans(),
)


@given(event=events)
def test_facts_speak_the_vocabulary_and_nothing_else(event: Event) -> None:
    """Every name of the facts, and every field below it, is in the published vocabulary."""
    for name, value in event.facts().items():
        members = VOCABULARY[name]
        if isinstance(value, dict) and members is not None:
            assert set(value) <= set(members)


@given(event=events)
def test_what_is_missing_is_absent(event: Event) -> None:
    """No name of the facts holds None or an empty part, so `exists` means what it says."""
    assert all(value is not None for value in event.facts().values())
    for name in ("learner", "producer", "course", "module", "lesson"):
        part = event.facts().get(name, {"something": ""})
        assert isinstance(part, dict)
        assert part
        assert None not in part.values()


def test_a_full_event_has_every_name() -> None:
    """The vocabulary promises nothing that no event can have."""
    person = Person(id="7", name="Maria Aparecida da Silva", email="maria@aluna.example")
    thing = Thing(id="5123", title="Módulo 3: Funções")
    facts = Event(
        type="nutror.module_completed",
        kind="module.completed",
        id="c5z75p56a937lq9ml1nubtpqu",
        source="eduzz",
        occurred_at=AT,
        sent_at=AT,
        learner=person,
        producer=person,
        course=thing,
        module=thing,
        lesson=thing,
        last_module=True,
        progress=Progress(3, 3),
    ).facts()
    assert set(facts) == set(VOCABULARY)
    assert facts["learner"] == {"id": "7", "name": "Maria Aparecida da Silva", "email": "maria@aluna.example"}
    assert facts["module"] == {"id": "5123", "title": "Módulo 3: Funções", "is_last": True}
    assert facts["progress"] == {"done": 3, "total": 3, "percent": 100, "complete": True}


@pytest.mark.parametrize(("part", "fields"), [(Person, PERSON_FIELDS), (Thing, THING_FIELDS)])
def test_the_field_lists_follow_the_classes(part: type[Person | Thing], fields: tuple[str, ...]) -> None:
    """The lists that the configuration checks against name every field there is."""
    assert part.__struct_fields__ == fields
