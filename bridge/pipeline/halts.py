"""Which rules are paused, as far as this process knows: the store has the truth, and is asked every second.

Whoever would send for one of them asks the store first; of all other rules nobody asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from msgspec import Struct, field

from bridge.clock import Clock, rest
from bridge.logs import Log
from bridge.store import halts
from bridge.store.database import Database, StoreUnavailable

LOOK_S = 1.0
"""Seconds between looks at the store, since other nodes and commands pause rules, too."""


class Halts(Struct):
    """The `names` of rules that are known not to work."""

    names: frozenset[str] = frozenset()

    def __contains__(self, rule: object) -> bool:
        """Return whether a rule is known to be paused."""
        return rule in self.names

    def know(self, names: frozenset[str]) -> None:
        """Take in what the store says."""
        self.names = names

    def add(self, names: Iterable[str]) -> frozenset[str]:
        """Take in what was just paused here; returns what is news."""
        new = frozenset(names) - self.names
        self.names |= new
        return new

    def drop(self, rule: str) -> None:
        """Forget one that works again."""
        self.names -= {rule}


class Patrol(Struct):
    """Keeps `halts` as the store has them, until stopped."""

    halts: Halts
    database: Database
    clock: Clock
    log: Log
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Look every second."""
        while not self._stopped.is_set():
            try:
                await self.look()
            except Exception:  # logged with its traceback; the watch goes on
                self.log.exception("looking for paused rules failed")
            await rest(self.clock, LOOK_S, self._stopped)

    def stop(self) -> None:
        """End `run`."""
        self._stopped.set()

    async def look(self) -> None:
        """Ask the store; while it cannot be read, what is known is kept."""
        try:
            self.halts.know(await self.database.read(halts.halted))
        except StoreUnavailable as error:
            self.log.debug("paused rules not looked for", why=str(error))
