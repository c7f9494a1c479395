"""The course catalogue on the command line: listed, explained, previewed, with and without a store."""

from __future__ import annotations

import json

import pytest

from bridge.cli.exits import ExitCode
from tests.cli.conftest import Bridge
from tests.cli.school import CONFIG, live, write_school
from tests.support.courses import finishes, watched

COURSES = f"""\
courses:
  python-basico:
    id: {"c" * 40}
    title: Python Básico
    modules: ["3251", "3252"]
"""
RULES = """\
  - name: curso
    on: course.completed
    send: [{ slack: wins, text: "{{ learner.name }}: {{ progress.done }} de {{ progress.total }}" }]
  - name: ultimo
    on: module.completed
    if: "{{ module.is_last and not progress.complete }}"
    send: [{ slack: wins, text: "{{ progress.percent }} %" }]
"""


@pytest.fixture
def listed(bridge: Bridge) -> Bridge:
    """The command line in the folder of a school with a catalogue."""
    write_school(bridge.folder, CONFIG + RULES + COURSES)
    return bridge


def test_the_catalogue_is_listed(listed: Bridge) -> None:
    said = listed("check", "-v")
    assert said.code == ExitCode.OK, said.err
    assert "  courses   1  python-basico\n" in said.out
    assert (
        f"python-basico\n  id       {'c' * 40}\n  title    Python Básico\n  modules  3251, 3252\n" in said.out
    )


def test_an_event_is_explained_as_its_learners_first(listed: Bridge) -> None:
    """Without a store: what the event itself says is what is known."""
    listed.write("event.json", json.dumps(finishes("3252")))
    said = listed("explain", "event.json")
    assert "progress  1 of 2 modules (50 %), this is the last in order" in said.out
    assert "✓ ultimo" in said.out
    assert "50 %" in listed("preview", "event.json", "--rule", "ultimo").out


def test_what_would_be_derived_is_explained_too(listed: Bridge) -> None:
    """A lesson that brings the course to its end leads to its completion, and that to a message."""
    listed.write("event.json", json.dumps(watched(100)))
    said = listed("explain", "event.json")
    assert "event.json: nutror.lesson_watched from eduzz" in said.out
    assert "event.json: bridge.course_completed from bridge" in said.out
    assert "Maria Aparecida: 2 de 2" in listed("preview", "event.json").out


def test_a_stored_event_is_shown_with_what_was_known_then(listed: Bridge) -> None:
    """By explain and preview alike, whatever came later; the derived event can be asked for as well."""
    live(listed.folder / "config.yaml", finishes("3252"), finishes("3251"))
    assert "1 of 2 modules (50 %)" in listed("explain", "1").out
    assert "2 of 2 modules (100 %)" in listed("explain", "2").out
    assert "50 %" in listed("preview", "1", "--rule", "ultimo").out
    derived = listed("explain", "3").out
    assert "stored event 3: bridge.course_completed from bridge" in derived
    assert "slack via wins: delivery" in derived
    assert "Maria Aparecida: 2 de 2" in listed("preview", "3").out
