"""Counts what senders are told, for `/metrics`."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, Counter

from bridge.web.hooks import Receiver


def counted(handler: Handler, registry: CollectorRegistry, receiver: Receiver) -> Handler:
    """Return `handler`, its answers counted by status and source, which is empty when there is none."""
    counter = Counter(
        "bridge_hook_requests", "Requests to /hooks/ by answer.", ["source", "status"], registry=registry
    )
    # Finding a labelled counter costs more than counting, and there are few pairs.
    known: dict[tuple[str, int], Counter] = {}

    async def counting(request: web.Request) -> web.StreamResponse:
        response = await handler(request)
        source = request.match_info["source"]
        pair = (source if source in receiver.sources else "", response.status)
        if pair not in known:
            known[pair] = counter.labels(pair[0], str(pair[1]))
        known[pair].inc()
        return response

    return counting
