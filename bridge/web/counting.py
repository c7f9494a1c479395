"""Counts what senders are told, for `/metrics`."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, Counter

from bridge.web.receiver import Receiver


class Counting:
    """Counts answers by status and source, which is empty when there is none."""

    def __init__(self, registry: CollectorRegistry, receiver: Receiver) -> None:
        self._counter = Counter(
            "bridge_hook_requests", "Requests to /hooks/ by answer.", ["source", "status"], registry=registry
        )
        self._receiver = receiver
        # Finding a labelled counter costs more than counting, and there are few pairs.
        self._known: dict[tuple[str, int], Counter] = {}

    def count(self, source: str, status: int) -> None:
        """Count one answer."""
        pair = (source if source in self._receiver.sources else "", status)
        if pair not in self._known:
            self._known[pair] = self._counter.labels(pair[0], str(status))
        self._known[pair].inc()

    def counted(self, handler: Handler) -> Handler:
        """Return `handler`, its answers counted."""

        async def counting(request: web.Request) -> web.StreamResponse:
            response = await handler(request)
            self.count(request.match_info["source"], response.status)
            return response

        return counting
