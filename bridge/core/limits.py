"""How often a rule may send: `limit: {max: 1, per: 1d, by: [learner.email]}`, counted in every such period.

Each message counts from when it is due; a period is any of that length, not a day of the calendar.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from bridge.core.claims import values_of
from bridge.core.durations import lasting
from bridge.core.events import Facts
from bridge.core.formers import memory_names
from bridge.core.identity import claim_key
from bridge.core.rules import Action


class Use(Struct, frozen=True):
    """A message that counts from `at` on against a limit of `most` for this key in `per`."""

    key: bytes
    at: datetime
    most: int
    per: timedelta

    @property
    def why(self) -> str:
        """Why one more is not sent, as a sentence."""
        return f"limit: at most {self.most} in {lasting(self.per)}"


class Uncounted(Struct, frozen=True):
    """A value that `limit: by` needs and the event does not have, so that nothing is sent."""

    path: str

    @property
    def why(self) -> str:
        """The reason, as a sentence."""
        return f"limit needs '{self.path}', which this event does not have"


def use_of(secret: bytes, action: Action, facts: Facts, at: datetime) -> Use | Uncounted | None:
    """Return what a message that is due at a time counts against; None without a limit."""
    limit = action.limit
    if limit is None:
        return None
    values = values_of(limit.by, facts)
    if isinstance(values, str):
        return Uncounted(values)
    return Use(claim_key(secret, *memory_names(action), values), at, limit.most, limit.per)
