"""What can break, as far as the bridge's owner is told, and the names of the events that tell it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

SOURCE = "bridge"
"""The source of these events: the bridge itself. No configured source may have its name."""
NOTICE_ID = "incident-"
"""How the id of each notice begins."""
STARTED = "trouble.started"
ENDED = "trouble.ended"


class Trouble(StrEnum):
    """Each kind of trouble, by the name of its events without the source's."""

    DEAD = "deliveries_dead"
    PARKED = "deliveries_parked"
    ENTRIES = "events_parked"
    PAUSED = "channel_paused"
    STOPPED = "channel_stopped"
    REFUSED = "signatures_refused"
    STORE = "store_unwritable"
    RULE = "rule_paused"
    UNLISTED = "module_unlisted"
    CONFIGURATION = "configuration_broken"
    WAITING = "dispatch_waits"


ONCE = frozenset({Trouble.UNLISTED})
"""What is told and has no end."""
COMES_AND_GOES = Trouble.PAUSED
"""What ends by itself, and may begin anew a moment later."""


def event_type(trouble: Trouble) -> str:
    """Return the type of a trouble's events: `bridge.channel_paused`, for its start and for its end."""
    return f"{SOURCE}.{trouble}"


TYPES: Mapping[str, tuple[str, ...]] = {
    event_type(trouble): (STARTED,) if trouble in ONCE else (STARTED, ENDED) for trouble in Trouble
}
"""Every type of event, with its kinds."""
