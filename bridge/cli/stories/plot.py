"""A story ready to be played: aware times, the bytes of every request, and what is expected."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from msgspec import Struct, field

from bridge.config.model import CourseConfig
from bridge.core.outcomes import State

FURTHEST = timedelta(days=3653)
"""How far from its beginning a story may go: as long as the longest duration."""
Trouble = Literal["down", "rejecting", "closed"]


class Arriving(Struct, frozen=True):
    """A request that comes to a source; `headers` are those the platform sends."""

    at: datetime
    source: str
    headers: Mapping[str, str]
    body: bytes


class Spell(Struct, frozen=True):
    """A time in which a channel's destination has trouble, without its end."""

    channel: str
    trouble: Trouble
    since: datetime | None
    until: datetime | None

    def covers(self, moment: datetime) -> bool:
        """Return whether the trouble is there at a moment."""
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)


class Expected(Struct, frozen=True, kw_only=True):
    """A message that is expected; None where anything will do.

    `line` is where it stands, `typed` is what stands there.
    """

    line: int
    channel: str
    state: State = State.DELIVERED
    typed: Mapping[str, object] = field(default_factory=dict)
    at: datetime | None = None
    to: str | None = None
    subject: str | None = None
    texts: tuple[str, ...] = ()
    structure: object = None
    rule: str | None = None


class Story(Struct, frozen=True, kw_only=True):
    """One story of a file, which is its `place`-th; `expected` is None as long as nobody has written it.

    `courses` replace those of the configuration, None keeps them; only those of `rules` run, None means all.
    """

    file: Path
    place: int
    line: int
    name: str
    begins: datetime
    arriving: tuple[Arriving, ...]
    courses: Mapping[str, CourseConfig] | None
    spells: tuple[Spell, ...]
    expected: tuple[Expected, ...] | None
    rules: tuple[str, ...] | None = None
