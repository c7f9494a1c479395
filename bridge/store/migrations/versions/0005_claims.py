"""Claims that people list and release: by time, by rule and action."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_index("claims_at", "claims", ["at", "delivery_id"])
    op.create_index("claims_rule", "claims", ["rule", "action", "at", "delivery_id"])
