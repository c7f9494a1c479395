"""Recognises the sample events that Eduzz's console sends to try out a configuration.

They carry a fresh id and time of sending, and nothing that marks them; only their people, courses and
dates give them away. A real learner must never be taken for a sample, so no single mark is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from bridge.core.events import Person, Thing
from bridge.sources.payload import Path, dig

LEARNERS = frozenset(
    {
        "alice.johnson@example.com",
        "example-customer@mail.com",
        "fulano.s@gmail.com",
        "fulano@eduzz.com",
        "johndoe@gmail.com",
        "learner@eduzz.com",
        "mariasilva@test.com",
        "mariasilva@teste.com",
        "rick.jones@example.com",
        "test@test.com",
        "teste@email.com",
        "testeeduzzqa@eduzz.com",
    }
)
"""Addresses of the people who learn and buy in the platform's samples."""

PRODUCERS = frozenset(
    {
        "example-producer@mail.com",
        "fulano@eduzz.com",
        "joaosilva@teste.com",
        "orbita@eduzz.com",
        "qa-blinket@eduzz.com",
        "qa-next@eduzz.com",
    }
)
"""Addresses of the producers in the platform's samples."""

IDS = frozenset(
    {
        # Nutror courses
        "1feb6e6b27ccaf9edee926908f710808e2d6c7e6",
        "4bba1d18c02755a13ee97521ae61958c3cf9e665",
        "6292dab858e745ebc91ba6753619f52ba2502cfc",
        "656c71c4b848dfa44666d2893c3438985bbf0085",
        "6b25298f91736fa32da03d986b354c304ee0442d",
        "a3cc1883deab35a35dfc4e3dbc9bbc8c65dc5942",
        # AlpaClass student, course, school
        "457391c9c82bfdcbb4947278c0401e41",
        "046d47672cf6212d201d6e8b0c191e73",
        "16943848cc6495142a8e3011d0173252",
        # Blinket event, participant
        "9b056848-beb0-44ff-9e76-d3ac131b6f50",
        "1a31099e-6c47-40e9-8cf8-44fb05eeb4ee",
        # MyEduzz invoice or contract, Sun transaction, SafeVideo file
        "12345678",
        "35048652dfef414ab1ec7791f1bbf22d",
        "8e9d55db-c31f-470c-b221-e07f6647246d.mp4",
    }
)
"""Ids of things in the platform's samples, as far as they are not numbers that anything may have."""

AGE = timedelta(days=365)
"""The samples' dates are from 2023 to 2025; what is older than this on arrival is hardly a real event."""

_PLACES_OF_IDS: tuple[Path, ...] = (
    ("id",),
    ("invoiceId",),
    ("transactionId",),
    ("filename",),
    ("event", "id"),
    ("contract", "id"),
)
_RANDOM = 20
"""Characters from which an id is random enough that nothing else has it."""


def is_activation_test(
    learner: Person | None,
    producer: Person | None,
    course: Thing | None,
    data: Mapping[str, object],
    happened_at: datetime | None,
    received_at: datetime,
) -> bool:
    """Say whether this is a sample.

    With a learner's address: it is a sample's address, and the producer, an id or the date is a sample's too.
    Without one: two of producer, id and date are, or an id that is random.
    """
    if learner is not None and learner.email is not None and learner.email.lower() not in LEARNERS:
        return False
    ids = _sample_ids(learner, producer, course, data)
    marks = (
        producer is not None and producer.email is not None and producer.email.lower() in PRODUCERS,
        bool(ids),
        happened_at is not None and received_at - happened_at > AGE,
    )
    if learner is not None and learner.email is not None:
        return any(marks)
    return sum(marks) > 1 or any(len(found) >= _RANDOM for found in ids)


def _sample_ids(
    learner: Person | None, producer: Person | None, course: Thing | None, data: Mapping[str, object]
) -> set[str]:
    found: set[object] = {part.id for part in (learner, producer, course) if part is not None}
    found.update(value for path in _PLACES_OF_IDS if isinstance(value := dig(data, path), str))
    return {value for value in found if isinstance(value, str) and value in IDS}
