"""The breaker: what outcomes make of a channel."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.core.breaker import (
    FRESH,
    LONGEST_HOLD,
    Breaker,
    BreakerPolicy,
    Phase,
    Sign,
    follow,
    may_send,
    sign,
    stop,
    try_out,
    unheard,
)
from bridge.core.outcomes import Delivered, Outcome, Partly, Reason, Rejected, Retry
from tests.support.clock import START

POLICY = BreakerPolicy(failures=3, pause=timedelta(seconds=30), longest=timedelta(minutes=15))
PATIENCE = timedelta(minutes=1)
DOWN = Retry(Reason.SERVER, 503, "busy")
GONE = Rejected(Reason.CLIENT, 410, "gone", gone=True)
OUTCOMES: list[Outcome] = [
    Delivered(200),
    DOWN,
    Retry(Reason.RATE_LIMITED, 429, after=timedelta(seconds=20)),
    Rejected(Reason.CLIENT, 400),
    Rejected(Reason.AUTH, 401),
    Rejected(Reason.INVALID),
    Retry(Reason.CANCELLED),
]


@pytest.mark.parametrize(
    ("outcome", "means"),
    [
        (Delivered(200), Sign.UP),
        (Rejected(Reason.CLIENT, 400), Sign.UP),
        (Rejected(Reason.AUTH, 403), Sign.DOWN),
        (Rejected(Reason.BLOCKED), Sign.DOWN),
        (Rejected(Reason.INVALID), Sign.NONE),
        (Rejected(Reason.CLIENT, 410, gone=True), Sign.GONE),
        (Rejected(Reason.AUTH, gone=True), Sign.GONE),
        (Retry(Reason.SERVER, 500), Sign.DOWN),
        (Retry(Reason.SERVER, 450, partly=Partly(("a@x.example",), ("b@x.example",))), Sign.UP),
        (Retry(Reason.SERVER, 452, "4.2.2 mailbox full", own=True), Sign.UP),
        (Retry(Reason.TIMEOUT), Sign.DOWN),
        (Retry(Reason.CONNECTION), Sign.DOWN),
        (Retry(Reason.AUTH, 454), Sign.DOWN),
        (Retry(Reason.RATE_LIMITED, 429), Sign.DOWN),
        (Retry(Reason.RATE_LIMITED, 429, after=timedelta(seconds=1)), Sign.BUSY),
        (Retry(Reason.RATE_LIMITED, 429, after=timedelta(0)), Sign.DOWN),
        (Retry(Reason.CANCELLED), Sign.NONE),
    ],
)
def test_an_outcome_says_something_of_the_destination(outcome: Outcome, means: Sign) -> None:
    """The refusal of one message shows that the destination is there."""
    assert sign(outcome) is means


def failed(times: int, *, now: datetime = START) -> Breaker:
    breaker = FRESH
    for _ in range(times):
        breaker = follow(POLICY, breaker, DOWN, now)
    return breaker


def test_it_pauses_after_so_many_failures_in_a_row() -> None:
    """One fewer is not enough, and a success in between starts the count again."""
    assert failed(2).phase is Phase.WORKING
    assert follow(POLICY, failed(2), Delivered(200), START) == FRESH
    paused = failed(3)
    assert (paused.phase, paused.since, paused.until) == (Phase.PAUSED, START, START + POLICY.pause)
    assert paused.why == "server 503: busy"
    assert may_send(paused, START, 4) == (0, paused.until)


def test_late_answers_from_before_the_pause_do_not_prolong_it() -> None:
    """Those under way when it paused fail too; that is no news."""
    assert follow(POLICY, failed(3), DOWN, START + timedelta(seconds=5)) == failed(3)


def test_after_the_pause_one_is_tried_and_the_pause_grows_up_to_its_limit() -> None:
    """30 s, 1 min, 2 min, … 15 min; never more than one message at a time."""
    breaker, now, waits = failed(3), START, []
    for _ in range(8):
        assert breaker.until is not None
        waits.append(breaker.until - now)
        now = breaker.until
        assert may_send(breaker, now, 4) == (1, None)
        breaker = try_out(breaker, now, PATIENCE)
        assert may_send(breaker, now, 4) == (0, now + PATIENCE)
        breaker = follow(POLICY, breaker, DOWN, now)
    assert [wait.total_seconds() for wait in waits] == [30, 60, 120, 240, 480, 900, 900, 900]
    assert breaker.since == START


@pytest.mark.parametrize("answer", [Delivered(200), Rejected(Reason.CLIENT, 400)])
def test_an_answer_to_the_try_closes_it(answer: Outcome) -> None:
    """Whoever answers is there, even if the message was not to its liking."""
    assert follow(POLICY, try_out(failed(3), START, PATIENCE), answer, START) == FRESH


def test_a_try_that_was_not_sent_lets_another_one_go_at_once() -> None:
    """A message that expired or was parked tells nothing."""
    trying = try_out(failed(3), START, PATIENCE)
    assert may_send(unheard(trying, START), START, 4) == (1, None)
    assert unheard(FRESH, START) == FRESH


@pytest.mark.parametrize("breaker", [FRESH, failed(3), try_out(failed(3), START, PATIENCE)])
def test_a_destination_that_is_gone_stops_it_until_a_person_comes(breaker: Breaker) -> None:
    """Nothing that arrives later starts it again."""
    stopped = follow(None, breaker, GONE, START)
    assert (stopped.phase, stopped.why) == (Phase.STOPPED, "client 410: gone")
    assert may_send(stopped, START + timedelta(days=400), 4) == (0, None)
    for outcome in OUTCOMES:
        assert follow(POLICY, stopped, outcome, START) == stopped
    assert stop(stopped, START, "again") == stopped


def test_retry_after_silences_the_channel() -> None:
    """Others would only be told the same; a whole channel is silenced for an hour at most."""
    held = follow(POLICY, FRESH, Retry(Reason.RATE_LIMITED, 429, after=timedelta(seconds=20)), START)
    assert held.phase is Phase.WORKING
    assert may_send(held, START, 4) == (0, START + timedelta(seconds=20))
    assert may_send(held, START + timedelta(seconds=20), 4) == (4, None)
    assert follow(POLICY, held, Delivered(200), START) == replace(held, failures=0)
    assert follow(POLICY, held, Delivered(200), START + timedelta(seconds=20)) == FRESH
    long = follow(POLICY, FRESH, Retry(Reason.RATE_LIMITED, 429, after=timedelta(days=9)), START)
    assert long.until == START + LONGEST_HOLD


def test_silence_without_end_is_an_outage() -> None:
    """Asked for it after each silence, the channel pauses; those that were under way together count once."""
    asked, breaker, now = Retry(Reason.RATE_LIMITED, 429, "slow", timedelta(seconds=20)), FRESH, START
    for _ in range(2):
        for _ in range(9):
            breaker = follow(POLICY, breaker, asked, now)
        assert breaker.phase is Phase.WORKING
        now += timedelta(seconds=20)
    breaker = follow(POLICY, breaker, asked, now)
    assert (breaker.phase, breaker.since, breaker.until) == (Phase.PAUSED, now, now + timedelta(seconds=20))
    assert breaker.why == "rate_limited 429: slow"
    assert follow(None, replace(FRESH, failures=99), asked, START).phase is Phase.WORKING
    assert follow(POLICY, breaker, Delivered(200), now) == FRESH


@pytest.mark.parametrize("phase", [Phase.WORKING, Phase.PAUSED, Phase.TRYING])
def test_a_clock_that_was_set_back_leaves_no_channel_waiting(phase: Phase) -> None:
    """What no pause can reach was set by a wrong clock, and is as good as over."""
    wrong = Breaker(phase, until=START + timedelta(hours=8))
    assert may_send(wrong, START, 4)[0] > 0
    assert may_send(wrong, START, 4, timedelta(hours=9)) == (
        (4, None) if phase is Phase.WORKING else (0, wrong.until)
    )
    asked = follow(POLICY, wrong, Retry(Reason.RATE_LIMITED, 429, "", timedelta(seconds=20)), START)
    assert asked.until == START + timedelta(seconds=20)


def test_a_pause_is_no_shorter_than_the_destination_asked_for() -> None:
    breaker = follow(POLICY, failed(2), Retry(Reason.SERVER, 503, after=timedelta(minutes=5)), START)
    assert breaker.until == START + timedelta(minutes=5)


def test_without_a_policy_failures_do_not_pause() -> None:
    breaker = FRESH
    for _ in range(50):
        breaker = follow(None, breaker, DOWN, START)
    assert breaker == FRESH


@given(st.lists(st.tuples(st.sampled_from(["send", "lost", "unsent", *OUTCOMES]), st.integers(0, 600))))
def test_a_channel_that_is_not_stopped_always_tries_again(
    steps: list[tuple[str | Outcome, int]],
) -> None:
    """Whatever happens to its tries, also if nothing is ever heard of one, a time comes for the next."""
    breaker, now = FRESH, START
    for step, seconds in steps:
        now += timedelta(seconds=seconds)
        if step in ("send", "lost"):
            breaker = try_out(breaker, now, PATIENCE) if may_send(breaker, now, 1)[0] else breaker
        elif step == "unsent":
            breaker = unheard(breaker, now)
        elif not isinstance(step, str):
            breaker = follow(POLICY, breaker, step, now)
        count, until = may_send(breaker, now, 4)
        assert count or until is not None
        if until is not None:
            assert until <= now + max(LONGEST_HOLD, POLICY.longest)
            assert may_send(breaker, until, 4)[0] >= 1
