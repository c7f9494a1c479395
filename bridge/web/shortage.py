"""Keeps a shortage of open files or memory for connections from filling the log."""

from __future__ import annotations

import asyncio
import errno
from typing import Any

from bridge.logs import Log
from bridge.web.seldom import Seldom

_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def report_shortage(loop: asyncio.AbstractEventLoop, log: Log) -> None:
    """Have `loop` say once a minute that it cannot take connections, in place of a traceback for each try.

    Everything else that goes wrong in the loop is reported as it always is. A loop that already has a
    handler keeps it.
    """
    if loop.get_exception_handler() is not None:
        return
    seldom = Seldom(log, "connections cannot be taken: raise the limit of open files", loop.time)

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in _SHORTAGES and "socket" in context:
            seldom.happened(why=error.strerror)
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
