"""Which requests are in the inbox already, by the digests that stand for `(source, event id)`.

PostgreSQL has a unique index for it. On SQLite each new key would change a random page of that index, and
among a million keys writing such pages is what an event costs most. So there are two parts instead:

- `recent_keys`, a table in the memory of a connection that writes: the keys of the newest entries;
- `entry_keys`, a table of the store: the keys of all others. They come into it in the order of the keys, so
  that those which are moved together share pages.

An operation first takes in what the inbox has beyond the last entry it knows of, whoever stored it. It holds
the store's only lock for writing, so from then on every key that is in the inbox is in one of the two parts,
and none can come in between. All of this is undone with the transaction.

Both parts have a key's first bytes only, its tag, and lead to the inbox, where the whole key is compared.
"""

# ruff: noqa: S608 - what stands in the texts of statements are constants of ours, and the number of rows

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, Executable, LargeBinary, bindparam, select, text

from bridge.store.prepared import Prepared, ask_several
from bridge.store.schema import inbox
from bridge.store.several import Several

MOST = 8_192
"""Keys in memory from which on they are moved; they take 120 KiB."""
STEP = 256
"""Keys that one operation moves at most, but for those with the last one's tag."""
TAG_BYTES = 4
"""Of 10 million keys, one in 400 shares its tag with another one, which costs a look at that entry."""
MARK = "keys_complete_to"
"""The setting with the number up to which every entry's key is in `entry_keys`."""

RECENT = """
    CREATE TEMP TABLE recent_keys (tag BLOB, seq INTEGER, PRIMARY KEY (tag, seq)) WITHOUT ROWID;
    CREATE TEMP TABLE sweep AS SELECT 0 AS began, x'' AS passed;
"""
"""What a connection to SQLite that writes needs.

A round of moving began when `began` was the last entry, and has passed every tag up to `passed`.
"""
_SEEN = "bridge-keys-seen"


def stored(
    connection: Connection, keys: Sequence[bytes], *, last: int, most: int = MOST, step: int = STEP
) -> dict[bytes, int]:
    """Return which of these keys are in the inbox, with the numbers of their entries.

    For who is about to store the others; `last` is the greatest number that any entry has. On PostgreSQL
    nobody can know before: nothing is returned.
    """
    if connection.dialect.name == "postgresql":
        return {}
    if _take_in(connection, last, most) >= most:
        _move(connection, last, step)
    tags = [(bytearray(key[:TAG_BYTES]),) for key in keys]
    alike = {seq for row in ask_several(connection, _ALIKE, tags) for seq in row if seq is not None}
    return _those(connection, alike, keys) if alike else {}


def find(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, int]:
    """Return which of these keys are in the inbox, with their numbers; for whoever reads."""
    given = {"given_keys": list(keys), "given_tags": [key[:TAG_BYTES] for key in keys]}
    rows = connection.execute(_FIND[connection.dialect.name], given)
    return dict(rows.all())


def forget(connection: Connection) -> None:
    """Look at the tables again: a transaction that may have written them is rolled back."""
    connection.info.pop(_SEEN, None)


def _take_in(connection: Connection, last: int, most: int) -> int:
    """Take in the keys of what was stored since the last time; returns how many there are in memory."""
    seen, held = connection.info.get(_SEEN) or _LOOK.every_stored(connection, {})[0]
    if last < seen:  # somebody has put an older store into this one's file, or its mark is wrong
        _begin_anew(connection)
        held, seen = 0, _complete_to(connection, last)
    elif last - seen > most:  # another process has stored many, and moved most of them
        seen = max(seen, _complete_to(connection, last))
    held += _TAKE_IN.run(connection, {"given_seen": seen, "given_last": last})
    connection.info[_SEEN] = (last, held)
    return int(held)


def _complete_to(connection: Connection, last: int) -> int:
    """Return the mark; one beyond all entries is none, and is taken away, as they would pass it."""
    ((mark,),) = _COMPLETE_TO.every_stored(connection, {})
    if mark > last:
        _COMPLETE.run(connection, {"given_mark": 0})
        return 0
    return int(mark)


def _begin_anew(connection: Connection) -> None:
    """Forget what is in memory."""
    _CLEAR.run(connection, {})
    _PASS.run(connection, {"given_began": 0, "given_passed": b""})


def _those(connection: Connection, seqs: Iterable[int], keys: Sequence[bytes]) -> dict[bytes, int]:
    """Return which of these keys are those of entries with these numbers."""
    rows = connection.execute(_KEYS, {"given_seqs": list(seqs)})
    return {key: seq for key, seq in rows if key in keys}


def _move(connection: Connection, last: int, step: int) -> None:
    """Move the next keys from memory to the store; at the end of a round, say what is complete."""
    ((began, passed),) = _SWEEP.every_stored(connection, {})
    end = _END_OF_STEP.every_stored(connection, {"given_passed": passed, "given_others": step - 1})
    tags = {"given_passed": passed, "given_upto": end[0][0] if end else _HIGHEST}
    _MOVE.run(connection, tags)
    held = connection.info[_SEEN][1] - _DROP.run(connection, tags)
    connection.info[_SEEN] = (last, held)
    began = began if passed else last
    if end:
        _PASS.run(connection, {"given_began": began, "given_passed": end[0][0]})
    else:
        # Another process may be further.
        _COMPLETE.run(connection, {"given_mark": max(began, _complete_to(connection, last))})
        _PASS.run(connection, {"given_began": began, "given_passed": b""})


_HIGHEST = b"\xff" * TAG_BYTES
_MARKED = f"(SELECT CAST(value AS INTEGER) FROM settings WHERE key = '{MARK}')"
_LOOK = Prepared(
    # What was taken in last may have been moved; taken in again, it is there twice, which does no harm.
    text(f"SELECT coalesce(max(seq), {_MARKED}, 0), count(*) FROM temp.recent_keys")
)
_COMPLETE_TO = Prepared(text(f"SELECT coalesce({_MARKED}, 0)"))
_CLEAR = Prepared(text("DELETE FROM temp.recent_keys"))
_TAKE_IN = Prepared(
    text(
        f"INSERT INTO temp.recent_keys SELECT substr(key, 1, {TAG_BYTES}), seq "
        "FROM inbox INDEXED BY inbox_keys WHERE seq > :given_seen AND seq <= :given_last"
    )
)


def _asking(count: int) -> str:
    """Return the question for the numbers of the entries that have one of so many tags, in either part."""
    return (
        f"WITH given (tag) AS (VALUES {', '.join(['(?)'] * count)}) "
        "SELECT recent.seq, older.seq FROM given "
        "LEFT JOIN temp.recent_keys AS recent ON recent.tag = given.tag "
        "LEFT JOIN main.entry_keys AS older ON older.tag = given.tag "
        "WHERE recent.seq IS NOT NULL OR older.seq IS NOT NULL"
    )


_ALIKE = Several(_asking(1), _asking(2))
_KEYS = select(inbox.c.key, inbox.c.seq).where(inbox.c.seq.in_(bindparam("given_seqs", expanding=True)))
_SWEEP = Prepared(text("SELECT began, passed FROM temp.sweep"))
_END_OF_STEP = Prepared(
    text(
        "SELECT tag FROM temp.recent_keys WHERE tag > :given_passed "
        "ORDER BY tag, seq LIMIT 1 OFFSET :given_others"
    )
)
_OF_STEP = "FROM temp.recent_keys WHERE tag > :given_passed AND tag <= :given_upto"
_MOVE = Prepared(
    # Some may be there: another process has moved them, or this one, before it forgot.
    text(f"INSERT OR IGNORE INTO main.entry_keys SELECT tag, seq {_OF_STEP} ORDER BY tag, seq")
)
_DROP = Prepared(text(f"DELETE {_OF_STEP}"))
_PASS = Prepared(text("UPDATE temp.sweep SET began = :given_began, passed = :given_passed"))
_COMPLETE = Prepared(
    text(
        f"INSERT OR REPLACE INTO settings (key, value) "
        f"VALUES ('{MARK}', CAST(CAST(:given_mark AS TEXT) AS BLOB))"
    )
)

_GIVEN = bindparam("given_keys", expanding=True, type_=LargeBinary)
_FIND: Mapping[str, Executable] = {
    "postgresql": select(inbox.c.key, inbox.c.seq).where(inbox.c.key.in_(_GIVEN)),
    "sqlite": text(
        f"SELECT key, seq FROM inbox INDEXED BY inbox_keys "
        f"WHERE seq > coalesce({_MARKED}, 0) AND key IN :given_keys UNION "
        "SELECT key, inbox.seq FROM entry_keys CROSS JOIN inbox ON inbox.seq = entry_keys.seq "
        "WHERE tag IN :given_tags AND key IN :given_keys"
    ).bindparams(_GIVEN, bindparam("given_tags", expanding=True, type_=LargeBinary)),
}
