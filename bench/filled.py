"""Stores that already hold much: a few real rows, made by the bridge itself, copied as often as wanted."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from bench import events
from bench.configs import Setting
from bench.load import post_all
from bench.pairs import bridge, checked, delivered, quiet
from bench.targets import Arrivals
from bridge.core.identity import entry_key
from bridge.store import keys

SEED = 200
"""Real events; more than a channel sends at once, so that some are left when the target does not answer."""
LONG_AGO_MS = 1_700_000_000_000
_COPIED: Mapping[str, Mapping[str, str]] = {
    "inbox": {
        "seq": "{first} + n",
        "key": "entry_key(source, event_name(n))",
        "delivery_key": "event_name(n)",
        "event_id": "event_name(n)",
    },
    "deliveries": {
        "seq": "{first} + n",
        "id": "delivery_name(n)",
        "inbox_seq": "{first} + n",
        "lane": "randomblob(16)",
    },
    "payloads": {"delivery_seq": "{first} + n"},
    "attempts": {"delivery_seq": "{first} + n"},
}
"""What differs from copy to copy; every other column stays as it is."""

_FAR = "due_at + 86400000000 * 30"
_HELD = {"state": "'pending'", "due_at": _FAR, "ready_at": _FAR, "held_until": _FAR}
"""A delivery that was sent, made into one that waits."""


async def finished(place: Path, setting: Setting, target: Arrivals, count: int) -> None:
    """Leave a store with so many delivered events in `place`."""
    async with bridge(setting, place) as running:
        await delivered(running, SEED, target)
    _copy(place / "bridge.db", "delivered", count)


async def held(place: Path, setting: Setting, target: Arrivals, count: int) -> None:
    """Leave a store with so many messages in `place` that wait for a far day, each with a claim."""
    async with bridge(setting, place) as running:
        await delivered(running, SEED, target)
    _copy(place / "bridge.db", "delivered", count, _HELD)
    with sqlite3.connect(place / "bridge.db") as connection:
        connection.execute(
            "INSERT INTO claims (delivery_id, key, rule, action, label, state, at) "
            "SELECT id, randomblob(16), rule, action, 'learner.email=' || hex(id), 'reserved', created_at "
            "FROM deliveries WHERE held_until IS NOT NULL"
        )
    connection.close()


async def waiting(place: Path, setting: Setting, target: Arrivals, count: int) -> None:
    """Leave a store with so many undelivered events in `place`, of a bridge that was killed.

    `target` must not answer.
    """
    async with bridge(setting, place) as running:
        requests = events.requests(running.port, SEED)
        checked(await post_all(running.port, requests, connections=32), running)
        await target.until(1)
        await quiet(running)
        running.kill()
    _copy(place / "bridge.db", "pending", count)


def _copy(file: Path, state: str, count: int, as_: Mapping[str, str] = MappingProxyType({})) -> None:
    """Copy the last delivery in a state with all that belongs to it; `as_` are values of the copies."""
    with sqlite3.connect(file, isolation_level=None) as connection:
        connection.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -65536")
        connection.create_function("entry_key", 2, entry_key, deterministic=True)
        connection.create_function("event_name", 1, _event_name, deterministic=True)
        connection.create_function("delivery_name", 1, _delivery_name)
        found = connection.execute(
            "SELECT seq, inbox_seq FROM deliveries WHERE state = ? ORDER BY seq DESC LIMIT 1", [state]
        ).fetchone()
        if found is None:
            raise RuntimeError(f"no delivery is {state}")
        connection.execute("BEGIN")
        for table, changed in _COPIED.items():
            key, seq = ("seq", found[1]) if table == "inbox" else ("delivery_seq", found[0])
            values = {**changed, **as_} if table == "deliveries" else changed
            _copy_rows(connection, table, values, ("seq" if table == "deliveries" else key, seq), count)
        _sort_keys(connection)
        connection.execute("COMMIT")
    connection.close()


def _event_name(number: int) -> str:
    """Return an id as the platform's: all over the place."""
    return hashlib.blake2b(b"%d" % number, digest_size=13).hexdigest()[:25]


def _delivery_name(number: int) -> bytes:
    """Return an id that begins with a time, as `core.identity.delivery_id` does: so many ms from a day on."""
    return (LONG_AGO_MS + number).to_bytes(6, "big") + os.urandom(10)


def _sort_keys(connection: sqlite3.Connection) -> None:
    """Put the keys where a bridge has them that has run for long: in memory as many as it keeps there.

    They come in the order of their entries, so the pages are as full as they are in life.
    """
    connection.execute("DELETE FROM entry_keys")
    connection.execute(
        "INSERT OR REPLACE INTO settings (key, value) "
        "SELECT ?, CAST(CAST(max(seq) - ? AS TEXT) AS BLOB) FROM inbox",
        [keys.MARK, keys.MOST],
    )
    connection.execute(
        "INSERT INTO entry_keys SELECT substr(key, 1, ?), seq FROM inbox "
        "WHERE seq <= (SELECT CAST(value AS INTEGER) FROM settings WHERE key = ?) ORDER BY seq",
        [keys.TAG_BYTES, keys.MARK],
    )


def _copy_rows(
    connection: sqlite3.Connection, table: str, changed: Mapping[str, str], like: tuple[str, int], count: int
) -> None:
    """Copy the row whose column has the value of `like`; the numbers begin where no real row is."""
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    first = 1_000_000
    values = ", ".join(changed.get(column, f'"{column}"').format(first=first) for column in columns)
    connection.execute(
        f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?) "
        f"INSERT INTO {table} SELECT {values} FROM numbers CROSS JOIN {table} WHERE {like[0]} = ?",
        [count, like[1]],
    )
