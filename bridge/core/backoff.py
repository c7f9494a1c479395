"""When a failed delivery is tried again, or given up: policy and outcome in, time out."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from bridge.core.outcomes import Retry

WAITS = tuple(timedelta(seconds=seconds) for seconds in (10, 30, 120, 600, 1800, 3600, 7200, 14400, 28800))


class RetryPolicy(Struct, frozen=True):
    """The waits between attempts (the last one repeats) and how long after the first attempt to give up.

    `jitter` is the share of a wait that is added at random, so that deliveries that failed together
    do not come back together; a wait is never shorter than the schedule says.
    """

    waits: tuple[timedelta, ...] = WAITS
    limit: timedelta = timedelta(days=3)
    jitter: float = 0.25


def next_attempt(
    policy: RetryPolicy, *, attempt: int, retry: Retry, first_at: datetime, now: datetime, chance: float
) -> datetime | None:
    """Return when to try again after failed attempt number `attempt` (from 1), or None to give up.

    `chance` is a random number in [0, 1). The destination's own `Retry-After` is honoured when it is
    longer than our wait (RFC 9110, section 10.2.3); beyond the policy's limit it means giving up.
    """
    if not policy.waits:
        return None
    wait = policy.waits[min(attempt, len(policy.waits)) - 1]
    wait += wait * policy.jitter * chance
    if retry.after is not None:
        wait = max(wait, retry.after)
    if wait > policy.limit:
        return None
    due = now + wait
    return due if due <= first_at + policy.limit else None
