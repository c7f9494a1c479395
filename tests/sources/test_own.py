"""The bridge itself as a source."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.events import Person, Thing
from bridge.core.signing import Refused
from bridge.core.trouble import TYPES
from bridge.sources.base import Request
from bridge.sources.own import COMPLETION, SAMPLE, OwnSource
from bridge.sources.registry import fields
from tests.support.clock import START

SOURCE = OwnSource()


def request(body: bytes) -> Request:
    return Request({}, body, START)


def test_a_notice_is_an_event() -> None:
    """With its own id, its two names, and all that is known of the trouble."""
    parsed = SOURCE.parse(request(SAMPLE.encode()))
    assert isinstance(parsed, tuple)
    (event,) = parsed
    assert (event.type, event.kind, event.source) == ("bridge.channel_paused", "trouble.started", "bridge")
    assert event.id == SOURCE.delivery_key(request(SAMPLE.encode())) == "incident-1-started"
    assert event.occurred_at == START
    assert event.data["waiting"] == 12
    assert event.learner is None


@given(
    st.binary() | st.builds(lambda value: json.dumps(value).encode(), st.dictionaries(st.text(), st.text()))
)
def test_nobody_outside_is_believed(body: bytes) -> None:
    """Whatever comes over the network in its name is refused, and nothing makes it fail."""
    assert isinstance(SOURCE.verify(request(body)), Refused)
    assert isinstance(SOURCE.delivery_key(request(body)), str)
    SOURCE.parse(request(body))
    assert SOURCE.outgoing_headers(body) == {}


@pytest.mark.parametrize("name", TYPES)
def test_what_its_events_carry_is_known(name: str) -> None:
    """So that a slip in a rule about them is told."""
    assert {"data.subject", "data.title", "data.why", "data.paragraphs[]"} <= fields(name)


def test_a_derived_completion_is_an_event() -> None:
    """Of a learner and a course, as on any platform."""
    parsed = SOURCE.parse(request(COMPLETION.encode()))
    assert isinstance(parsed, tuple)
    (event,) = parsed
    assert (event.type, event.kind, event.source) == ("bridge.course_completed", "course.completed", "bridge")
    assert event.learner == Person(name="Maria Aparecida", email="maria@aluna.example")
    assert event.producer == Person(name="Rui Prado", email="rui@escola.example")
    assert event.course == Thing(id="4bba1d18c02755a13ee97521ae61958c3cf9e665", title="Python Básico")
    assert event.data["by"] == "catalogue"
