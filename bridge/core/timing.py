"""When an action's message may be sent: not before its delay is over, not in quiet hours, not too late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.core.durations import lasting
from bridge.core.quiet_hours import QuietHours
from bridge.core.rules import Action


@dataclass(frozen=True, slots=True)
class From:
    """It may be sent from `at` on; `why` says what it waits for until then, if for anything."""

    at: datetime
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Never:
    """Its time will be over before it may be sent."""

    why: str


def first_due(action: Action, occurred_at: datetime, now: datetime) -> From | Never:
    """Return when the message about an event is due; `now` is when the rules decide.

    A delay counts from the event, or from now if the event says it is yet to come.
    """
    asked = max(now, min(occurred_at, now) + (action.delay or timedelta()))
    delayed = _delay_words(action) if asked > now else None
    expires_at = occurred_at + action.expires if action.expires else None
    return _due(action.quiet_hours, asked, expires_at, delayed)


def still_held(quiet_hours: QuietHours | None, expires_at: datetime | None, now: datetime) -> From | Never:
    """Return when a message whose turn has come may be sent; `at` is `now` if nothing holds it."""
    if expires_at is not None and now >= expires_at:
        return Never(f"not sent by {expires_at.isoformat(timespec='seconds')}")
    return _due(quiet_hours, now, expires_at, None)


def _delay_words(action: Action) -> str:
    words = f"delay of {lasting(action.delay or timedelta())}"
    return f"{words}, unless {' or '.join(action.unless.on)} comes first" if action.unless else words


def _due(
    quiet_hours: QuietHours | None,
    asked: datetime,
    expires_at: datetime | None,
    delayed: str | None,
) -> From | Never:
    at = asked if quiet_hours is None else quiet_hours.next_allowed(asked)
    quiet = f"quiet hours {quiet_hours}" if at > asked else None
    why = " and ".join(filter(None, (delayed, quiet))) or None
    if why is not None and expires_at is not None and at >= expires_at:
        return Never(f"its time is over before it may be sent: {why}")
    return From(at, why)
