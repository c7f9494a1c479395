"""What one channel may send now, by its rate and its breaker; a channel in good order costs nothing extra.

The store has the truth, since other nodes and commands change it too; a gate remembers for a moment only
that its channel has no trouble. Everything here runs in the transaction that claims or records.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from bridge.channels.base import Channel
from bridge.core.breaker import (
    FRESH,
    Breaker,
    BreakerPolicy,
    Phase,
    Sign,
    follow,
    may_send,
    sign,
    try_out,
    unheard,
)
from bridge.core.outcomes import Delivered, Outcome
from bridge.core.rates import allowed, taken
from bridge.core.trouble import Trouble
from bridge.store import channels, incidents
from bridge.store.channels import Standing
from bridge.store.database import Connection
from bridge.store.news import tell_of_channel

Item = TypeVar("Item")
Following = Callable[[Connection], None]
LOOK_AGAIN = timedelta(milliseconds=500)
"""How long a claim goes by what the last one read; a worker claims every second at least."""
FRESH_FOR = timedelta(seconds=3)
"""How long, between claims, a channel that was found in good order is taken to be so."""
_ALL = 10_000
PATIENCE_MARGIN = timedelta(seconds=60)
"""How much longer than an attempt's time limit a try may be unheard of before another one is made."""


class Let(Struct, Generic[Item], frozen=True):
    """What was let through, and if more has to wait, until when; None: until something happens."""

    items: Sequence[Item]
    until: datetime | None = None


class Gate:
    """Stands before one channel, in each process that works on it."""

    def __init__(self, channel: Channel) -> None:
        self._name = channel.name
        self._rate = channel.policy.rate
        self._breaker = channel.policy.breaker
        self._patience = channel.policy.timeout + PATIENCE_MARGIN
        policy = self._breaker or BreakerPolicy()
        self._longest = max(policy.longest, self._patience)
        self._calm = False
        self._seen = FRESH
        self._known_at: datetime | None = None
        self.pauses = 0
        """How often this process has seen the channel pause, stop, or be asked for silence."""

    def is_known_free(self, now: datetime) -> bool:
        """Return whether a message may go without asking: no rate, and no sign of trouble a moment ago."""
        return self._rate is None and self._calm and self._is_recent(now, FRESH_FOR)

    def forget(self) -> None:
        """Ask the store before anything else is let through: another process changed something."""
        self._known_at = None

    def let(
        self, connection: Connection, now: datetime, limit: int, claim: Callable[[int], Sequence[Item]]
    ) -> Let[Item]:
        """Claim as many of `limit` as may be sent now; `claim` takes a number and leases at most so many."""
        if self._is_free(connection, now):
            return Let(claim(limit))
        standing = channels.lock(connection, self._name)
        self._know(standing.breaker, now)
        count, until = self._allowed(standing, now, limit)
        if not count:
            return Let((), until)
        items = claim(count)
        after = self._after(standing, now, len(items))
        if after != standing:
            channels.write(connection, self._name, after)
        more = len(items) == count < limit
        return Let(items, self._allowed(after, now, 1)[1] if more else None)

    def stays(self, outcome: Outcome) -> bool:
        """Return whether the channel is in good order, and an outcome leaves it so."""
        if not self._calm:
            return False
        return isinstance(outcome, Delivered) or sign(outcome) in (Sign.UP, Sign.NONE)

    def following(self, outcome: Outcome, now: datetime) -> Following | None:
        """Return what to do in the transaction that records an outcome; None for nothing."""
        if self.stays(outcome):
            return None
        self._calm = False  # decided here, not in the transaction, which may be run again
        self._see(follow(self._breaker, self._seen, outcome, now), now)
        return lambda connection: self._follow(connection, outcome, now)

    def returning(self, now: datetime) -> Following | None:
        """Return what to do in the transaction that ends a claimed delivery unsent; None for nothing."""
        if self._calm and self._rate is None:
            return None
        return lambda connection: self._return(connection, now)

    def _is_free(self, connection: Connection, now: datetime) -> bool:
        if self._rate is not None:
            return False
        if not (self._calm and self._is_recent(now, LOOK_AGAIN)):
            self._know(channels.read(connection, self._name).breaker, now)
        return self._calm

    def _is_recent(self, now: datetime, limit: timedelta) -> bool:
        """Return whether what is known is not older; a clock that was set back makes nothing younger."""
        return self._known_at is not None and self._known_at <= now < self._known_at + limit

    def _know(self, breaker: Breaker, now: datetime) -> None:
        self._see(breaker, now)
        self._calm = breaker == FRESH
        self._known_at = now

    def _see(self, breaker: Breaker, now: datetime) -> None:
        """Take in a new state; once it lets nothing through, what was claimed before goes back."""
        shut = not may_send(breaker, now, 1, self._longest)[0]
        self.pauses += shut and may_send(self._seen, now, 1, self._longest)[0]
        self._seen = breaker

    def _allowed(self, standing: Standing, now: datetime, limit: int) -> tuple[int, datetime | None]:
        count, until = may_send(standing.breaker, now, limit, self._longest)
        if not count or self._rate is None:
            return count, until
        allowance = allowed(self._rate, standing.arrival, now, count)
        return allowance.count, allowance.until

    def _after(self, standing: Standing, now: datetime, count: int) -> Standing:
        if not count:
            return standing
        arrival = taken(self._rate, standing.arrival, now, count) if self._rate else standing.arrival
        return Standing(try_out(standing.breaker, now, self._patience), arrival)

    def _follow(self, connection: Connection, outcome: Outcome, now: datetime) -> None:
        standing = channels.lock(connection, self._name)
        breaker = follow(self._breaker, standing.breaker, outcome, now)
        if breaker != standing.breaker:
            channels.write(connection, self._name, replace(standing, breaker=breaker))
            self._see(breaker, now)
            tell(connection, self._name, standing.breaker, breaker, now)
            if breaker.phase is not standing.breaker.phase:
                tell_of_channel(connection, self._name)

    def _return(self, connection: Connection, now: datetime) -> None:
        standing = channels.lock(connection, self._name)
        arrival = taken(self._rate, standing.arrival, now, -1) if self._rate else standing.arrival
        channels.write(connection, self._name, Standing(unheard(standing.breaker, now), arrival))


def tell(connection: Connection, channel: str, before: Breaker, after: Breaker, now: datetime) -> None:
    """Note as an incident what a channel's new state means to its owner."""
    match after.phase:
        case Phase.WORKING if before.phase is not Phase.WORKING:
            incidents.ended(connection, Trouble.PAUSED, channel, now=now)
            incidents.ended(connection, Trouble.STOPPED, channel, now=now)
        case Phase.PAUSED if after.pauses > before.pauses:
            if before.phase is Phase.WORKING:
                incidents.goes_on(connection, Trouble.PAUSED, channel)
            incidents.happened(connection, Trouble.PAUSED, channel, now=now, why=after.why)
        case Phase.STOPPED if before.phase is not Phase.STOPPED:
            incidents.replaced(connection, Trouble.PAUSED, channel, now=now)
            incidents.happened(connection, Trouble.STOPPED, channel, now=now, why=after.why)
        case _:
            pass


def forget_all_but(connection: Connection, configured: Collection[str], now: datetime) -> None:
    """End the trouble of channels that are no longer configured, of which nothing could end it.

    Whoever took them out knows. If one comes back it has to break anew; what a person paused stays so.
    """
    for incident in incidents.lasting(connection, _ALL):
        if incident.kind in (Trouble.PAUSED, Trouble.STOPPED) and incident.subject not in configured:
            standing = channels.lock(connection, incident.subject)
            channels.write(connection, incident.subject, replace(standing, breaker=FRESH))
            incidents.replaced(connection, incident.kind, incident.subject, now=now)
