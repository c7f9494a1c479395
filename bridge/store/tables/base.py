"""What the tables share: where they are listed, how long texts are, the key of rows about a delivery."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, MetaData, Table

from bridge.store.columns import Seq

METADATA = MetaData()
SQLITE, POSTGRESQL = "sqlite", "postgresql"
ONLY = "only"
"""In the `info` of a table: the one kind of database that has it."""
WORDS = 200
"""Characters kept of a name or an id that a sender chose."""
SENTENCES = 2000
"""Characters kept of a reason."""


def tables_of(backend: str) -> list[Table]:
    """Return the tables that a kind of database has, those that others refer to before them."""
    return [table for table in METADATA.sorted_tables if table.info.get(ONLY, backend) == backend]


def delivery_key() -> Column[int]:
    """Return the key of a row that goes when its delivery does."""
    owner = ForeignKey("deliveries.seq", ondelete="CASCADE")
    return Column("delivery_seq", Seq, owner, primary_key=True, autoincrement=False)
