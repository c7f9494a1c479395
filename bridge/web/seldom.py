"""Reports what happens very often, so that a flood of it is no flood of lines."""

from __future__ import annotations

from collections.abc import Callable

from bridge.logs import Log

EVERY_S = 60.0


class Seldom:
    """A warning that is logged at most once a minute, with the number of times it held since the last line.

    `monotonic` returns seconds.
    """

    def __init__(self, log: Log, event: str, monotonic: Callable[[], float]) -> None:
        self._log = log
        self._event = event
        self._monotonic = monotonic
        self._times = 0
        self._silent_until = float("-inf")

    def happened(self, **fields: object) -> None:
        """Count once more, and log it if the last line is a minute ago."""
        self._times += 1
        now = self._monotonic()
        if now >= self._silent_until:
            self._log.warning(self._event, times=self._times, **fields)
            self._silent_until = now + EVERY_S
            self._times = 0
