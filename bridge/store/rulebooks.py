"""The rules that events were judged by, kept once for each different set, as long as an event refers to it.

A summary in the inbox names its rulebook by the digest; `first_used_at` and `used_at` are to within an hour.
"""

from __future__ import annotations

import zlib
from datetime import datetime

from sqlalchemy import Connection, Text, cast, delete, select, update

from bridge.store.schema import given, inbox, new_row, rulebooks


def touch(connection: Connection, digest: bytes, *, now: datetime) -> bool:
    """Note that a rulebook is in use; False if it is not kept."""
    return connection.execute(_TOUCH, {"given_digest": digest, "given_now": now}).rowcount == 1


def keep(connection: Connection, digest: bytes, packed: bytes, *, now: datetime) -> bool:
    """Keep a rulebook, as `pack` makes it; False if it is kept already."""
    row = {"digest": digest, "first_used_at": now, "used_at": now, "rules": packed}
    return connection.execute(_KEEP, row).first() is not None


def find(connection: Connection, digest: bytes) -> bytes | None:
    """Return a rulebook, None if it is not kept."""
    packed = connection.scalar(_FIND, {"given_digest": digest})
    return None if packed is None else zlib.decompress(packed)


def pack(book: bytes) -> bytes:
    """Return a rulebook as it is kept: compressed, quickly rather than well."""
    return zlib.compress(book, level=1)


def prune(connection: Connection, *, before: datetime) -> int:
    """Delete the rulebooks not in use since a time that no event refers to; returns how many."""
    old = connection.scalars(select(rulebooks.c.digest).where(rulebooks.c.used_at < before)).all()
    unused = [digest for digest in old if not _is_named(connection, digest)]
    for digest in unused:
        connection.execute(delete(rulebooks).where(rulebooks.c.digest == digest))
    return len(unused)


def _is_named(connection: Connection, digest: bytes) -> bool:
    pattern = f'%"rules":"{digest.hex()}"%'  # as columns.Json writes it
    return connection.execute(_NAMED, {"given_pattern": pattern}).first() is not None


_TOUCH = update(rulebooks).where(rulebooks.c.digest == given("digest")).values(used_at=given("now"))
_KEEP = new_row(rulebooks, rulebooks.c.digest)
_FIND = select(rulebooks.c.rules).where(rulebooks.c.digest == given("digest"))
_NAMED = select(inbox.c.seq).where(cast(inbox.c.summary, Text).like(given("pattern", Text))).limit(1)
