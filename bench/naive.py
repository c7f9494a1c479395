"""What a first script does: it checks and stores nothing, and sends inside the request. Run as a process."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

from aiohttp import ClientSession, web

from bench.events import COURSE

SESSION = web.AppKey("session", ClientSession)


async def handle(request: web.Request) -> web.Response:
    body = await request.json()
    data = body["data"]
    if body["event"] == "nutror.module_completed" and data["course"]["hash"] == COURSE:
        message = {"event": body["id"], "who": data["learner"]["name"]}
        async with request.app[SESSION].post(sys.argv[2], json=message) as answer:
            answer.raise_for_status()
    return web.json_response({"status": "accepted"})


async def session(app: web.Application) -> AsyncIterator[None]:
    async with ClientSession() as app[SESSION]:
        yield


def main() -> None:
    app = web.Application()
    app.router.add_post("/hooks/eduzz", handle)
    app.cleanup_ctx.append(session)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)


if __name__ == "__main__":
    main()
