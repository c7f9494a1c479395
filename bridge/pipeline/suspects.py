"""Entries that were taken up before and never finished: each is taken up alone, and none blamed for another.

Whatever ends the process ends it for all that is at work, and only alone it can be told from its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from bridge.store.entries import Entry

ALONE_FROM = 3
"""At which try an entry is taken up alone."""


def is_suspect(entry: Entry) -> bool:
    """Return whether an entry may be what ended the process."""
    return entry.tries >= ALONE_FROM


def to_take(claimed: Sequence[Entry], *, idle: bool) -> Sequence[Entry]:
    """Return the first of claimed entries that may be at work together; `idle` says that nothing else is."""
    if not any(map(is_suspect, claimed)):
        return claimed
    before = tuple(takewhile(lambda entry: not is_suspect(entry), claimed))
    return before or (claimed[:1] if idle else ())
