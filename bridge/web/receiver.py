"""What the public listener needs of the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from bridge.pipeline.answer import Answer
from bridge.sources.base import Source


class Receiver(Protocol):
    """What becomes of a request: `bridge.pipeline.ingest.Ingest`."""

    @property
    def sources(self) -> Mapping[str, Source]:
        """The configured sources by name."""
        ...

    async def receive(self, source: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Verify, store, answer; never raises for anything a sender can send."""
        ...

    def take(
        self, source: str, headers: Mapping[str, str], body: bytes, told: Callable[[Answer], None]
    ) -> bool:
        """Store an authentic request and call `told` with the answer, later in the event loop.

        False, and nothing done, for any other request.
        """
        ...
