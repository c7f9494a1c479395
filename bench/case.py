"""What a benchmark is: a name, an aim, and pairs of figures, ours beside the one it is held against."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: pairs of slices in each case, and what part of a case's own amounts."""

    slices: int
    scale: float = 1.0

    def of(self, amount: int, *, least: int = 20) -> int:
        """Return this part of an amount."""
        return max(min(least, amount), round(amount * self.scale))


FULL = Effort(slices=7)
QUICK = Effort(slices=2, scale=0.1)


@dataclass(frozen=True, slots=True)
class Aim:
    """What the median of the ratios should be."""

    limit: float
    at_least: bool

    def met_by(self, ratio: float) -> bool:
        """Say whether a ratio, rounded as it is shown, is good enough."""
        shown = round(ratio, 2)
        return shown >= self.limit if self.at_least else shown <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


def at_least(limit: float) -> Aim:
    """More is better."""
    return Aim(limit, at_least=True)


def at_most(limit: float) -> Aim:
    """Less is better."""
    return Aim(limit, at_least=False)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two figures taken one right after the other; their ratio is `ours / base`."""

    base: float
    ours: float


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table."""

    name: str
    title: str
    base: str
    """What the figure is held against."""
    unit: str
    measure: Callable[[Effort], AsyncGenerator[Pair, None]]
    aim: Aim | None = None
    note: str = ""


class Missing(Exception):
    """Something that the case needs is not on this machine; the text says what."""
