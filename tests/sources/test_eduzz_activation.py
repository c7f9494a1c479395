"""Eduzz's activation tests are recognised, and nobody real is taken for one."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from bridge.sources import eduzz_activation as activation
from bridge.sources.base import Request, Unsupported
from bridge.sources.registry import sample_names
from tests.sources.eduzz_support import EDUZZ, NOW, body_of, event

COURSE = {"course": "4bba1d18c02755a13ee97521ae61958c3cf9e665"}
PRODUCER = {"producer": "fulano@eduzz.com"}
LEARNER = {"learner": "learner@eduzz.com"}
OLD = {"createdAt": "2023-09-25T19:18:29Z"}
MARKS: list[tuple[str, dict[str, str], bool]] = [
    ("a sample's learner and course", LEARNER | COURSE, True),
    ("a sample's learner and producer", LEARNER | PRODUCER, True),
    ("a sample's learner in capitals, and an old date", {"learner": " Learner@Eduzz.com"} | OLD, True),
    ("a sample's learner alone", LEARNER, False),
    ("a real learner, everything else a sample's", COURSE | PRODUCER | OLD, False),
    ("a real learner and an old date", OLD, False),
    ("a sample's learner, eleven months ago", LEARNER | {"createdAt": "2025-12-25T19:18:29Z"}, False),
]
HOST = {"email": "joaosilva@teste.com"}
ROW = {"id": "457391c9c82bfdcbb4947278c0401e41"}


@pytest.mark.parametrize(
    ("changes", "is_test"), [case[1:] for case in MARKS], ids=[case[0] for case in MARKS]
)
def test_an_activation_test_has_two_marks_of_a_sample(changes: dict[str, str], is_test: bool) -> None:
    """A real learner is never taken for a sample, whatever else looks like one."""
    body = json.loads(body_of("nutror.module_completed"))
    data = body["data"]
    data["learner"]["email"] = changes.get("learner", data["learner"]["email"])
    data["producer"]["email"] = changes.get("producer", data["producer"]["email"])
    data["course"]["hash"] = changes.get("course", data["course"]["hash"])
    data["createdAt"] = changes.get("createdAt", data["createdAt"])
    assert event(body).test is is_test


@pytest.mark.parametrize(
    ("name", "data", "is_test"),
    [
        ("blinket.ticket_edited", {"producer": HOST, "createdAt": "2024-01-20T15:00:00.000Z"}, True),
        ("blinket.ticket_edited", {"producer": HOST, "createdAt": "2026-11-20T15:00:00.000Z"}, False),
        (
            "myeduzz.commission_processed",
            {"invoiceId": "12345678", "createdAt": "2024-01-09T14:45:00Z"},
            True,
        ),
        (
            "myeduzz.commission_processed",
            {"invoiceId": "12345678", "createdAt": "2026-11-09T14:45:00Z"},
            False,
        ),
        ("safevideo.encoder_started", {"filename": "8e9d55db-c31f-470c-b221-e07f6647246d.mp4"}, True),
        ("safevideo.upload_finished", {"filename": "video.mp4", "format": "mp4", "type": "video"}, False),
        ("alpaclass.student_module_finished", {"student": ROW}, True),
        ("alpaclass.student_module_finished", {"student": ROW | {"email": "bia@aluna.example"}}, False),
    ],
)
def test_an_event_without_an_address_needs_two_marks_or_a_random_id(
    name: str, data: dict[str, object], is_test: bool
) -> None:
    """Names and numbers that anybody's thing may have do not count."""
    assert event({"event": name, "data": data, "sentDate": NOW.isoformat()}).test is is_test


@pytest.mark.parametrize("name", sample_names())
@pytest.mark.parametrize("years", [0, 3, 30])
def test_our_own_samples_are_never_taken_for_activation_tests(name: str, years: int) -> None:
    """They must be sent when somebody tries them out, also in years to come."""
    result = EDUZZ.parse(Request({}, body_of(name), NOW + timedelta(days=366 * years)))
    if name == "ping":
        assert isinstance(result, Unsupported)
    else:
        assert isinstance(result, tuple)
        assert not result[0].test


def test_the_marks_are_written_as_they_are_compared() -> None:
    """Addresses are compared in lower case."""
    assert all(address == address.lower() for address in activation.LEARNERS | activation.PRODUCERS)
