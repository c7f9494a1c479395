"""What every use case of one running process shares."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct, field

from bridge.clock import Clock
from bridge.core.catalogue import Catalogue
from bridge.logs import Log
from bridge.pipeline.halts import Halts
from bridge.pipeline.house import House
from bridge.pipeline.making import Making
from bridge.pipeline.trials import Trials
from bridge.store.database import Database


class Point(StrEnum):
    """The places along an event's way at which a process may end and the promises must hold."""

    ACCEPTED = "accepted"
    """The request is stored, its sender has no answer yet."""
    PLANNED = "planned"
    """The rules have decided, nothing of it is stored."""
    DISPATCHED = "dispatched"
    """The deliveries are stored, nobody knows of them yet."""
    CLAIMED = "claimed"
    """A delivery is under lease, nothing of it was sent."""
    GATHERED = "gathered"
    """What goes out with a claimed delivery is settled, nothing of it is sent."""
    SENT = "sent"
    """The destination has answered, what follows from it is not decided."""
    RECORDING = "recording"
    """The result is decided, nothing of it is stored."""


def _onward(_: Point) -> None:
    """Do nothing at a point."""


class Node(Struct, frozen=True):
    """One process. `name` stands on the leases it takes; `chance` returns a random number in [0, 1).

    `alone` says that no other process works on this store. `reached` is told of each point that work comes
    by, so that tests can end the process there. `catalogue` has the courses of the configuration, `halts` the
    rules that are paused, `trials` the deliveries that may be what ends the process, `making` makes messages
    that take long, and `public_url` is the address under which the world reaches the public listener.
    """

    name: str
    database: Database
    clock: Clock
    chance: Callable[[], float]
    log: Log
    alone: bool = False
    reached: Callable[[Point], None] = _onward
    catalogue: Catalogue = field(default_factory=Catalogue)
    halts: Halts = field(default_factory=Halts)
    public_url: str | None = None
    trials: Trials = field(default_factory=Trials)
    making: Making = field(default_factory=Making)

    @property
    def house(self) -> House:
        """What messages say of who sends them."""
        return House(self.database.secret, self.public_url)
