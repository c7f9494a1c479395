"""The owner's notices that no rule has seen yet, and their deliveries: sent while everything else waits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, bindparam, select

from bridge.core.rules import OWNER_RULE
from bridge.core.trouble import NOTICE_ID, SOURCE
from bridge.store.claiming import claim_some, claims_of
from bridge.store.deliveries import Due
from bridge.store.entries import Entry, Lease
from bridge.store.inbox import ENTRY_COLUMNS, entry_of
from bridge.store.schema import IS_WAITING, deliveries, given, inbox

MOST = 100
"""So many notices are looked after, the latest ones."""


class Notices(Struct):
    """Which deliveries may be claimed: those of the owner's rule that entries and actions have led to."""

    entries: Collection[int] = ()
    actions: Collection[str] = ()

    def claim_due(
        self,
        connection: Connection,
        *,
        channel: str,
        now: datetime,
        lease: Lease,
        limit: int,
        busy: Sequence[int] = (),
        alone: bool = False,
    ) -> list[Due]:
        """Lease those that are due, as `claiming.claim_due` does with all that a channel has."""
        mine = {"given_entries": list(self.entries), "given_actions": list(self.actions), "given_now": now}
        due = list(connection.scalars(_DUE, mine)) if self.entries else []
        if not due:  # and so nothing is looked for among all that waits for the channel
            return []
        which = {"given_due": due}
        return claim_some(
            connection,
            _CLAIM,
            which,
            channel=channel,
            now=now,
            lease=lease,
            limit=limit,
            busy=busy,
            alone=alone,
        )


def waiting(connection: Connection) -> list[Entry]:
    """Return the notices that no rule has seen yet, oldest first."""
    rows = connection.execute(_WAITING).all()
    return sorted(map(entry_of, rows), key=lambda entry: entry.seq)


_WAITING = (
    select(*ENTRY_COLUMNS)
    .where(
        IS_WAITING,
        inbox.c.source == SOURCE,
        inbox.c.delivery_key.startswith(NOTICE_ID, autoescape=True),
    )
    .order_by(inbox.c.seq.desc())
    .limit(MOST)
)
_DUE = select(deliveries.c.seq).where(
    deliveries.c.inbox_seq.in_(bindparam("given_entries", expanding=True)),
    deliveries.c.rule == OWNER_RULE,
    deliveries.c.action.in_(bindparam("given_actions", expanding=True)),
    deliveries.c.ready_at <= given("now"),
)
_CLAIM = claims_of(deliveries.c.seq.in_(bindparam("given_due", expanding=True)))
