"""The ceiling: an aiohttp handler that reads the body and answers, and nothing else. Run as a process."""

from __future__ import annotations

import sys

from aiohttp import web


async def handle(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(body=b'{"status":"accepted"}', content_type="application/json")


def main() -> None:
    app = web.Application()
    app.router.add_post("/hooks/eduzz", handle)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)


if __name__ == "__main__":
    main()
