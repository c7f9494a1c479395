"""What a message says of the house that sends it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bridge.core.rules import Action, Thread
from bridge.pipeline.house import House

HOUSE = House(b"k" * 32)


class _Unsaid:
    @staticmethod
    def render(_facts: object) -> dict[str, object]:
        return {}


def action(*paths: str, channel: str = "learners") -> Action:
    said = Thread(by=paths, zone=ZoneInfo("America/Sao_Paulo")) if paths else None
    return Action(rule="r", name=f"email:{channel}", channel=channel, content=_Unsaid(), conversation=said)


def test_the_same_values_are_one_conversation_for_everybody_who_sends() -> None:
    """Whatever rule and process it is; capitals of an address make no difference, other values do."""
    facts = {"learner": {"email": "Maria@aluna.example"}, "course": {"id": 7}}
    same = {"learner": {"email": "maria@aluna.example"}, "course": {"id": "7"}, "module": {"id": 1}}
    both = action("learner.email", "course.id")
    thread = HOUSE.thread(both, facts)
    assert len(thread) == 32
    assert HOUSE.thread(both, same) == thread
    assert HOUSE.thread(both, {**same, "course": {"id": 8}}) != thread
    assert HOUSE.thread(action("learner.email", "course.id", channel="other"), same) != thread
    assert House(b"x" * 32).thread(both, facts) != thread


def test_without_the_words_or_the_values_a_message_stands_by_itself() -> None:
    """Nothing is made up, and nothing fails."""
    assert HOUSE.thread(action(), {"course": {"id": 7}}) == ""
    assert HOUSE.thread(action("course.id"), {"learner": {}}) == ""


def test_a_conversation_may_be_that_of_a_day() -> None:
    """Of the event, in the configured zone."""
    facts = {"course": {"id": 7}, "occurred_at": datetime(2026, 5, 4, 2, 59, tzinfo=UTC)}
    of_day = action("course.id", "date")
    assert HOUSE.thread(of_day, facts) == HOUSE.thread(
        of_day, {**facts, "occurred_at": datetime(2026, 5, 3, 3, tzinfo=UTC)}
    )
    assert HOUSE.thread(of_day, facts) != HOUSE.thread(
        of_day, {**facts, "occurred_at": datetime(2026, 5, 4, 3, tzinfo=UTC)}
    )
