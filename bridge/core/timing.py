"""When a message may be sent: after its delay, with its digest, not in quiet hours, not too late."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.claims import values_of
from bridge.core.digests import Digest, Gathering
from bridge.core.durations import lasting
from bridge.core.events import Facts
from bridge.core.formers import memory_names
from bridge.core.identity import digest_lane
from bridge.core.quiet_hours import QuietHours
from bridge.core.rules import Action


class From(Struct, frozen=True):
    """It may be sent from `at` on; `why` says what it waits for until then, if for anything.

    `joint` says that then it goes out with others that wait for the same moment.
    """

    at: datetime
    why: str | None = None
    joint: bool = False


class Unsorted(Struct, frozen=True):
    """A value that `digest: by` needs and the event does not have, so that nothing is sent."""

    path: str

    @property
    def why(self) -> str:
        """The reason, as a sentence."""
        return f"digest needs '{self.path}', which this event does not have"


class Never(Struct, frozen=True):
    """Its time will be over before it may be sent."""

    why: str


def first_due(
    action: Action, occurred_at: datetime, now: datetime, zone: tzinfo | None = None
) -> From | Never:
    """Return when the message about an event is due; `now` is when the rules decide.

    A delay counts from the event, or from now if the event says it is yet to come. `zone` is that of the
    event's course, if it has one of its own.
    """
    if zone is not None:
        action = in_zone(action, zone)
    if action.digest is not None:
        return _collected(action, action.digest, occurred_at, now)
    if action.delay is None and action.quiet_hours is None:
        return From(now)  # as nearly all
    asked = max(now, min(occurred_at, now) + (action.delay or timedelta()))
    delayed = _delay_words(action) if asked > now else None
    expires_at = occurred_at + action.expires if action.expires else None
    return _due(action.quiet_hours, asked, expires_at, delayed)


def still_held(quiet_hours: QuietHours | None, expires_at: datetime | None, now: datetime) -> From | Never:
    """Return when a message whose turn has come may be sent; `at` is `now` if nothing holds it."""
    if expires_at is not None and now >= expires_at:
        return Never(f"not sent by {expires_at.isoformat(timespec='seconds')}")
    return _due(quiet_hours, now, expires_at, None)


def in_zone(action: Action, zone: tzinfo) -> Action:
    """Return the action with the hours of another zone."""
    return replace(
        action,
        quiet_hours=replace(action.quiet_hours, zone=zone) if action.quiet_hours else None,
        digest=replace(action.digest, zone=zone) if action.digest else None,
    )


def gathering_of(
    secret: bytes, action: Action, facts: Facts, lane: bytes | None, due: From, zone: tzinfo | None = None
) -> Gathering | Unsorted | None:
    """Return what a message waits with until it is due; None for one that goes out by itself.

    `lane` is its learner's on the channel: what quiet hours hold goes out together for one person. A message
    that belongs to others already, in a thread, stays by itself.
    """
    if not due.joint or action.thread is not None:
        return None
    if action.digest is None:
        person = (*memory_names(action), lane.hex()) if lane is not None else None
        return Gathering(secret, person, due.at) if person is not None else None
    values = values_of(action.digest.by, facts)
    if isinstance(values, str):
        return Unsorted(values)
    there = in_zone(action, zone) if zone is not None else action
    names = (*memory_names(action), *values)
    return Gathering(
        secret, names, due.at, digest_lane(secret, action.channel, names), lambda at: _next(there, at)
    )


def _next(action: Action, at: datetime) -> tuple[datetime, str]:
    """Return when the digest after that of a moment goes out, and what joins it waits for."""
    found = _collected(replace(action, expires=None), action.digest, at, at) if action.digest else None
    assert isinstance(found, From), "without an end there is always a next one"  # noqa: S101
    return found.at, found.why or ""


def _collected(action: Action, digest: Digest, occurred_at: datetime, now: datetime) -> From | Never:
    at = digest.next_after(now)
    expires_at = occurred_at + action.expires if action.expires else None
    due = _due(action.quiet_hours, at, expires_at, _unless(digest.told(at), action))
    return replace(due, joint=True) if isinstance(due, From) else due


def _delay_words(action: Action) -> str:
    return _unless(f"delay of {lasting(action.delay or timedelta())}", action)


def _unless(words: str, action: Action) -> str:
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
    return From(at, why, joint=quiet is not None)
