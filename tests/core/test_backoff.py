"""When a failed delivery is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.backoff import RetryPolicy, next_attempt
from bridge.core.outcomes import Reason, Retry

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
FAILED = Retry(Reason.SERVER, status=503)


def test_the_schedule_is_the_documented_one() -> None:
    """Without jitter: 10 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h, 4 h, then every 8 h, for 3 days."""
    now, waits = START, []
    for attempt in range(1, 50):
        due = next_attempt(
            RetryPolicy(jitter=0), attempt=attempt, retry=FAILED, first_at=START, now=now, chance=0
        )
        if due is None:
            break
        waits.append(due - now)
        now = due
    assert [wait.total_seconds() for wait in waits[:10]] == [
        10, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 28800,
    ]  # fmt: skip
    assert START + timedelta(days=2, hours=16) < now <= START + timedelta(days=3)


@given(
    attempt=st.integers(1, 100),
    chance=st.floats(0, 1, exclude_max=True),
    late=st.timedeltas(timedelta(0), timedelta(days=4)),
    after=st.none() | st.timedeltas(timedelta(0), timedelta(days=400)),
)
def test_a_wait_is_never_shorter_than_asked_nor_beyond_the_limit(
    attempt: int, chance: float, late: timedelta, after: timedelta | None
) -> None:
    """Neither jitter nor position may undercut the schedule or `Retry-After`, or pass three days."""
    policy, now = RetryPolicy(), START + late
    due = next_attempt(
        policy,
        attempt=attempt,
        retry=Retry(Reason.RATE_LIMITED, after=after),
        first_at=START,
        now=now,
        chance=chance,
    )
    if due is not None:
        assert due - now >= max(policy.waits[min(attempt, len(policy.waits)) - 1], after or timedelta(0))
        assert due <= START + policy.limit


def test_what_failed_together_does_not_come_back_together() -> None:
    """Up to a quarter of the wait is added at random."""
    waits = [
        next_attempt(RetryPolicy(), attempt=3, retry=FAILED, first_at=START, now=START, chance=chance)
        for chance in (0, 0.5, 0.999999)
    ]
    assert [due and (due - START).total_seconds() for due in waits] == [120, 135, pytest.approx(150, abs=0.1)]


def test_a_policy_without_waits_tries_once() -> None:
    """An empty list of waits means no second attempt."""
    policy = RetryPolicy(waits=())
    assert next_attempt(policy, attempt=1, retry=FAILED, first_at=START, now=START, chance=0) is None
