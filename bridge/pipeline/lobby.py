"""Where entries go while the bridge still makes ready: into the store, and no further.

The public port is open before the rest is there, since senders should not wait for what only sending needs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.pipeline.inlet import Inlet
    from bridge.store.inbox import Entry, Lease


class Lobby:
    """An `Intake` that leases nothing, until it leads to one that does, and that finds what was stored."""

    def __init__(self) -> None:
        self.reserve: Callable[[], Lease | None] = lambda: None
        self.begin: Callable[[Entry, Lease], None] = _nobody_to_begin
        self.let_go: Callable[[], None] = _nothing
        self.wake: Callable[[], None] = _nothing
        self._refused: Callable[[str, str], Awaitable[None]] = _nobody_hears

    async def refused(self, source: str, why: str) -> None:
        """Pass on a wrong signature."""
        await self._refused(source, why)

    def lead_to(self, inlet: Inlet, refused: Callable[[str, str], Awaitable[None]]) -> None:
        """Give the rest to an inlet that is about to start; `refused` hears of wrong signatures."""
        self.reserve, self.begin = inlet.reserve, inlet.begin
        self.let_go, self.wake = inlet.let_go, inlet.wake
        self._refused = refused


def _nothing() -> None:
    """Do nothing: there is nobody to be told."""


def _nobody_to_begin(_entry: Entry, _lease: Lease) -> None:
    raise AssertionError("an entry was leased to a bridge that does not dispatch yet")


async def _nobody_hears(_source: str, _why: str) -> None:
    """Do nothing: trouble is not watched for yet."""
