"""A delivery that a rule wants, and the offer to send it at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct

from bridge.core.claims import Claim
from bridge.core.digests import Gathering
from bridge.core.halts import Brake
from bridge.core.limits import Use
from bridge.core.messages import Payload
from bridge.core.threads import Addition
from bridge.core.unless import Watch
from bridge.store.deliveries import NewDelivery
from bridge.store.entries import Lease


class Offer(Struct, frozen=True):
    """What a delivery may be stored with, so that it is sent at once: its payload, and a lease of ours."""

    payload: Payload
    lease: Lease


class Planned(Struct, frozen=True):
    """A delivery that a rule wants: the claim it needs, what it watches for, the offer to send it at once.

    `use` is what it counts against, `adds` what it adds to the counts of the message that it edits, `shown`
    is the message of one that is only shown, and `to_show` makes it where that takes long; `gathering` says
    with what it waits, `brake` what may keep it.
    """

    delivery: NewDelivery
    claim: Claim | None = None
    watch: Watch | None = None
    use: Use | None = None
    shown: Payload | None = None
    to_show: Callable[[], Awaitable[Payload | None]] | None = None
    offer: Offer | None = None
    adds: Addition | None = None
    gathering: Gathering | None = None
    brake: Brake | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing has to be asked or written for it but its own row."""
        return (
            self.claim is None
            and self.watch is None
            and self.use is None
            and self.adds is None
            and self.gathering is None
            and self.brake is None
        )
