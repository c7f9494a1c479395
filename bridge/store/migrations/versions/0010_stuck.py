"""The index of what is stuck, with a condition that SQLite can look at without a table of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

STUCK = " OR ".join(f"state = '{state}'" for state in ("dead", "expired", "parked", "withheld", "kept"))


def upgrade() -> None:
    condition = sa.text(STUCK)
    op.drop_index("deliveries_stuck", "deliveries")
    op.create_index(
        "deliveries_stuck",
        "deliveries",
        ["state", "channel"],
        sqlite_where=condition,
        postgresql_where=condition,
    )
