"""Where a story is played: a clock that is moved, and destinations that are there only as the story says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, assert_never

from msgspec import Struct, field

from bridge.channels.base import Channel, ChannelPolicy, Limit
from bridge.cli.stories.plot import Spell
from bridge.clock import Clock
from bridge.core.messages import Message, Payload
from bridge.core.outcomes import Delivered, Outcome, Reason, Rejected, Retry


class VirtualClock:
    """A `Clock` that stands still until it is moved; nobody has to wait for it."""

    def __init__(self, now: datetime) -> None:
        self._now = self._began = now

    def now(self) -> datetime:
        """Return the story's time."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds since the story's first event."""
        return (self._now - self._began).total_seconds()

    async def sleep(self, seconds: float) -> None:  # noqa: ARG002  # the contract
        """Let others go on; time passes only when it is moved."""
        await asyncio.sleep(0)

    def move_to(self, moment: datetime) -> None:
        """Make it this late; never earlier than it is."""
        self._now = max(self._now, moment)


class Staged(Struct):
    """A configured channel, real but for the sending: its destination has the trouble that is given."""

    limits: ClassVar[tuple[Limit, ...]] = ()
    inner: Channel
    clock: Clock
    spells: Sequence[Spell] = field(default=())

    @property
    def name(self) -> str:
        """The name under `channels:`."""
        return self.inner.name

    @property
    def policy(self) -> ChannelPolicy:
        """That of the channel."""
        return self.inner.policy

    def encode(self, message: Message, settings: Mapping[str, object]) -> Payload:
        """Make the bytes that the channel would send."""
        return self.inner.encode(message, settings)

    async def send(self, payload: Payload, delivery_id: str) -> Outcome:  # noqa: ARG002
        """Answer as the story has it; nothing leaves the house."""
        now = self.clock.now()
        spell = next((each for each in self.spells if each.covers(now)), None)
        return Delivered() if spell is None else _outcome(spell)

    async def open(self) -> None:
        """Open nothing."""

    async def close(self) -> None:
        """Close nothing."""


def _outcome(spell: Spell) -> Outcome:
    match spell.trouble:
        case "down":
            return Retry(Reason.CONNECTION, answer="the destination is down in this story")
        case "rejecting":
            return Rejected(Reason.INVALID, answer="the destination rejects messages in this story")
        case "closed":
            return Rejected(Reason.AUTH, answer="the destination is gone in this story", gone=True)
        case _:
            assert_never(spell.trouble)
