"""Huey's queue on SQLite and its one task, which sends a webhook; the receiver and the consumer import it.

`fsync` is switched on: without it Huey loses in a power cut what was answered for.
"""

from __future__ import annotations

import http.client
import json
import os
import threading

from huey import SqliteHuey  # type: ignore[import-not-found]

queue = SqliteHuey(filename=os.environ["BENCH_HUEY"], fsync=True)
_kept = threading.local()


@queue.task()  # type: ignore[untyped-decorator]
def send(message: dict[str, str]) -> None:
    if not hasattr(_kept, "connection"):
        _kept.connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["BENCH_TARGET"]))
    _kept.connection.request("POST", "/", json.dumps(message), {"Content-Type": "application/json"})
    _kept.connection.getresponse().read()
