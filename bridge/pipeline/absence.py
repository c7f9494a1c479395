"""A store that could not be written: what is known of it meanwhile, and whether it is to be told of."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from bridge.core.trouble import Trouble
from bridge.store import incidents
from bridge.store.database import Connection

SAME = timedelta(minutes=2)
"""Within what time nodes notice that their store is there again, with what their clocks differ."""


class Absence(Struct):
    """Since when it is away, why, and whether it still was so at a look."""

    since: datetime
    why: str
    lasts: bool


def note(connection: Connection, away: Absence, *, quiet: timedelta, now: datetime) -> None:
    """Note that a store was away and is there again, unless the owner was told of as much already.

    Of short failures one in `quiet` is told; of one that lasted, what another node has told is enough.
    """
    # Held from here on, so that of two nodes the second one sees what the first one has noted.
    incidents.happened(connection, Trouble.STORE, "", now=away.since, why=away.why)
    before = incidents.last_end(connection, Trouble.STORE, "")
    if before is not None and (
        max(away.since, now - SAME) <= before <= now + SAME if away.lasts else abs(now - before) < quiet
    ):
        incidents.forget(connection, Trouble.STORE, "")
    else:
        incidents.ended(connection, Trouble.STORE, "", now=now)
