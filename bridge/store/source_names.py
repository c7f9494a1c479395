"""The names of all sources that entries have come from, also of those that no configuration has any more."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from bridge.store.conflicts import insert_or_skip
from bridge.store.schema import entry_sources

_KNOWN = "bridge-source-names"


def remember(connection: Connection, names: Collection[str]) -> None:
    """Write down the sources of entries that this transaction stores; nothing is asked for those known."""
    known: set[str] = connection.info.setdefault(_KNOWN, set())
    if not known.issuperset(names):
        connection.execute(_REMEMBER, [{"name": name} for name in sorted(names)])
        known.update(names)


def forget(connection: Connection) -> None:
    """Know nothing any more, when a transaction is rolled back that may have written names."""
    connection.info.pop(_KNOWN, None)


def every(connection: Connection) -> list[str]:
    """Return the names."""
    return list(connection.scalars(_EVERY))


_REMEMBER = insert_or_skip(entry_sources)
_EVERY = select(entry_sources.c.name)
