"""What a channel may send and how it does, what the owner was told, and what rules keep for later."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _channel_states()
    _incidents()
    _rulebooks()
    _progress()
    _later()


def _channel_states() -> None:
    op.create_table(
        "channel_states",
        sa.Column("channel", WORDS, primary_key=True),
        sa.Column("arrival", INSTANT),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("pauses", sa.Integer(), nullable=False),
        sa.Column("since", INSTANT),
        sa.Column("until", INSTANT),
        sa.Column("why", WORDS, nullable=False),
    )


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("seq", NUMBER, sa.Identity(), primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", WORDS, nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("why", WORDS, nullable=False),
        sa.Column("told_at", INSTANT),
        sa.Column("ended_at", INSTANT),
        sa.Column("closed_at", INSTANT),
        sqlite_autoincrement=True,
    )
    _partial_index("incidents_open", "incidents", "seq", where="closed_at IS NULL")
    _partial_index("incidents_lasting", "incidents", "kind", "subject", where="ended_at IS NULL", unique=True)


def _rulebooks() -> None:
    op.create_table(
        "rulebooks",
        sa.Column("digest", sa.LargeBinary(16), primary_key=True),
        sa.Column("first_used_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=False),
        sa.Column("rules", sa.LargeBinary(), nullable=False),
    )


def _progress() -> None:
    op.create_table(
        "progress",
        sa.Column("seq", NUMBER, sa.Identity(), primary_key=True),
        sa.Column("learner", sa.LargeBinary(16), nullable=False),
        sa.Column("course", WORDS, nullable=False),
        sa.Column("inbox_seq", NUMBER, nullable=False),
        sa.Column("event_index", sa.Integer(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("module", WORDS, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("progress_learner", "progress", ["learner", "course"])
    op.create_index("progress_event", "progress", ["inbox_seq", "event_index"], unique=True)
    op.create_table(
        "learnt_modules",
        sa.Column("course", WORDS, primary_key=True),
        sa.Column("module", WORDS, primary_key=True),
        sa.Column("first_seen_at", INSTANT, nullable=False),
        sa.Column("title", WORDS),
        sqlite_with_rowid=False,
    )


def _later() -> None:
    op.add_column("deliveries", sa.Column("held_until", INSTANT))
    op.create_table(
        "watches",
        sa.Column(
            "delivery_seq",
            NUMBER,
            sa.ForeignKey("deliveries.seq", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("key", sa.LargeBinary(16), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("inbox_seq", NUMBER, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("watches_key", "watches", ["key"])
    op.create_table(
        "uses",
        sa.Column("delivery_id", sa.LargeBinary(), primary_key=True),
        sa.Column("key", sa.LargeBinary(16), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("uses_key", "uses", ["key", "at"])
    op.create_table(
        "sightings",
        sa.Column("key", sa.LargeBinary(16), primary_key=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("inbox_seq", NUMBER, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sqlite_with_rowid=False,
    )


def _partial_index(name: str, table: str, *columns: str, where: str, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(
        name, table, list(columns), unique=unique, sqlite_where=condition, postgresql_where=condition
    )
