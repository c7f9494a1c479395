"""Entries are known by their keys without an index of random pages on SQLite; the names of their sources."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger()
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table("entry_sources", sa.Column("name", WORDS, primary_key=True))
    op.execute("INSERT INTO entry_sources (name) SELECT DISTINCT source FROM inbox")
    op.drop_index("inbox_delivery_key", "inbox")
    if op.get_context().dialect.name == "sqlite":
        _fill_keys()
        _rebuild_inbox()


def _fill_keys() -> None:
    op.create_table(
        "entry_keys",
        sa.Column("tag", sa.LargeBinary(4), primary_key=True),
        sa.Column("seq", NUMBER, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    # In the order of the keys, so that every page is written once.
    op.execute("INSERT INTO entry_keys SELECT substr(key, 1, 4), seq FROM inbox ORDER BY 1, 2")
    op.execute(
        "INSERT INTO settings (key, value) "
        "SELECT 'keys_complete_to', CAST(CAST(coalesce(max(seq), 0) AS TEXT) AS BLOB) FROM inbox"
    )


def _rebuild_inbox() -> None:
    """Make the table anew: SQLite cannot take a constraint away."""
    _create("inbox_new")
    op.execute("INSERT INTO inbox_new SELECT * FROM inbox")
    # No number is given out twice, those that were not used included.
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'inbox_new'")
    op.execute(
        "INSERT INTO sqlite_sequence SELECT 'inbox_new', seq FROM sqlite_sequence WHERE name = 'inbox'"
    )
    op.drop_table("inbox")
    op.rename_table("inbox_new", "inbox")
    op.create_index("inbox_keys", "inbox", ["seq", "key"])
    _partial_index("inbox_open", "state", "seq", where="state != 'done'")
    op.create_index("inbox_received", "inbox", ["received_at"])
    _partial_index("inbox_event_id", "event_id", where="event_id != delivery_key")
    _partial_index("inbox_learner", "learner", where="learner IS NOT NULL")


def _create(name: str) -> None:
    op.create_table(
        name,
        sa.Column("seq", NUMBER, sa.Identity(), primary_key=True),
        sa.Column("key", sa.LargeBinary(16), nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("delivery_key", WORDS, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("lease", sa.String(64)),
        sa.Column("leased_until", INSTANT),
        sa.Column("finished_at", INSTANT),
        sa.Column("replayed_at", INSTANT),
        sa.Column("why", WORDS),
        sa.Column("event_id", WORDS),
        sa.Column("type", WORDS),
        sa.Column("kind", WORDS),
        sa.Column("occurred_at", INSTANT),
        sa.Column("test", sa.Boolean()),
        sa.Column("learner", WORDS),
        sa.Column("summary", sa.Text()),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sqlite_autoincrement=True,
    )


def _partial_index(name: str, *columns: str, where: str) -> None:
    op.create_index(name, "inbox", list(columns), sqlite_where=sa.text(where))
