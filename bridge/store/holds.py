"""Locks by key, where a decision goes by rows that are not there yet, and so cannot be locked."""

from __future__ import annotations

from sqlalchemy import Connection, text


def hold(connection: Connection, key: bytes) -> None:
    """Let nobody else decide under the same key until the transaction ends; SQLite has one writer anyway.

    `key` is a digest, of which the lock has the first 8 bytes.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_HOLD, {"key": int.from_bytes(key[:8], "big", signed=True)})


_HOLD = text("SELECT pg_advisory_xact_lock(:key)")
