"""The course catalogue as it is loaded, and the paths that need it."""

from __future__ import annotations

from pathlib import Path

from bridge.config.load import Loaded, load
from bridge.core.catalogue import Course

ENV = {"EDUZZ_SECRET": "edz_0123456789", "SLACK_BOT_TOKEN": "xoxb-0123456789"}
HEAD = """\
sources:
  eduzz: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] }
channels:
  wins: { type: slack, token: "${SLACK_BOT_TOKEN}", channel: "#conquistas" }
"""
COURSES = """\
courses:
  python: { id: c1, title: Python Básico, modules: [3251, "3252"] }
"""


def loaded(folder: Path, text: str) -> Loaded:
    (folder / "config.yaml").write_text(HEAD + text, "utf-8")
    made = load(folder / "config.yaml", ENV)
    assert isinstance(made, Loaded), made
    return made


def rule(on: str, text: str) -> str:
    return f"rules:\n  - name: a\n    on: {on}\n    send: [{{ slack: wins, text: '{text}' }}]\n"


def test_courses_are_found_by_their_ids(tmp_path: Path) -> None:
    """Ids are text, however they were typed; AlpaClass says itself when a course is done."""
    catalogue = loaded(tmp_path, COURSES).catalogue
    assert catalogue.courses == {"c1": Course("python", "c1", "Python Básico", ("3251", "3252"))}
    assert catalogue.tellers == {"alpaclass"}


def test_without_courses_the_catalogue_is_empty(tmp_path: Path) -> None:
    assert not loaded(tmp_path, "").catalogue.courses


def test_what_the_catalogue_adds_may_be_named(tmp_path: Path) -> None:
    """By rules for events that have a course, a learner, a module."""
    said = "{{ progress.done }} {{ progress.complete }} {{ module.is_last }}"
    assert loaded(tmp_path, COURSES + rule("nutror.module_completed", said)).warnings == ()


def test_events_without_a_module_are_never_the_last(tmp_path: Path) -> None:
    """A derived completion has no module, and an upload has no course."""
    warnings = loaded(tmp_path, COURSES + rule("bridge.course_completed", "{{ module.is_last }}")).warnings
    assert [each.sentence for each in warnings] == ["no event of bridge.course_completed has 'module'"]
    warnings = loaded(tmp_path, COURSES + rule("upload.finished", "{{ progress.done }}")).warnings
    assert [each.sentence for each in warnings] == ["no event of upload.finished has 'progress'"]


def test_a_template_that_provides_for_its_absence_needs_no_catalogue(tmp_path: Path) -> None:
    """So the same template serves with and without one."""
    text = "{% if progress is defined %}{{ progress.done }}{% endif %}{{ module.is_last | default(false) }}"
    assert loaded(tmp_path, rule("module.completed", text)).warnings == ()


def test_a_course_completed_is_known_by_its_kind(tmp_path: Path) -> None:
    """It names AlpaClass's own event and the derived one."""
    said = "{{ course.title }} {{ learner.email }}"
    assert loaded(tmp_path, rule("course.completed", said)).warnings == ()
