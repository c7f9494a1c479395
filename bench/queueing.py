"""A receiver that hands each event to Huey, and the consumer that sends. Run as a process."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

from aiohttp import web

from bench.events import COURSE
from bench.queued import send

CONSUMER = ("-m", "huey.bin.huey_consumer", "bench.queued.queue", "-w", "4", "-q")
"""Four workers; for the rest as Huey comes, and what follows the port adds to it."""


async def handle(request: web.Request) -> web.Response:
    body = await request.json()
    data = body["data"]
    if body["event"] == "nutror.module_completed" and data["course"]["hash"] == COURSE:
        send({"event": body["id"], "who": data["learner"]["name"]})
    return web.json_response({"status": "accepted"})


async def consumer(_: web.Application) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(sys.executable, *CONSUMER, *sys.argv[2:])
    yield
    process.terminate()
    await process.wait()


def main() -> None:
    app = web.Application()
    app.router.add_post("/hooks/eduzz", handle)
    app.cleanup_ctx.append(consumer)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)


if __name__ == "__main__":
    main()
