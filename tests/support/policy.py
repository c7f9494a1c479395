"""Channels with a policy, and learners enough to have no order between them."""

from __future__ import annotations

from datetime import timedelta

from bridge.channels.base import ChannelPolicy
from bridge.core.backoff import RetryPolicy
from bridge.core.breaker import BreakerPolicy
from bridge.core.outcomes import Outcome, Reason, Rejected, Retry
from bridge.core.rates import parse_rate
from tests.support.pipeline import ScriptedChannel, completion

DOWN = Retry(Reason.SERVER, 503, "busy")
GONE = Rejected(Reason.CLIENT, 410, "gone", gone=True)
REFUSED = Rejected(Reason.CLIENT, 400, "no")
PAUSE = timedelta(seconds=30)


def channel(
    name: str,
    *outcomes: Outcome,
    rate: str | None = None,
    failures: int | None = None,
    hands: int = 1,
    waits: tuple[int, ...] = (10,),
) -> ScriptedChannel:
    """Return a channel that answers from a script; with `failures`, so many in a row pause it."""
    made = ScriptedChannel(name, *outcomes)
    made.policy = ChannelPolicy(
        RetryPolicy(waits=tuple(timedelta(seconds=each) for each in waits), jitter=0),
        timedelta(seconds=10),
        hands,
        parse_rate(rate) if rate else None,
        BreakerPolicy(failures, PAUSE) if failures else None,
    )
    return made


def of_learners(count: int, first: int = 0) -> list[dict[str, object]]:
    """Return completions of as many learners."""
    return [
        completion(f"e{number}", learner={"name": "Aluna", "email": f"aluna{number}@aluna.example"})
        for number in range(first, first + count)
    ]
