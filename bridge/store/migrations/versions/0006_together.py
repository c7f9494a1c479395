"""Deliveries that go out together, as one message."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "gathered",
        sa.Column(
            "delivery_seq",
            NUMBER,
            sa.ForeignKey("deliveries.seq", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("key", sa.LargeBinary(16), nullable=False),
        sa.Column("head_seq", NUMBER),
        sa.Column("part", sa.String(8), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("gathered_key", "gathered", ["key"])
    condition = sa.text("head_seq IS NOT NULL")
    op.create_index(
        "gathered_head",
        "gathered",
        ["head_seq"],
        sqlite_where=condition,
        postgresql_where=condition,
    )
