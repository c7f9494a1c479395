"""Whether a claimed delivery may be sent now: by its time, its rule, what happened meanwhile, its people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from bridge.core.messages import Payload
from bridge.core.outcomes import State
from bridge.core.rules import OWNER_RULE, SHADOW, Action
from bridge.core.timing import From, Never, in_zone, still_held
from bridge.core.unless import meanwhile
from bridge.pipeline import gather, suppression
from bridge.pipeline.compose import Actions, Unready, event_of
from bridge.pipeline.gate import Gate
from bridge.pipeline.node import Node
from bridge.pipeline.patience import until_read, until_written
from bridge.sources.base import Source
from bridge.store import claiming, collections, halts, outbox, watches
from bridge.store.database import Connection
from bridge.store.deliveries import Due

FRESH_FOR = timedelta(seconds=5)
"""How long after a message was stored nobody is asked again whether its people may get it."""

_NOT_WRITTEN = "delivery waits, the store cannot be written"


class Admission:
    """Lets deliveries of one channel through, or ends them, or has them wait."""

    def __init__(
        self,
        node: Node,
        actions: Actions,
        sources: Mapping[str, Source],
        gate: Gate,
        wake: Callable[[], None],
    ) -> None:
        """`wake` is called when a delivery that waited for the end of another one may be due."""
        self._node = node
        self._actions = actions
        self._sources = sources
        self._gate = gate
        self._wake = wake

    def is_free(self, due: Due) -> bool:
        """Return whether nothing can hold it: most have neither an expiry nor anything to wait for."""
        if due.expires_at is not None or due.rule in self._node.halts:
            return False
        action = self._actions.get((due.rule, due.action))
        return action is None or never_holds(action)

    async def is_held(self, due: Due, lease: str) -> bool:
        """Return whether this is not the time to send it; then it waits for its time, or has expired.

        What a person retries goes out at any hour.
        """
        now, action = self._node.clock.now(), self._action_of(due)
        if due.rule in self._node.halts and await self._is_kept(due, lease, now):
            return True
        quiet = action.quiet_hours if action and due.trigger != "person" else None
        match still_held(quiet, due.expires_at, now):
            case From(why=None):
                return await self.is_withdrawn(due, lease, action, now)
            case From(at=until, why=str(why)):
                await self.hold(due, lease, action, now, until, why)
            case Never(why=why):
                await self._expire(due, lease, now, why)
        return True

    async def is_withdrawn(self, due: Due, lease: str, action: Action | None, now: datetime) -> bool:
        """Return whether what its `unless:` names has happened while it was under way before."""
        if action is None or action.unless is None or due.trigger == "person":
            return False
        waiting = "delivery waits, the store cannot be read"
        seen = await until_read(self._node, lambda c: watches.seen_by(c, due.seq), waiting, delivery=due.id)
        if seen is None:
            return False
        why = meanwhile(seen.kind, seen.entry)
        await self.end(due, lambda c: watches.withdraw(c, due.seq, lease=lease, id_=due.id, now=now, why=why))
        self._node.log.info("delivery withdrawn", delivery=due.id, rule=due.rule, channel=due.channel)
        return True

    async def stored(self, due: Due, lease: str, payload: Payload) -> Due | None:
        """Store what was composed for a delivery, and ask whom it may reach; None if the lease is lost."""
        asked_at, secret = self._node.clock.now(), self._node.database.secret

        def store(connection: Connection) -> bool | None:
            if not claiming.store_payload(connection, due.seq, lease=lease, payload=payload):
                return None
            return not suppression.allowed(connection, secret, payload).kept_from

        for_all = await until_written(self._node, store, _NOT_WRITTEN, delivery=due.id)
        if for_all is None:
            return None
        return replace(due, payload=payload, asked_at=asked_at if for_all else None)

    async def permitted(self, due: Due, lease: str, payload: Payload) -> Payload | None:
        """Return what its people may get of a message; None if that is nothing, and it has ended.

        What was stored a moment ago was asked about then.
        """
        if due.rule == OWNER_RULE or not suppression.has_people(payload):
            return payload
        now = self._node.clock.now()
        if is_fresh(due, now):
            return payload
        waiting, secret = "delivery waits, the store cannot be read", self._node.database.secret
        people = await until_read(
            self._node, lambda c: suppression.allowed(c, secret, payload), waiting, delivery=due.id
        )
        if people.to:
            return suppression.only_for(payload, people.to) if people.kept_from else payload

        def suppress(connection: Connection) -> bool:
            ended = outbox.suppress(connection, due.seq, lease=lease, now=now, why=people.why)
            if ended and due.held_until is not None:
                collections.follow(connection, due.seq, State.SUPPRESSED, now=now)
            return ended

        await self.end(due, suppress)
        self._node.log.info("delivery suppressed", delivery=due.id, rule=due.rule, channel=due.channel)
        return None

    async def hold(
        self, due: Due, lease: str, action: Action | None, now: datetime, until: datetime, why: str
    ) -> None:
        """Let a delivery wait for a time, by itself or with others that wait for the same."""

        def hold(connection: Connection) -> bool:
            held = outbox.hold(connection, due.seq, lease=lease, now=now, until=until, why=why)
            if held:
                gather.regroup(connection, self._node.database.secret, due, action, until)
            return held

        await self.end(due, hold)
        self._node.log.info("delivery held", delivery=due.id, rule=due.rule, channel=due.channel, why=why)

    async def withhold(self, due: Due, lease: str) -> None:
        """Show what was collected in shadow mode, and send nothing."""
        now = self._node.clock.now()
        await self.end(due, lambda c: outbox.withhold(c, due.seq, lease=lease, now=now, why=SHADOW))
        self._node.log.info("delivery withheld", delivery=due.id, rule=due.rule, channel=due.channel)

    async def end(self, due: Due, end: Callable[[Connection], bool]) -> bool:
        """End a delivery that was not sent, and let another one have its place at the gate.

        Returns whether it did end.
        """
        back = self._gate.returning(self._node.clock.now())

        def write(connection: Connection) -> bool:
            ended = end(connection)
            if ended and back is not None:
                back(connection)
            return ended

        ended = await self.written(due, write)
        self._wake()
        return ended

    async def written(self, due: Due, write: Callable[[Connection], bool]) -> bool:
        """Write, however long the store is away: nobody else takes up what is at work here."""
        return await until_written(self._node, write, _NOT_WRITTEN, delivery=due.id)

    async def _is_kept(self, due: Due, lease: str, now: datetime) -> bool:
        """Return whether its rule has been paused; then it waits for a person, unless one asked for it."""
        if due.trigger == "person":
            return False
        kept = await self.end(due, lambda c: halts.keep(c, due.rule, due.seq, lease=lease, now=now))
        if kept:
            self._node.log.info("delivery kept", delivery=due.id, rule=due.rule, channel=due.channel)
        return kept

    async def _expire(self, due: Due, lease: str, now: datetime, why: str) -> None:
        def expire(connection: Connection) -> bool:
            expired = outbox.expire(connection, due.seq, lease=lease, now=now, why=why)
            if expired and due.held_until is not None:
                collections.follow(connection, due.seq, State.EXPIRED, now=now)
            return expired

        await self.end(due, expire)
        self._node.log.info("delivery expired", delivery=due.id, rule=due.rule, channel=due.channel)

    def _action_of(self, due: Due) -> Action | None:
        """Return the action of a delivery, with the hours of its course."""
        action = self._actions.get((due.rule, due.action))
        if action is None or action.quiet_hours is None or not self._node.catalogue.has_zones:
            return action
        event = event_of(due.entry, due.event_index, self._sources)
        zone = None if isinstance(event, Unready) else self._node.catalogue.zone_of(event)
        return in_zone(action, zone) if zone is not None else action


def is_fresh(due: Due, now: datetime) -> bool:
    """Return whether it was asked a moment ago whether its people may get it, and they may."""
    return due.asked_at is not None and now < due.asked_at + FRESH_FOR


def never_holds(action: Action) -> bool:
    """Return whether an action lets its messages go at any time, whatever has happened."""
    return action.quiet_hours is None and action.unless is None
