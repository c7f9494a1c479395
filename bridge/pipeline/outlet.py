"""One channel at work: what is due is claimed, what was just planned is sent without a detour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol

from bridge.channels.base import Channel
from bridge.core.events import Facts
from bridge.core.messages import Payload
from bridge.core.rules import Action
from bridge.pipeline.compose import Actions, Unready, compose
from bridge.pipeline.deliver import Deliverer
from bridge.pipeline.doubts import Doubts
from bridge.pipeline.flights import Leased
from bridge.pipeline.gate import Gate, Let
from bridge.pipeline.node import Node
from bridge.pipeline.planned import Offer, Planned
from bridge.pipeline.recording import Reports
from bridge.pipeline.worker import Worker
from bridge.sources.base import Source
from bridge.store import claiming, outbox
from bridge.store.database import Connection, StoreInDoubt
from bridge.store.deliveries import Due, NewDelivery, Queued
from bridge.store.entries import Entry, Lease


class ClaimDue(Protocol):
    """What leases deliveries that are due: `store.claiming.claim_due`, or less than that."""

    def __call__(
        self,
        connection: Connection,
        *,
        channel: str,
        now: datetime,
        lease: Lease,
        limit: int,
        busy: Sequence[int] = (),
        alone: bool = False,
    ) -> Sequence[Due]:
        """Lease at most so many of a channel, and return them."""
        ...


class Outlet:
    """The deliverer of one channel, its loop, and the gate before it.

    `lease` returns a new name for each claim, which `claim_due` makes.
    """

    def __init__(
        self,
        node: Node,
        channel: Channel,
        actions: Actions,
        sources: Mapping[str, Source],
        lease: Callable[[], str],
        reports: Reports,
        claim_due: ClaimDue = claiming.claim_due,
    ) -> None:
        self._claim_due = claim_due
        self.channel = channel
        self._gate = Gate(channel)
        self._node = node
        self._house = node.house
        self._lease = lease
        self._deliverer = Deliverer(node, channel, actions, sources, self._gate, reports, self._wake)
        self.worker: Worker[Leased] = Worker(
            f"deliver {channel.name}",
            claim=self._claim,
            handle=self._deliverer.deliver_all,
            hands=self._deliverer.hands,
            least=self._deliverer.least,
            clock=node.clock,
            log=node.log,
        )
        self.worker.take_up = self._deliverer.take_up_for(self.worker)
        self.worker.prepare = self._prepare
        self._pauses = self._gate.pauses
        """As they were before the last claim."""
        self._offered_at: datetime | None = None
        self._offered: Lease | None = None
        """What is offered in one moment is under one lease, as what is claimed together is."""
        self._doubts = Doubts()

    def offer(self, new: NewDelivery, action: Action, facts: Facts) -> Offer | None:
        """Offer to send a new delivery at once; an offer obliges to call `go_on`, or the worker's `let_go`.

        None if it is held, has to wait its turn, or cannot be composed now: the loop finds it in the store.
        """
        now = new.created_at
        if new.due_at > now or (new.expires_at is not None and now >= new.expires_at):
            return None
        if action.thread is not None:  # what it continues is known when it is its turn
            return None
        if action.laborious:
            return None
        return self.offer_plain(new, action, facts)

    def offer_plain(self, new: NewDelivery, action: Action, facts: Facts) -> Offer | None:
        """Offer as `offer` does, for an action that nothing holds."""
        now = new.created_at
        if not self._gate.is_known_free(now):
            self.worker.look()
            return None
        if not self.worker.reserve():
            return None
        try:
            composed = self._composed(new, action, facts)
        except BaseException:
            self.worker.let_go()
            raise
        if isinstance(composed, Unready):
            self.worker.let_go()
            return None
        if self._offered is None or now is not self._offered_at:
            self._offered_at = now
            self._offered = Lease(self._lease(), now + self._deliverer.lease_for)
        return Offer(composed, self._offered)

    def shown(self, new: NewDelivery, action: Action, facts: Facts) -> Payload | None:
        """Return the message of a delivery that is only shown; None if it cannot be composed."""
        return _message(self._composed(new, action, facts))

    async def shown_apart(self, new: NewDelivery, action: Action, facts: Facts) -> Payload | None:
        """Return the same, made beside the event loop."""
        return _message(await self._node.making.apart(partial(self._composed, new, action, facts)))

    def _composed(self, new: NewDelivery, action: Action, facts: Facts) -> Payload | Unready:
        return compose(
            action=action,
            channel=self.channel,
            facts=facts,
            delivery_id=new.id,
            at=new.created_at,
            house=self._house,
        )

    def go_on(self, planned: Planned, queued: Queued | None, entry: Entry) -> None:
        """Send what was stored under the offer's lease; else give the hand back, and see to what waits."""
        offer = planned.offer
        if offer is not None and queued is not None and queued.leased:
            due = _due(queued.seq, planned, offer, entry, others_wait=not self._node.alone)
            self.worker.begin((due, offer.lease.name))
            return
        if offer is not None:
            self.worker.let_go()
        if queued is not None and not queued.kept:
            self._deliverer.wait_for(planned.delivery.lane)
            if offer is None or queued.to_claim:
                self.worker.wake()

    def doubt(self, offer: Offer) -> None:
        """Look for what was offered: it may be stored under its lease, and nobody is at it."""
        self._doubts.add(offer.lease.name)
        self.worker.wake()

    def heed(self) -> None:
        """Take into account that another process changed the channel's state, or made something due."""
        self._gate.forget()
        self.worker.wake()

    async def next_at(self, now: datetime) -> datetime | None:
        """Return when, after `now`, the next delivery may be sent; None if none waits for a time.

        To be asked after the worker's `drain`: what is due and still waits then, waits for the gate.
        """
        due = await self._node.database.read(lambda c: claiming.next_due(c, self.channel.name, now=now))
        opens = self.worker.next_at
        found = due and max(due, opens or due)
        return found if found is not None and found > now else None

    async def stop(self, deadline_s: float) -> None:
        """Start nothing more, give what is under way `deadline_s` seconds to finish, then cancel it."""
        self._deliverer.retire()
        await self.worker.stop(deadline_s)
        self._deliverer.abandon()

    def _wake(self) -> None:
        self.worker.wake()

    async def _claim(self, limit: int, busy: Sequence[Leased]) -> Sequence[Leased]:
        now = self._node.clock.now()
        lease = Lease(self._lease(), now + self._deliverer.lease_for)
        self._pauses = self._gate.pauses
        look = self._node.trials.look(self.channel.name, [due.seq for due, _ in busy], now, self._node.log)
        # A claim leaves alone what is leased; what we are at is named only where its lease may be over.
        ours = [due.seq for due, _ in busy if claiming.has_run_out(due.leased_until, now)]
        doubtful = self._doubts.names

        def claim(connection: Connection) -> Let[Due]:
            look.begin()
            for name in doubtful:
                outbox.give_back_all(connection, name, [due.seq for due, _ in busy])
            return self._gate.let(connection, now, limit, lambda count: claim_due(connection, count))

        def claim_due(connection: Connection, count: int) -> Sequence[Due]:
            claimed = self._claim_due(
                connection,
                channel=self.channel.name,
                now=now,
                lease=lease,
                limit=count,
                busy=[*ours, *look.barred],
                alone=self._node.alone,
            )
            return look.admitted(connection, claimed, lease.name, now)

        try:
            let = await self._node.database.write(claim)
        except BaseException as error:
            look.give_up()
            if isinstance(error, StoreInDoubt):
                self._doubts.add(lease.name)
            raise
        self._doubts.settle(doubtful)
        if look.end(lease.until):
            self.worker.stay_behind()
        if let.until is not None:
            self.worker.wake_at(let.until)
        return [(due, lease.name) for due in let.items]

    async def _prepare(self, items: Sequence[Leased]) -> Sequence[Leased]:
        first, name = items[0]
        lease = Lease(name, first.leased_until)  # one for all of a claim
        ready = await self._deliverer.prepared([due for due, _ in items], lease, self._pauses)
        return [(due, name) for due in ready]


def _message(composed: Payload | Unready) -> Payload | None:
    return None if isinstance(composed, Unready) else composed


def _due(seq: int, planned: Planned, offer: Offer, entry: Entry, *, others_wait: bool) -> Due:
    new = planned.delivery
    return Due(
        seq=seq,
        id=new.id,
        event_index=new.event_index,
        run=new.run,
        rule=new.rule,
        action=new.action,
        channel=new.channel,
        lane=new.lane,
        due_at=new.due_at,
        expires_at=new.expires_at,
        payload=offer.payload,
        leased_until=offer.lease.until,
        entry=entry,
        asked_at=new.created_at,
        has_claim=planned.claim is not None,
        others_wait=others_wait,
    )
