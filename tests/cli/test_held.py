"""How lists and pages tell of a delivery that waits for its time."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace

from bridge.cli.history import cause, delivery_step
from bridge.core.outcomes import State
from bridge.store.views import DeliveryRow

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MORNING = datetime(2026, 5, 5, 8, 0, tzinfo=UTC)
ROW = DeliveryRow(
    seq=1,
    id="0123456789abcdef0123456789abcdef",
    inbox_seq=7,
    event_index=0,
    run=1,
    rule="r",
    action="email:learners",
    channel="learners",
    state=State.PENDING,
    created_at=NOON,
    updated_at=NOON,
    due_at=MORNING,
    expires_at=None,
    attempts=0,
    reference=None,
    why="quiet hours 21:00-08:00",
    source="eduzz",
    type=None,
    learner=None,
)


def test_a_held_delivery_says_until_when_and_why() -> None:
    """In a list and beside the delivery itself."""
    assert cause(ROW, lambda at: f"{at:%H:%M}") == "held until 08:00: quiet hours 21:00-08:00"
    assert delivery_step(ROW, UTC) == "It is held until 2026-05-05 08:00:00 UTC: quiet hours 21:00-08:00."


def test_after_an_attempt_the_attempt_is_told_again() -> None:
    """What held it is over; what keeps it is what the destination said."""
    tried = replace(ROW, why=None, last_reason="server", last_answer="busy")
    assert cause(tried, lambda at: f"{at:%H:%M}") == "server: busy; next try 08:00"
    assert delivery_step(tried, UTC).startswith("The next attempt is due")


def test_one_that_was_withdrawn_says_by_what() -> None:
    """And that it will not come back by itself."""
    gone = replace(ROW, state=State.DISCARDED, why="unless: lesson.completed happened meanwhile, event 9")
    assert cause(gone, str, 80) == "unless: lesson.completed happened meanwhile, event 9"
    assert "replay 7" in delivery_step(gone, UTC)
