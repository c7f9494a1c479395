"""Counts what senders are told, for `/metrics`."""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from bridge.clock import Clock
from bridge.web.receiver import Receiver


class Counting(Collector):
    """Counts answers by status and source, which is empty when there is none.

    Counted in the event loop alone, without the locks of a `Counter`, and made a metric when somebody asks.
    """

    def __init__(self, registry: CollectorRegistry, receiver: Receiver, clock: Clock) -> None:
        self._receiver = receiver
        self._clock = clock
        self._counts: dict[tuple[str, int], int] = {}
        self._began: dict[tuple[str, int], float] = {}
        registry.register(self)

    def count(self, source: str, status: int) -> None:
        """Count one answer."""
        pair = (source, status)
        if pair in self._counts:
            self._counts[pair] += 1
            return
        known = (source if source in self._receiver.sources else "", status)
        self._began.setdefault(known, self._clock.now().timestamp())
        self._counts[known] = self._counts.get(known, 0) + 1

    def collect(self) -> Iterator[Metric]:
        """Return what was counted; called in a thread."""
        family = CounterMetricFamily(
            "bridge_hook_requests", "Requests to /hooks/ by answer.", labels=["source", "status"]
        )
        for (source, status), count in list(self._counts.items()):
            family.add_metric([source, str(status)], count, created=self._began[source, status])
        yield family

    def counted(self, handler: Handler) -> Handler:
        """Return `handler`, its answers counted."""

        async def counting(request: web.Request) -> web.StreamResponse:
            response = await handler(request)
            self.count(request.match_info["source"], response.status)
            return response

        return counting
