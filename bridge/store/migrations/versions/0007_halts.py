"""Which rules are paused, and what is kept of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

INSTANT = sa.BigInteger()
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
STUCK = "state IN ('dead', 'expired', 'parked', 'withheld', 'kept')"
KEPT = "state = 'kept'"


def upgrade() -> None:
    _rules()
    _kept()


def _rules() -> None:
    op.create_table(
        "rule_states",
        sa.Column("rule", WORDS, primary_key=True),
        sa.Column("halt", sa.String(16), nullable=False),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("since", INSTANT),
        sa.Column("why", WORDS, nullable=False),
    )
    _partial_index("rule_states_halted", "rule_states", "rule", where="halt != 'working'")
    op.create_table(
        "rule_paces",
        sa.Column("rule", WORDS, primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", INSTANT, nullable=False),
        sqlite_with_rowid=False,
    )


def _kept() -> None:
    op.drop_index("deliveries_stuck", "deliveries")
    _partial_index("deliveries_stuck", "deliveries", "state", "channel", where=STUCK)
    _partial_index("deliveries_kept", "deliveries", "rule", "seq", where=KEPT)


def _partial_index(name: str, table: str, *columns: str, where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, list(columns), sqlite_where=condition, postgresql_where=condition)
