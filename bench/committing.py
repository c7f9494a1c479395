"""A handler that stores each event with a commit of its own before it answers. Run as a process."""

from __future__ import annotations

import sqlite3
import sys

from aiohttp import web

DATABASE = web.AppKey("database", sqlite3.Connection)


async def handle(request: web.Request) -> web.Response:
    body = await request.read()
    request.app[DATABASE].execute("INSERT INTO inbox (body) VALUES (?)", [body])
    return web.Response(body=b'{"status":"accepted"}', content_type="application/json")


def main() -> None:
    app = web.Application()
    app[DATABASE] = sqlite3.connect("events.db", isolation_level=None)
    app[DATABASE].executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE IF NOT EXISTS inbox (seq INTEGER PRIMARY KEY, body BLOB NOT NULL);"
    )
    app.router.add_post("/hooks/eduzz", handle)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)


if __name__ == "__main__":
    main()
