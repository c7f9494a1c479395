"""What rules count."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "tallies",
        sa.Column("key", sa.LargeBinary(16), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("inbox_seq", NUMBER, nullable=False),
        sa.Column("event_index", sa.Integer(), nullable=False),
        sa.Column("value", sa.LargeBinary(16)),
        sa.Column("began", INSTANT),
        sa.PrimaryKeyConstraint("key", "at", "inbox_seq", "event_index", name="tallies_pkey"),
        sqlite_with_rowid=False,
    )
