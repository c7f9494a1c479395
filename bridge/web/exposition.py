"""Measurements in Prometheus's text format.

https://prometheus.io/docs/instrumenting/writing_exporters/
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bridge import __version__
from bridge.core.breaker import Phase
from bridge.core.trouble import Trouble
from bridge.store.channels import UNTOUCHED
from bridge.store.views import Backlog
from bridge.web.metrics import Measured


def exposed(measured: Measured) -> tuple[str, bytes]:
    """Return the content type, and what was measured as text."""
    return CONTENT_TYPE_LATEST, generate_latest(_Snapshot(measured))


class _Snapshot(Collector):
    """What was measured as metrics; only what is open or stuck, so a large store costs no more."""

    def __init__(self, measured: Measured) -> None:
        self._measured = measured

    def collect(self) -> Iterator[Metric]:
        backlog = self._measured.backlog
        info = GaugeMetricFamily("bridge_info", "The running version.", labels=["version"])
        info.add_metric([__version__], 1)
        yield info
        yield self._answers()
        yield GaugeMetricFamily("bridge_store_up", "Whether the store can be read.", backlog is not None)
        if backlog is not None:
            yield from self._events(backlog)
            yield from self._deliveries(backlog)
            yield self._states()
            yield self._broken()

    def _answers(self) -> Metric:
        answers = CounterMetricFamily(
            "bridge_hook_requests", "Requests to /hooks/ by answer.", labels=["source", "status"]
        )
        for each in self._measured.answered:
            answers.add_metric([each.source, str(each.status)], each.count, created=each.since.timestamp())
        return answers

    def _states(self) -> Metric:
        states = GaugeMetricFamily(
            "bridge_channel_state", "1 for the state that a channel is in.", labels=["channel", "state"]
        )
        for name in self._measured.channels:
            phase = self._measured.standings.get(name, UNTOUCHED).breaker.phase
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
            broken.add_metric([kind], sum(each.kind is kind for each in self._measured.troubles))
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
        return max(0.0, (self._measured.at - at).total_seconds()) if at else 0.0
