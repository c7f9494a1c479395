"""What rules with `after:` have counted: a row for each event that counts, for as long as it may matter.

An event is counted in the transaction that makes its deliveries. The same event again finds its row, and what
was decided then. Whatever the count has grown to, only the rows nearest to the event are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, Integer, delete, select, tuple_

from bridge.core.rules import After
from bridge.core.tallies import (
    LATEST,
    Counted,
    Mark,
    Tally,
    adds_nothing,
    began,
    needless,
    number_at,
)
from bridge.store.columns import Instant
from bridge.store.holds import hold
from bridge.store.schema import given, new_row, tallies

PER_VALUE = 4
"""Rows that are read for each that is wanted, both ways: of one value no more are kept in one span."""
FORGOTTEN_AT_ONCE = 100
"""Rows that are deleted with each new one, at most."""


def count(connection: Connection, tally: Tally, *, again: bool) -> Counted:
    """Count an event, unless it was counted before, and return what that comes to.

    `again` says that the event has been through the rules before: if its row is gone, so are others.
    """
    hold(connection, tally.key)
    known, new, after = _around(connection, tally), tally.mark, tally.after
    decided = _decided(connection, tally, known, again=again)
    if decided is not None:
        return decided
    start = began(known, new, after)
    if _is_kept(known, new, after):
        for mark in needless(known, new, after.within):
            connection.execute(_DROP, _place(tally.key, mark))
        connection.execute(_ADD, _row(tally.key, new, start))
        if after.within is not None:
            since = new.at - _kept_for(after.within)
            connection.execute(_FORGET, {"given_key": tally.key, "given_since": since})
    return Counted(after, number_at((*known, new), new.at, after.within), fires=start is not None)


def foreseen(connection: Connection, tally: Tally) -> Counted:
    """Return what counting an event would come to, or has come to; nothing is written."""
    known, new, after = _around(connection, tally), tally.mark, tally.after
    decided = _decided(connection, tally, known, again=False)
    number = number_at((*known, new), new.at, after.within)
    return decided or Counted(after, number, fires=began(known, new, after) is not None)


def _decided(connection: Connection, tally: Tally, known: Sequence[Mark], *, again: bool) -> Counted | None:
    """Return what was decided of an event before; None if it is new."""
    mark, after = tally.mark, tally.after
    number = number_at((*known, mark), mark.at, after.within)
    found = connection.execute(_SAME, _place(tally.key, mark)).first()
    if found is not None:
        return Counted(after, number, fires=found.began is not None)
    if not again or after.within is None:
        return None
    newest: datetime | None = connection.scalar(_NEWEST, {"given_key": tally.key})
    if newest is None or mark.at >= newest - _kept_for(after.within):
        return None
    return Counted(after, number, fires=False, forgotten=True)


def _around(connection: Connection, tally: Tally) -> list[Mark]:
    """Return the marks that may be counted at the same time as the tally's own."""
    after, values = tally.after, _place(tally.key, tally.mark)
    values["given_limit"] = after.count * (PER_VALUE if after.distinct else 1) + 1
    if after.within is None:
        return [Mark(*row) for row in connection.execute(_ALL, values)]
    values |= {"given_since": tally.mark.at - after.within, "given_until": tally.mark.at + after.within}
    rows = (*connection.execute(_BEFORE, values), *connection.execute(_BEHIND, values))
    return [Mark(*row) for row in rows]


def _is_kept(known: Sequence[Mark], new: Mark, after: After) -> bool:
    """Return whether a mark can ever matter: none does where a count only grows and has been reached."""
    if adds_nothing(known, new, after.within):
        return False
    return after.within is not None or len({mark.counted for mark in known}) < after.count


def _kept_for(within: timedelta) -> timedelta:
    return 2 * within + LATEST


def _place(key: bytes, mark: Mark) -> dict[str, Any]:
    return {"given_key": key, "given_at": mark.at, "given_entry": mark.entry, "given_index": mark.index}


def _row(key: bytes, mark: Mark, start: datetime | None) -> dict[str, object]:
    return {
        "key": key,
        "at": mark.at,
        "inbox_seq": mark.entry,
        "event_index": mark.index,
        "value": mark.value,
        "began": start,
    }


_MARK = (tallies.c.at, tallies.c.inbox_seq, tallies.c.event_index, tallies.c.value, tallies.c.began)
_ITS = tallies.c.key == given("key")
_PLACE = tuple_(tallies.c.at, tallies.c.inbox_seq, tallies.c.event_index)
_OWN_PLACE = tuple_(given("at", Instant), given("entry", BigInteger), given("index", Integer))
_THIS = (
    tallies.c.at == given("at"),
    tallies.c.inbox_seq == given("entry"),
    tallies.c.event_index == given("index"),
)
_SAME = select(tallies.c.began).where(_ITS, *_THIS)
_ALL = select(*_MARK).where(_ITS).order_by(*_PLACE).limit(given("limit", Integer))
_BEFORE = (
    select(*_MARK)
    .where(_ITS, tallies.c.at >= given("since"), _PLACE < _OWN_PLACE)
    .order_by(*(column.desc() for column in _PLACE))
    .limit(given("limit", Integer))
)
_BEHIND = (
    select(*_MARK)
    .where(_ITS, tallies.c.at <= given("until"), _PLACE > _OWN_PLACE)
    .order_by(*_PLACE)
    .limit(given("limit", Integer))
)
_NEWEST = select(tallies.c.at).where(_ITS).order_by(tallies.c.at.desc()).limit(1)
_ADD = new_row(tallies)
_DROP = delete(tallies).where(_ITS, *_THIS)
_OLD = (
    select(*_PLACE)
    .where(_ITS, tallies.c.at < given("since"), tallies.c.began.is_(None))
    .limit(FORGOTTEN_AT_ONCE)
)
_FORGET = delete(tallies).where(_ITS, _PLACE.in_(_OLD))
