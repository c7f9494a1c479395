"""Threads and messages that are edited in place, and what these count."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "threads",
        sa.Column("key", sa.LargeBinary(16), primary_key=True),
        sa.Column("holder", sa.LargeBinary()),
        sa.Column("anchor", WORDS),
        sa.Column("applied", NUMBER),
        sa.Column("at", INSTANT, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "thread_counts",
        sa.Column("key", sa.LargeBinary(16), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("item", sa.LargeBinary(16), primary_key=True),
        sa.Column("at", INSTANT, nullable=False),
        sqlite_with_rowid=False,
    )
