"""When a channel pauses because its destination is down, when it is tried again, and when it needs a person.

Plain functions over a frozen `Breaker`; what they return is stored, so a pause outlives the process.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.durations import SKEW
from bridge.core.outcomes import Delivered, Outcome, Partly, Reason, Rejected, Retry

LONGEST_HOLD = timedelta(hours=1)
"""For how long a destination's `Retry-After` may silence a whole channel."""


class Phase(StrEnum):
    """How a channel does."""

    WORKING = "working"
    PAUSED = "paused"
    """The destination is down; tried again from `until` on, by one delivery at a time."""
    TRYING = "trying"
    """One delivery is out to see whether the destination is back; another may go after `until`."""
    STOPPED = "stopped"
    """Until a person resumes it: the destination refuses everything, or a person paused the channel."""


class BreakerPolicy(Struct, frozen=True):
    """After how many failures in a row a channel pauses, for how long at first, and at the longest."""

    failures: int = 5
    pause: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(minutes=15)


class Breaker(Struct, frozen=True):
    """Where a channel stands.

    `failures` in a row, `pauses` since it last worked, `since` when it is in trouble, and `why`: what the
    destination or a person said. `until` is when a paused channel is tried again; for a working one, until
    when the destination asked not to be called.
    """

    phase: Phase = Phase.WORKING
    failures: int = 0
    pauses: int = 0
    since: datetime | None = None
    until: datetime | None = None
    why: str = ""


FRESH = Breaker()


class Sign(StrEnum):
    """What an outcome says of the destination, whatever became of the message."""

    UP = "up"
    DOWN = "down"
    BUSY = "busy"
    """It asked for a while of silence."""
    GONE = "gone"
    NONE = "none"


def sign(outcome: Outcome) -> Sign:
    """Return what an outcome says of the destination; one message's refusal shows that it is up."""
    match outcome:
        case Delivered() | Retry(partly=Partly()) | Retry(own=True):
            return Sign.UP
        case Rejected(gone=True):
            return Sign.GONE
        case Retry(reason=Reason.RATE_LIMITED, after=timedelta() as after) if after > timedelta(0):
            return Sign.BUSY
        case Retry(reason=Reason.CANCELLED) | Rejected(reason=Reason.INVALID):
            return Sign.NONE
        case Retry() | Rejected(reason=Reason.AUTH | Reason.BLOCKED):
            return Sign.DOWN
        case Rejected():
            return Sign.UP
        case never:
            assert_never(never)


def is_held(breaker: Breaker, now: datetime) -> bool:
    """Return whether a channel that works is silent, because its destination asked for it."""
    return breaker.phase is Phase.WORKING and _waits(breaker, now, LONGEST_HOLD)


def may_send(
    breaker: Breaker, now: datetime, limit: int, longest: timedelta = LONGEST_HOLD
) -> tuple[int, datetime | None]:
    """Return how many of `limit` may be sent now, and if none, from when on; None: when a person says so.

    `longest` is how long a pause of the channel can be.
    """
    match breaker.phase:
        case Phase.WORKING:
            return (0, breaker.until) if is_held(breaker, now) else (limit, None)
        case Phase.PAUSED | Phase.TRYING:
            waits = _waits(breaker, now, max(longest, LONGEST_HOLD))
            return (0, breaker.until) if waits else (min(1, limit), None)
        case Phase.STOPPED:
            return 0, None
        case never:
            assert_never(never)


def _waits(breaker: Breaker, now: datetime, longest: timedelta) -> bool:
    """Return whether its time has not come; what is further away than it can be was set by a wrong clock."""
    return breaker.until is not None and now < breaker.until <= now + longest + SKEW


def try_out(breaker: Breaker, now: datetime, patience: timedelta) -> Breaker:
    """Return the breaker after a delivery went out to try; if it is never heard of, another one may."""
    if breaker.phase not in (Phase.PAUSED, Phase.TRYING):
        return breaker
    return replace(breaker, phase=Phase.TRYING, until=now + patience)


def unheard(breaker: Breaker, now: datetime) -> Breaker:
    """Return the breaker after the delivery that was to try ended without being sent: the next one may."""
    return replace(breaker, phase=Phase.PAUSED, until=now) if breaker.phase is Phase.TRYING else breaker


def follow(policy: BreakerPolicy | None, breaker: Breaker, outcome: Outcome, now: datetime) -> Breaker:
    """Return the breaker after an outcome; without a policy, only a destination that is gone stops it."""
    if breaker.phase is Phase.STOPPED:
        return breaker
    match sign(outcome):
        case Sign.UP:
            return replace(breaker, failures=0) if is_held(breaker, now) else FRESH
        case Sign.DOWN:
            return _failed(policy, breaker, outcome, now)
        case Sign.BUSY:
            return _held(policy, breaker, outcome, now)
        case Sign.GONE:
            return stop(breaker, now, _word(outcome))
        case Sign.NONE:
            return unheard(breaker, now)
        case never:
            assert_never(never)


def stop(breaker: Breaker, now: datetime, why: str) -> Breaker:
    """Return the breaker that waits for a person; one that is stopped already stays as it is."""
    if breaker.phase is Phase.STOPPED:
        return breaker
    return Breaker(Phase.STOPPED, since=breaker.since or now, why=why)


def _failed(policy: BreakerPolicy | None, breaker: Breaker, outcome: Outcome, now: datetime) -> Breaker:
    if policy is None or breaker.phase is Phase.PAUSED:  # a late answer from before the pause
        return breaker
    failures = breaker.failures + 1
    if breaker.phase is Phase.WORKING and failures < policy.failures:
        return replace(breaker, failures=failures)
    wait = min(policy.pause * 2 ** min(breaker.pauses, 20), policy.longest)
    return _paused(breaker, failures, outcome, now + max(wait, _asked(outcome)), now)


def _held(policy: BreakerPolicy | None, breaker: Breaker, outcome: Outcome, now: datetime) -> Breaker:
    """Return the breaker that is silent for as long as it was asked; asked for ever, it is a failure too.

    Those that were under way together are told the same, and count once.
    """
    longest = max(LONGEST_HOLD, policy.longest if policy else LONGEST_HOLD)
    before = breaker.until if _waits(breaker, now, longest) else None
    until = max(now + _asked(outcome), before or now)
    if breaker.phase is not Phase.WORKING:
        return replace(breaker, phase=Phase.PAUSED, until=until)
    failures = breaker.failures + (not is_held(breaker, now))
    if policy is None or failures < policy.failures:
        return replace(breaker, failures=failures, until=until)
    return _paused(breaker, failures, outcome, until, now)


def _paused(breaker: Breaker, failures: int, outcome: Outcome, until: datetime, now: datetime) -> Breaker:
    return Breaker(
        Phase.PAUSED,
        failures=failures,
        pauses=breaker.pauses + 1,
        since=breaker.since or now,
        until=until,
        why=_word(outcome),
    )


def _asked(outcome: Outcome) -> timedelta:
    """Return the silence that a destination asked for, as far as it can silence a whole channel."""
    after = outcome.after if isinstance(outcome, Retry) else None
    return min(after or timedelta(0), LONGEST_HOLD)


def _word(outcome: Outcome) -> str:
    reason = "" if isinstance(outcome, Delivered) else str(outcome.reason)
    status = f" {outcome.status}" if outcome.status is not None else ""
    said = f": {outcome.answer}" if outcome.answer else ""
    return f"{reason}{status}{said}"
