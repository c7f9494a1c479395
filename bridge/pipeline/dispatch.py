"""What the plan for entries leads to, in one transaction: claims, outbox rows, and the entries done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice

from msgspec.structs import replace

from bridge.core.events import Event
from bridge.pipeline.node import Node, Point
from bridge.pipeline.outlet import Outlet
from bridge.pipeline.patience import until_written
from bridge.pipeline.plan import Park, Planner, Settle
from bridge.pipeline.planned import Planned
from bridge.pipeline.register import Place, Register
from bridge.pipeline.rulebook import Rulebook
from bridge.pipeline.settling import Draft, Stored, Verdict, settle_all
from bridge.store.entries import Entry
from bridge.store.outbox import LeaseLost

Read = Park | Settle | tuple[Event, ...]
"""What an entry holds: its events, or what becomes of it without any."""
DRAFT_BYTES = 64 * 1024
"""What is larger is stored before anything is decided about it."""
_PLANNED, _DISPATCHED = Point.PLANNED, Point.DISPATCHED  # see `core.outcomes.State`


class Dispatcher:
    """Takes entries through the rules; `outlets` are the channels at work.

    With a `rulebook`, summaries name the rules that decided, for explanations later on. `trouble` is called
    when a rule was paused, or an entry parked.
    """

    def __init__(
        self,
        node: Node,
        register: Register,
        planner: Planner,
        outlets: Mapping[str, Outlet],
        rulebook: Rulebook | None = None,
        trouble: Callable[[], None] = lambda: None,
    ) -> None:
        self._node = node
        self._register = register
        self._planner = planner
        self._outlets = outlets
        self._rulebook = rulebook
        self._trouble = trouble
        # What asks the store before it is planned must not be overtaken by what follows it.
        self._turn = asyncio.Lock()
        # What is decided is written in that order too, however long the store is away: by one at a time, who
        # takes along what has been decided meanwhile.
        self._writing = asyncio.Lock()
        self._decided: list[Verdict] = []

    async def dispatch(self, claimed: Sequence[tuple[Entry, str]]) -> None:
        """Finish or park claimed entries, each with its lease; an error of ours parks the one at fault.

        While the store is away it waits: an entry that is taken up anew has ended its process, or lost its
        lease, and one that keeps doing so is parked.
        """
        async with self._turn:
            rules = {} if self._rulebook is None else {"rules": await self._rulebook.kept()}
            entries = [entry for entry, _ in claimed]
            known = await self._known([(entry, self._read(entry)) for entry in entries])
            plans = [
                await self._shown(entry, plan) if isinstance(plan, Settle) and plan.unshown else plan
                for entry, plan in zip(entries, map(self._plan, entries, known), strict=True)
            ]
            self._decided += [
                Verdict(entry, lease, plan, rules)
                for (entry, lease), plan in zip(claimed, plans, strict=True)
            ]
        async with self._writing:
            verdicts, self._decided = self._decided, []
            if verdicts:  # else whoever was before has written them
                await self._write(verdicts)

    def drafts(self, entries: Sequence[Entry], now: datetime) -> list[Draft]:
        """Decide about entries that are not stored yet: the first of them, as far as that goes.

        It ends where anything fails or the store has to be asked, and does not begin behind what waits for
        that. A draft obliges to `follow` it or to `drop` it.
        """
        rules = self._rules_at_hand(now)
        drafts: list[Draft] = []
        if rules is None or self._turn.locked():
            return drafts
        for entry in entries:
            draft = self._draft(entry, rules, now)
            if draft is None:
                break
            drafts.append(draft)
            self._node.reached(_PLANNED)
        return drafts

    @property
    def is_ready(self) -> bool:
        """Whether the store need not be asked before anything can be decided."""
        return self._rules_at_hand(self._node.clock.now()) is not None and not self._turn.locked()

    def follow(self, draft: Draft, seq: int, stored: Stored) -> None:
        """Go on with what was stored together with its entry, under this number."""
        self._node.reached(_DISPATCHED)
        plan = draft.plan
        if plan.planned:
            self._go_on(replace(draft.entry, seq=seq), plan.planned, stored)
        self._tell(draft.entry.source, seq, plan, stored)

    def drop(self, draft: Draft) -> None:
        """Forget a draft that was not stored."""
        self._let_go(draft.plan)

    def doubt(self, plan: Park | Settle) -> None:
        """Have the outlets look for what may be stored all the same."""
        if isinstance(plan, Settle):
            for each in plan.planned:
                if each.offer is not None:
                    self._outlets[each.delivery.channel].doubt(each.offer)

    def _draft(self, entry: Entry, rules: Mapping[str, object], now: datetime) -> Draft | None:
        if len(entry.body) > DRAFT_BYTES:
            return None
        try:
            events = self._planner.read(entry)
            if not isinstance(events, tuple) or not self._register.passes(events):
                return None
            plan = self._planner.plan(entry, events, now)
        except Exception:  # noqa: BLE001 - it is stored as it came, and the mistake shows again where it is recorded
            return None
        if plan.tallies or plan.unshown:  # they need the entry's number, or more time
            self._planner.let_go(plan.planned)
            return None
        return Draft(entry, plan, rules, now)

    def _rules_at_hand(self, now: datetime) -> Mapping[str, object] | None:
        return _NO_RULES if self._rulebook is None else self._rulebook.at_hand(now)

    def _read(self, entry: Entry) -> Read:
        try:
            return self._planner.read(entry)
        except Exception as error:  # recorded with its traceback; one entry must not stop the others
            self._node.log.exception("entry parked after an unexpected error", entry=entry.seq)
            return Park(_unexpected(error))

    async def _known(self, read: Sequence[tuple[Entry, Read]]) -> list[Read]:
        """Return what was read with what is known of the learners; what they did is noted before."""
        events = [
            (Place(entry.seq, index), event)
            for entry, found in read
            if isinstance(found, tuple)
            for index, event in enumerate(found)
        ]
        try:
            known = iter(await self._register.enter(events))
        except Exception as error:  # recorded with its traceback, and the one at fault is found
            if len(read) > 1:
                return [(await self._known([each]))[0] for each in read]
            entry = read[0][0]
            self._node.log.exception("entry parked after an unexpected error", entry=entry.seq)
            return [Park(_unexpected(error))]
        return [tuple(islice(known, len(found))) if isinstance(found, tuple) else found for _, found in read]

    def _plan(self, entry: Entry, read: Read) -> Park | Settle:
        plan: Park | Settle
        try:
            now = self._node.clock.now()
            plan = self._planner.plan(entry, read, now) if isinstance(read, tuple) else read
        except Exception as error:  # recorded with its traceback; one entry must not stop the others
            self._node.log.exception("entry parked after an unexpected error", entry=entry.seq)
            plan = Park(_unexpected(error))
        self._node.reached(_PLANNED)
        return plan

    async def _shown(self, entry: Entry, plan: Settle) -> Park | Settle:
        """Return a plan with the messages that are only shown, and take long to make."""
        try:
            planned = [
                each if each.to_show is None else replace(each, shown=await each.to_show(), to_show=None)
                for each in plan.planned
            ]
        except Exception as error:  # recorded with its traceback; one entry must not stop the others
            self._node.log.exception("entry parked after an unexpected error", entry=entry.seq)
            self._let_go(plan)
            return Park(_unexpected(error))
        return replace(plan, planned=planned, unshown=False)

    async def _write(self, verdicts: Sequence[Verdict]) -> None:
        """Write together; where that fails, in halves, so that one does no harm to the others."""
        try:
            stored = await self._written(verdicts)
        except LeaseLost as error:  # the one whose it no longer is, or was before a commit of ours, is found
            await self._apart(verdicts, error)
        except Exception as error:  # recorded with its traceback, and the one at fault is found
            self._node.log.exception(
                "entries not written", first=verdicts[0].entry.seq, entries=len(verdicts)
            )
            await self._apart(verdicts, error)
        else:
            for verdict, deliveries in zip(verdicts, stored, strict=True):
                self._node.reached(_DISPATCHED)
                self._follow(verdict, deliveries)

    async def _written(self, verdicts: Sequence[Verdict]) -> list[Stored]:
        now, secret = self._node.clock.now(), self._node.database.secret
        return await until_written(
            self._node,
            lambda connection: settle_all(connection, verdicts, now, secret),
            "entries wait, the store cannot be written",
            entry=verdicts[0].entry.seq,
            entries=len(verdicts),
        )

    async def _apart(self, verdicts: Sequence[Verdict], error: Exception) -> None:
        """Write one half after the other, or park the only one."""
        if len(verdicts) > 1:
            middle = len(verdicts) // 2
            await self._write(verdicts[:middle])
            await self._write(verdicts[middle:])
            return
        self._let_go(verdicts[0].plan)
        if isinstance(error, LeaseLost):  # it may be a commit of our own that has closed the entry
            why = "entry is under its lease no more: another node has it, or it is done"
            self._node.log.warning(why, entry=verdicts[0].entry.seq)
            self.doubt(verdicts[0].plan)
        else:
            entry, lease = verdicts[0].entry, verdicts[0].lease
            await self._write([Verdict(entry, lease, Park(_unexpected(error)), {})])

    def _follow(self, verdict: Verdict, stored: Stored) -> None:
        """Go on with what was written of an entry, and tell."""
        entry, plan = verdict.entry, verdict.plan
        if isinstance(plan, Park):
            self._node.log.warning("entry parked", entry=entry.seq, source=entry.source, why=plan.why)
            self._trouble()
        else:
            self._go_on(entry, plan.planned, stored)
            self._tell(entry.source, entry.seq, plan, stored)

    def _go_on(self, entry: Entry, planned: Sequence[Planned], stored: Stored) -> None:
        """Have deliveries sent by their outlets, and remember the rules that keep what they make."""
        kept: list[str] = []
        for each in planned:
            new = each.delivery
            queued, outlet = stored.get(new.id), self._outlets.get(new.channel)
            if queued is not None and queued.kept:
                kept.append(new.rule)
            if outlet is not None and new.held_until is None:  # else found when its time has come
                outlet.go_on(each, queued, entry)
        if kept:
            self._halt(kept)

    def _halt(self, kept: Iterable[str]) -> None:
        for rule in sorted(self._node.halts.add(kept)):
            self._node.log.warning("rule is paused, its deliveries are kept", rule=rule)
            self._trouble()

    def _let_go(self, plan: Park | Settle) -> None:
        if isinstance(plan, Settle):
            self._planner.let_go(plan.planned)

    def _tell(self, source: str, seq: int, plan: Settle, stored: Stored) -> None:
        self._node.log.info(
            "event dispatched", entry=seq, source=source, type=plan.facts.type, deliveries=len(stored)
        )


_NO_RULES: Mapping[str, object] = {}


def _unexpected(error: Exception) -> str:
    return f"unexpected {type(error).__name__} while dispatching; see the log"
