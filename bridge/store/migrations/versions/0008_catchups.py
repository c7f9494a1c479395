"""Rules that are taken over stored events: how far each came."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "catchups",
        sa.Column("seq", NUMBER, sa.Identity(), primary_key=True),
        sa.Column("rule", WORDS, nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("last_seq", NUMBER, nullable=False),
        sa.Column("rate", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
        sa.Column("lease", sa.String(64)),
        sa.Column("leased_until", INSTANT),
        sa.Column("noted", NUMBER, nullable=False),
        sa.Column("cursor", NUMBER, nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sqlite_autoincrement=True,
    )
