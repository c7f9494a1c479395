"""The tables and their indexes, for SQLite and PostgreSQL alike.

Rows are found by small numbers (`seq`) and 16-byte keys. Big values stand last in their row or in a table of
their own, so that a listing does not read them. Every index beside the keys is there for one question; the
partial ones hold only what is still open, so they stay small for ever.

They are defined in `tables`, by subject, and all of the store asks for them here.
"""

from __future__ import annotations

from bridge.store.clauses import (
    constant,
    constants,
    given,
    new_row,
    under,
)
from bridge.store.tables.base import (
    METADATA,
    SENTENCES,
    WORDS,
    tables_of,
)
from bridge.store.tables.memory import (
    CONFIRMED,
    COPY,
    HEIR,
    ITEM,
    LEFT,
    RELEASED,
    RESERVED,
    claims,
    gathered,
    learnt_modules,
    progress,
    sightings,
    tallies,
    thread_counts,
    threads,
    uses,
    watches,
)
from bridge.store.tables.standing import (
    catchups,
    channel_states,
    incidents,
    rule_paces,
    rule_states,
    rulebooks,
    suppressions,
)
from bridge.store.tables.way import (
    DONE,
    IS_STUCK,
    IS_WAITING,
    NEW,
    PARKED,
    attempts,
    deliveries,
    entry_keys,
    entry_sources,
    inbox,
    lapses,
    payloads,
    settings,
    version,
)

__all__ = [
    "CONFIRMED",
    "COPY",
    "DONE",
    "HEIR",
    "IS_STUCK",
    "IS_WAITING",
    "ITEM",
    "LEFT",
    "METADATA",
    "NEW",
    "PARKED",
    "RELEASED",
    "RESERVED",
    "SENTENCES",
    "WORDS",
    "attempts",
    "catchups",
    "channel_states",
    "claims",
    "constant",
    "constants",
    "deliveries",
    "entry_keys",
    "entry_sources",
    "gathered",
    "given",
    "inbox",
    "incidents",
    "lapses",
    "learnt_modules",
    "new_row",
    "payloads",
    "progress",
    "rule_paces",
    "rule_states",
    "rulebooks",
    "settings",
    "sightings",
    "suppressions",
    "tables_of",
    "tallies",
    "thread_counts",
    "threads",
    "under",
    "uses",
    "version",
    "watches",
]
