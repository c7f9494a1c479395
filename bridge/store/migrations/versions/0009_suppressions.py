"""Who gets no messages, and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "suppressions",
        sa.Column("seq", NUMBER, sa.Identity(), primary_key=True),
        sa.Column("key", sa.LargeBinary(16), nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("address", WORDS),
        sa.Column("delivery_id", sa.LargeBinary()),
        sa.Column("why", WORDS, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("suppressions_key", "suppressions", ["key", "source"], unique=True)
