"""A delivery that a rule wants, and the offer to send it at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bridge.core.claims import Claim
from bridge.core.digests import Gathering
from bridge.core.halts import Brake
from bridge.core.limits import Use
from bridge.core.messages import Payload
from bridge.core.threads import Addition
from bridge.core.unless import Watch
from bridge.store.deliveries import NewDelivery
from bridge.store.inbox import Lease


# Frozen by the type checker, through `Final`: see `bridge.core.events`.
@dataclass(slots=True)
class Offer:
    """What a delivery may be stored with, so that it is sent at once: its payload, and a lease of ours."""

    payload: Final[Payload]
    lease: Final[Lease]


@dataclass(slots=True)
class Planned:
    """A delivery that a rule wants: the claim it needs, what it watches for, the offer to send it at once.

    `use` is what it counts against, `adds` what it adds to the counts of the message that it edits, `shown`
    is the message of one that is only shown, `gathering` says with what it waits, `brake` what may keep it.
    """

    delivery: Final[NewDelivery]
    claim: Final[Claim | None] = None
    watch: Final[Watch | None] = None
    use: Final[Use | None] = None
    shown: Final[Payload | None] = None
    offer: Final[Offer | None] = None
    adds: Final[Addition | None] = None
    gathering: Final[Gathering | None] = None
    brake: Final[Brake | None] = None

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
