"""A rule that is paused: its deliveries are kept, and a person decides what becomes of them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from bridge.core.rates import Rate


class Halt(StrEnum):
    """Where a rule stands."""

    WORKING = "working"
    PAUSED = "paused"
    RESUMING = "resuming"
    """What was kept goes out, the oldest first; what is made meanwhile is kept until its turn comes."""
    DISCARDING = "discarding"
    """What was kept is given up."""


KEPT = "its rule is paused; `bridge rules resume` sends it, `bridge rules discard` gives it up"
"""Why a delivery is kept."""
KEPT_AND = f"{KEPT}; "
"""Begins the same with what it waits for besides, which it waits for again when it is resumed."""
WOULD_KEEP = "it would be kept, its rule is paused; `bridge rules resume` sends what is kept"
"""Why nothing would be sent at once for an event that comes now."""
BY_HAND = "paused by hand"
GIVEN_UP = "given up with all that its paused rule had kept"
"""Why a delivery is discarded with others."""


class RuleState(Struct, frozen=True, kw_only=True):
    """Where a rule stands, since when and why; `kept` deliveries of it wait for a person."""

    rule: str
    halt: Halt = Halt.WORKING
    since: datetime | None = None
    why: str = ""
    kept: int = 0


class Brake(Struct, frozen=True):
    """What is asked before a rule's delivery is made: whether it is paused, or above a number now."""

    rule: str
    above: Rate | None = None


def above_why(above: Rate) -> str:
    """Return why a rule was paused, in words of the configuration: they are the same in every language."""
    return f"pause_above: {above}"


def is_above(above: Rate, earlier: datetime, now: datetime) -> bool:
    """Return whether one more is too many; `earlier` is when the one so many before it was made.

    One from the future was made by a clock that was wrong.
    """
    return now - above.per < earlier <= now + above.per
