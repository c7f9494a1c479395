"""What Prometheus reads: the counters of this process, and the store's backlog, counted when it asks.

https://prometheus.io/docs/instrumenting/writing_exporters/
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bridge import __version__
from bridge.core.breaker import Phase
from bridge.core.trouble import Trouble
from bridge.store import channels, incidents, views
from bridge.store.channels import UNTOUCHED, Standing
from bridge.store.database import StoreUnavailable
from bridge.store.incidents import Incident
from bridge.store.views import Backlog
from bridge.web.desk import Desk

_Read = tuple[Backlog, Mapping[str, Standing], list[Incident]]


class Metrics:
    """The handler of `/metrics`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def handle(self, _: web.Request) -> web.Response:
        """Answer with everything in the text format; a store that is away is itself a measurement."""
        now = self._desk.clock.now()
        try:
            read = await self._desk.store.read(
                lambda c: (views.backlog(c, now=now), channels.list_all(c), incidents.lasting(c))
            )
        except StoreUnavailable:
            read = None
        body = await asyncio.to_thread(self._text, _Snapshot(self._desk.channels, read, now))
        headers = {"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"}
        return web.Response(body=body, headers=headers)

    def _text(self, snapshot: _Snapshot) -> bytes:
        return generate_latest(self._desk.registry) + generate_latest(snapshot)


class _Snapshot(Collector):
    """The store's backlog as metrics; only what is open or stuck, so a large store costs no more."""

    def __init__(self, names: Iterable[str], read: _Read | None, now: datetime) -> None:
        self._names = tuple(names)
        self._backlog = read[0] if read else None
        self._standings = read[1] if read else {}
        self._troubles = read[2] if read else []
        self._now = now

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("bridge_info", "The running version.", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        yield GaugeMetricFamily(
            "bridge_store_up", "Whether the store can be read.", self._backlog is not None
        )
        if self._backlog is not None:
            yield from self._events(self._backlog)
            yield from self._deliveries(self._backlog)
            yield self._states()
            yield self._broken()

    def _states(self) -> Metric:
        states = GaugeMetricFamily(
            "bridge_channel_state", "1 for the state that a channel is in.", labels=["channel", "state"]
        )
        for name in self._names:
            phase = self._standings.get(name, UNTOUCHED).breaker.phase
            for each in Phase:
                states.add_metric([name, each], each is phase)
        return states

    def _broken(self) -> Metric:
        broken = GaugeMetricFamily(
            "bridge_troubles",
            "What is broken now, by kind; the owner is told of each once.",
            labels=["trouble"],
        )
        for kind in Trouble:
            broken.add_metric([kind], sum(each.kind is kind for each in self._troubles))
        return broken

    def _events(self, backlog: Backlog) -> Iterator[Metric]:
        waiting = GaugeMetricFamily("bridge_events_open", "Events not finished, by state.", labels=["state"])
        waiting.add_metric(["new"], backlog.new)
        waiting.add_metric(["parked"], backlog.parked)
        yield waiting
        yield GaugeMetricFamily(
            "bridge_oldest_new_event_seconds",
            "Age of the event that has waited longest for dispatch.",
            self._age(backlog.oldest_new),
        )

    def _deliveries(self, backlog: Backlog) -> Iterator[Metric]:
        waiting = GaugeMetricFamily(
            "bridge_deliveries_open", "Deliveries open or stuck.", labels=["channel", "state"]
        )
        for channel, states in backlog.deliveries.items():
            for state, count in states.items():
                waiting.add_metric([channel, state], count)
        yield waiting
        late = GaugeMetricFamily(
            "bridge_oldest_due_seconds", "How long the oldest due delivery has been due.", labels=["channel"]
        )
        for channel, due_at in backlog.oldest_due.items():
            late.add_metric([channel], self._age(due_at))
        yield late

    def _age(self, at: datetime | None) -> float:
        return max(0.0, (self._now - at).total_seconds()) if at else 0.0
