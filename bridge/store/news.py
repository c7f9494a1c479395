"""What one node tells the others through PostgreSQL: where there is work, from the commit that makes it.

A transaction gathers what it has to tell, and says it in one statement right before its commit, so the others
hear of it when it can be seen, and of nothing that was rolled back. Over SQLite nobody else listens.

News may get lost; whoever hears them looks at the store all the same, at least once a second.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from msgspec import Struct
from sqlalchemy import Connection

_PENDING = "bridge-news"
_ENTRIES = ""
"""Stands for the inbox among the names of channels, none of which is empty."""
LONGEST = 7_000
"""PostgreSQL takes less than 8,000 bytes: https://www.postgresql.org/docs/current/sql-notify.html"""
# Named by the table's number, because a database may hold several stores, each in a schema of its own.
NAME = "SELECT 'bridge_' || CAST('inbox'::regclass AS oid)"
_SAY = f"SELECT pg_notify(({NAME}), %s)"


class News(Struct, frozen=True):
    """That entries wait, and through which channels something may be sent or no longer be sent."""

    entries: bool
    channels: frozenset[str]
    all_channels: bool = False

    def concerns(self, channel: str) -> bool:
        """Return whether there is news of a channel."""
        return self.all_channels or channel in self.channels


EVERYTHING = News(entries=True, channels=frozenset(), all_channels=True)
"""What may have happened while nobody listened."""


def tell_of_entries(connection: Connection) -> None:
    """Say, with this transaction's commit, that there are entries which nobody works on."""
    _tell(connection, _ENTRIES)


def tell_of_channel(connection: Connection, channel: str) -> None:
    """Say, with this transaction's commit, that a channel has something due, or that its state changed."""
    _tell(connection, channel)


def sayer(teller: str) -> Callable[[Connection], None]:
    """Return what says a transaction's news right before its commit, in the name of `teller`."""

    def say(connection: Connection) -> None:
        told: set[str] | None = connection.info.pop(_PENDING, None)
        if told:
            connection.exec_driver_sql(_SAY, (_written(teller, told),))

    return say


def forget(connection: Connection) -> None:
    """Drop the news of a transaction that is rolled back; what is said of a lost connection goes with it."""
    if not connection.invalidated:
        connection.info.pop(_PENDING, None)


def read(text: str, *, but: str) -> News | None:
    """Return what was said; None if `but` said it. What cannot be read may mean everything."""
    try:
        teller, topics = json.loads(text)
        if teller == but:
            return None
        names = frozenset(str(topic) for topic in topics)
    except (ValueError, TypeError):
        return EVERYTHING
    return News(_ENTRIES in names, names - {_ENTRIES}) if names else EVERYTHING


def _tell(connection: Connection, topic: str) -> None:
    if connection.dialect.name == "postgresql":
        connection.info.setdefault(_PENDING, set()).add(topic)


def _written(teller: str, topics: set[str]) -> str:
    text = json.dumps([teller, sorted(topics)])
    return text if len(text) < LONGEST else json.dumps([teller, []])
