"""What is known of the fields of events."""

import pytest

from bridge.core.events import VOCABULARY
from bridge.sources.inventory import paths_in
from bridge.sources.registry import fields, kinds_of, known_events, known_kinds


def test_every_path_of_the_facts_is_there() -> None:
    """Groups, leaves, the elements of lists, and what has no shape in the sample."""
    facts = {"a": {"b": 1, "c": None, "d": {}, "e": []}, "f": [{"g": 1}, {"h": [2]}], "free": {"x": 1}}
    assert sorted(paths_in(facts, {"free"})) == [
        "a",
        "a.b",
        "a.c",
        "a.c.*",
        "a.d",
        "a.d.*",
        "a.e",
        "a.e.*",
        "f",
        "f[]",
        "f[]",
        "f[].g",
        "f[].h",
        "f[].h[]",
        "free",
        "free.*",
    ]


@pytest.mark.parametrize("name", known_events())
def test_every_known_event_carries_the_vocabulary_and_its_data(name: str) -> None:
    """The samples say what is in an event, normalised parts included."""
    paths = fields(name)
    assert {"type", "kind", "id", "data", "raw.event"} <= paths
    assert {path.partition(".")[0] for path in paths} <= VOCABULARY.keys()
    assert any(path.startswith("data.") for path in paths)
    assert {f"raw.{path}" for path in paths if path.startswith("data.")} <= paths


def test_some_fields_as_documented() -> None:
    """Parts that a platform names otherwise have our names beside theirs."""
    assert {"learner.email", "course.id", "module.title", "data.course.hash"} <= fields(
        "nutror.module_completed"
    )
    assert {"data.courses", "data.courses[].hash"} <= fields("nutror.enrollment_created")
    assert "learner.email" not in fields("safevideo.upload_error")
    assert "data.participant.customFields.*" in fields("blinket.attendance_edited")
    assert "data.participants[].customFields.*" in fields("blinket.attendances_printed")


def test_an_unknown_event_has_no_fields_and_no_kinds() -> None:
    """Nothing is known of it, so nothing is claimed; a ping is no event."""
    assert fields("escola.prova_feita") == fields("ping") == frozenset()
    assert kinds_of("escola.prova_feita") == ()


def test_every_kind_belongs_to_a_type() -> None:
    """A check-in that was undone has a kind of its own and the same type."""
    assert {kind for name in known_events() for kind in kinds_of(name)} == known_kinds()
    assert kinds_of("blinket.attendance_checkin") == ("attendance.checked_in", "attendance.check_in_undone")
