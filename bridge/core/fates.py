"""What became of an action that a rule wanted, or stands in its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bridge.core.outcomes import State
from bridge.core.rules import else_name


@dataclass(frozen=True, slots=True)
class Later:
    """It would be sent at this time, and what it waits for until then."""

    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Led:
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


@dataclass(frozen=True, slots=True)
class Held:
    """`once_per` forbids it: the claim `label` is another delivery's, in this state since `at`."""

    delivery: str
    state: Literal["reserved", "confirmed", "released"]
    at: datetime
    label: str


@dataclass(frozen=True, slots=True)
class Left:
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
