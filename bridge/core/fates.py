"""What became of an action that a rule wanted, or stands in its way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct

from bridge.core.outcomes import State
from bridge.core.rules import else_name


class Later(Struct, frozen=True):
    """It would be sent at this time, and what it waits for until then."""

    at: datetime
    why: str


class Led(Struct, frozen=True):
    """It led to a delivery, which is in this state since `at`; `until` is what one that is held waits for.

    `into` says of which other delivery it became a part.
    One that is suppressed has a `why`.
    """

    delivery: str
    state: State
    at: datetime
    until: Later | None = None
    into: str | None = None
    why: str | None = None


class Held(Struct, frozen=True):
    """`once_per` forbids it: the claim `label` is another delivery's, in this state since `at`."""

    delivery: str
    state: Literal["reserved", "confirmed", "released"]
    at: datetime
    label: str


class Left(Struct, frozen=True):
    """It was, or would be, left out for this reason."""

    why: str


Fate = Led | Held | Later | Left


def sent_instead(fates: Mapping[tuple[str, str], Fate], rule: str, action: str) -> dict[str, Fate]:
    """Return what became of the actions of an action's `else:`, by their names there."""
    end = else_name("", action)
    return {
        name.removesuffix(end): fate
        for (of, name), fate in fates.items()
        if of == rule and name.endswith(end)
    }
