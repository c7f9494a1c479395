"""What the tables share: where they are listed, how long texts are, the key of rows about a delivery."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, MetaData

from bridge.store.columns import Seq

METADATA = MetaData()
WORDS = 200
"""Characters kept of a name or an id that a sender chose."""
SENTENCES = 2000
"""Characters kept of a reason."""


def delivery_key() -> Column[int]:
    """Return the key of a row that goes when its delivery does."""
    owner = ForeignKey("deliveries.seq", ondelete="CASCADE")
    return Column("delivery_seq", Seq, owner, primary_key=True, autoincrement=False)
