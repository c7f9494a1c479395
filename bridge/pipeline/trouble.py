"""Tells the owner of trouble, once when it starts and once when it ends: as events in the bridge's own inbox.

From there a notice goes the way of every message: through the rules, with retries, on record.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from msgspec import Struct, field
from msgspec.structs import replace

from bridge.clock import rest
from bridge.core.breaker import Phase
from bridge.core.conditions import NOTHING
from bridge.core.durations import SKEW
from bridge.core.events import Facts as EventFacts
from bridge.core.identity import entry_key
from bridge.core.notices import Facts, notice
from bridge.core.rules import OWNER_RULE, Action, Rule
from bridge.core.trouble import ENDED, NOTICE_ID, ONCE, SOURCE, STARTED, TYPES, Trouble, event_type
from bridge.pipeline import absence
from bridge.pipeline.absence import Absence
from bridge.pipeline.forged import FORGED, Count, Forged, note
from bridge.pipeline.node import Node
from bridge.store import channels, halts, inbox, incidents, setback
from bridge.store.database import Connection, StoreUnavailable
from bridge.store.entries import NewEntry
from bridge.store.incidents import Incident

LOOK_S = 30.0
"""Seconds between looks at what broke and what recovered, when nothing asks for one at once."""
STEADY = timedelta(seconds=1)
"""How far the time of day and elapsed time may part between two looks without anybody setting the clock."""
QUIET = timedelta(hours=1)
"""Without another dead or parked delivery, parked event or refused request, for so long trouble is over.

So it is with a channel that has paused before so short a while ago, and may pause again.
"""
QUIETED = (Trouble.DEAD, Trouble.PARKED, Trouble.ENTRIES, Trouble.REFUSED)
AT_ONCE = 50
"""Incidents told of in one look."""


class Via(Struct, frozen=True):
    """The condition of an action of the owner's: that the notice is to go by it."""

    action: str

    @property
    def source(self) -> str:
        """What a person would have written."""
        return f"{{{{ data.via == '{self.action}' }}}}"

    @property
    def paths(self) -> tuple[str, ...]:
        """What it looks at."""
        return ("data.via",)

    def holds(self, facts: EventFacts) -> bool:
        """Return whether a notice goes by the action."""
        data = facts.get("data")
        return isinstance(data, Mapping) and data.get("via") == self.action


class Owner(Struct, frozen=True):
    """Who hears of trouble: how, in which language, and in which zone times are told."""

    action: Action | None
    locale: str
    zone: tzinfo

    def rules(self) -> tuple[Rule, ...]:
        """Return the rule that turns the bridge's own events into the owner's notices."""
        actions = tuple(replace(each, condition=Via(each.name)) for each in self.ways())
        return (Rule(name=OWNER_RULE, on=tuple(TYPES), when=NOTHING, actions=actions),) if actions else ()

    def ways(self) -> tuple[Action, ...]:
        """Return the ways to tell, the preferred one first."""
        return (self.action, *self.action.otherwise) if self.action else ()


NOBODY = Owner(None, "en", UTC)
"""The owner of a bridge that names none: trouble is logged and shown all the same."""


class Alarm(Struct):
    """Watches for trouble until stopped. `wake` is called when a notice was put into the inbox."""

    node: Node
    owner: Owner
    wake: Callable[[], None]
    _asked: asyncio.Event = field(default_factory=asyncio.Event)
    _forged: Count = field(default_factory=Count)
    _away: Absence | None = None
    _looked_at: tuple[datetime, float] | None = None
    """When it was looked last: the time of day, and by the clock that nobody sets."""
    _stopping: bool = False

    def look_soon(self) -> None:
        """Say that something may have broken or recovered."""
        self._asked.set()

    async def run(self) -> None:
        """Look when asked, and every half minute, until stopped; then what only this process knows."""
        while not self._stopping:
            self._asked.clear()
            await self._look()
            if not self._stopping:
                await rest(self.node.clock, LOOK_S, self._asked)
        if self._away is not None:
            await self._look()

    async def _look(self) -> None:
        try:
            await self.look()
        except Exception:  # logged with its traceback; the watch goes on
            self.node.log.exception("looking for trouble failed")

    def stop(self) -> None:
        """End `run` as soon as it has nothing under way."""
        self._stopping = True
        self._asked.set()

    async def look(self) -> int:
        """Tell of what broke and what recovered since the last look; returns how many notices were made."""
        now = self.node.clock.now()
        try:
            await self._mind_the_clock(now)
            if not self.node.database.writable:
                self._is_away(now, "its last write failed", lasts=True)
            away = self._away
            if away is None and not await self.node.database.read(incidents.any_open):
                return 0
            forged = self._forged.unnoted()
            made, noted = await self.node.database.write(lambda c: self._tell(c, now, away, forged))
        except StoreUnavailable as error:
            self._is_away(now, str(error), lasts=True)
            return 0
        if self._away is away:  # and not what happened meanwhile
            self._away = None
        self._forged.are_noted(noted)
        self._report(made)
        return len(made)

    def unstored(self, why: str) -> None:
        """Note that a sender was asked to come back, however soon the store was there again."""
        self._is_away(self.node.clock.now(), why, lasts=False)

    async def _mind_the_clock(self, now: datetime) -> None:
        """Set right what waits for a clock that was ahead, at the first look and when it was set back."""
        elapsed, before = self.node.clock.monotonic(), self._looked_at
        self._looked_at = now, elapsed
        if before is not None and now >= before[0] + timedelta(seconds=elapsed - before[1]) - STEADY:
            return
        database, skew = self.node.database, STEADY if self.node.alone else SKEW
        if await database.read(lambda c: setback.any_ahead(c, now=now, skew=skew)):
            count = await database.write(lambda c: setback.set_right(c, now=now, skew=skew))
            self.node.log.warning("the clock was set back, what waited for it does not", deliveries=count)

    async def refused(self, source: str, why: str) -> None:
        """Note a request with a wrong signature; several in a short time are trouble.

        Once they are, the next look notes each one that follows.
        """
        now = self.node.clock.now()
        if not self._forged.add(source, now):
            return
        try:
            await self.node.database.write(
                lambda c: incidents.happened(c, Trouble.REFUSED, source, now=now, why=why, count=FORGED)
            )
        except StoreUnavailable as error:
            self.node.log.warning("refused signatures not noted", source=source, why=str(error))
        self.look_soon()

    def _is_away(self, now: datetime, why: str, *, lasts: bool) -> None:
        """Remember a store that cannot be used; nothing can be written down of it yet."""
        if self._away is None:
            self._away = Absence(now, why, lasts)
            self.node.log.error("the store cannot be used, the owner is told when it can", why=why)
        self._away.lasts |= lasts

    def _tell(
        self, connection: Connection, now: datetime, away: Absence | None, forged: Sequence[Forged]
    ) -> tuple[list[Incident], Sequence[Forged]]:
        """Write what there is to tell; returns the notices, and the forged requests that are noted now."""
        noted = note(connection, forged)
        if away is not None:
            absence.note(connection, away, quiet=QUIET, now=now)
        for kind in QUIETED:
            incidents.quieted(connection, kind, since=now - QUIET, now=now)
        found = incidents.untold(connection, AT_ONCE, quiet=QUIET, now=now)
        return [each for each in found if self._told(connection, each, now)], noted

    def _told(self, connection: Connection, incident: Incident, now: datetime) -> bool:
        """Put a notice into the inbox; False if another node did."""
        if not incidents.told(connection, incident, now=now):
            return False
        if incident.kind in ONCE:
            incidents.replaced(connection, incident.kind, incident.subject, now=now)
        body = self._event(connection, incident, now)
        entry = NewEntry(
            source=SOURCE,
            key=entry_key(SOURCE, str(body["id"])),
            delivery_key=str(body["id"]),
            headers={},
            body=json.dumps(body).encode(),
            received_at=now,
        )
        inbox.accept(connection, entry)
        return True

    def _event(self, connection: Connection, incident: Incident, now: datetime) -> dict[str, object]:
        over = incident.ended_at is not None
        facts = Facts(
            trouble=incident.kind,
            subject=incident.subject,
            since=incident.started_at,
            ended=incident.ended_at,
            count=incident.count,
            waiting=_waiting(connection, incident, now),
            why=incident.why,
        )
        said = notice(facts, self.owner.locale, self.owner.zone)
        return {
            "id": f"{NOTICE_ID}{incident.seq}-{'ended' if over else 'started'}",
            "event": event_type(incident.kind),
            "kind": ENDED if over else STARTED,
            "at": now.isoformat(),
            "data": {
                "subject": incident.subject,
                "since": incident.started_at.isoformat(),
                "count": facts.count,
                "waiting": facts.waiting,
                "why": facts.why,
                "title": said.title,
                "paragraphs": said.paragraphs,
                "commands": said.commands,
                "text": said.text,
                "via": self._way(connection),
            },
        }

    def _way(self, connection: Connection) -> str:
        """Return the first way to the owner whose channel works, or the preferred one, which will wait."""
        ways = self.owner.ways()
        for way in ways:
            if channels.read(connection, way.channel).breaker.phase is Phase.WORKING:
                return way.name
        return ways[0].name if ways else ""

    def _report(self, made: list[Incident]) -> None:
        for incident in made:
            ended = incident.ended_at is not None
            say = self.node.log.info if ended else self.node.log.error
            say(
                "trouble is over" if ended else "trouble",
                trouble=str(incident.kind),
                subject=incident.subject,
                since=incident.started_at.isoformat(timespec="seconds"),
                told=bool(self.owner.action),
            )
        if made:
            self.wake()


def _waiting(connection: Connection, incident: Incident, now: datetime) -> int:
    """Return how many deliveries wait for the end of a trouble."""
    match incident.kind:
        case Trouble.PAUSED | Trouble.STOPPED:
            return channels.kept_waiting(connection, incident.subject, now=now)
        case Trouble.RULE:
            return halts.count_kept(connection, incident.subject)
        case _:
            return 0
