"""The numbers of rows that are about to be stored: taken ahead, so that one statement stores many rows."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Integer, Table, literal_column, text

from bridge.store.prepared import Later, Prepared

_NUMBER = (literal_column("seq", Integer),)
_LAST = Prepared(text("SELECT seq FROM sqlite_sequence WHERE name = :given_table"), returned=_NUMBER)
_NEXT = Prepared(
    text(
        # The sequence is looked up once for all numbers.
        "SELECT nextval((SELECT CAST(pg_get_serial_sequence(:given_table, 'seq') AS regclass))) AS seq "
        "FROM generate_series(1, :given_count)"
    ),
    returned=_NUMBER,
)


def next_seqs(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """Return numbers for so many new rows, higher than any before; a number that is not used is lost.

    On SQLite they are ours until the transaction ends, since nobody else writes meanwhile; there the rows of
    one table are stored before its next numbers are asked for.
    """
    return send_next_seqs(connection, table, count)()


def send_next_seqs(connection: Connection, table: Table, count: int) -> Later[Sequence[int]]:
    """Ask for numbers within `one_trip`, after which what is returned gives them."""
    name = str(table.name)  # a text of SQLAlchemy's own, for which SQLite's driver would look for an adapter
    if connection.dialect.name == "postgresql":
        rows = _NEXT.send_every(connection, {"given_table": name, "given_count": count})
        return lambda: [seq for (seq,) in rows()]
    last: int = _LAST.scalar(connection, {"given_table": name}) or 0
    return lambda: range(last + 1, last + 1 + count)
