"""Catch-ups: which rule is taken over which stored events, how far it came, and who is at it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from bridge.store.entries import Entry
from bridge.store.inbox import ENTRY_COLUMNS, entry_of
from bridge.store.schema import DONE, catchups, constant, deliveries, inbox

State = Literal["running", "stopped", "done"]
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
PAGE = 200
"""Entries read at a time: a million stored events take no more memory than these."""


class Span(Struct, frozen=True, kw_only=True):
    """Stored entries: received from `since` on and before `until`, up to the number `last_seq`."""

    since: datetime
    until: datetime
    last_seq: int

    @property
    def and_after(self) -> Span:
        """Return the span with all that came after it, up to the same number."""
        return replace(self, until=NEVER)


class Catchup(Struct, frozen=True, kw_only=True):
    """One catch-up. `counts` are entries and messages by what became of them.

    `noted` and `cursor` are the last entries of its two ways over the events: noting what withdraws messages,
    and taking the rule over them.
    """

    seq: int
    rule: str
    since: datetime
    until: datetime
    last_seq: int
    rate: str
    state: State
    started_at: datetime
    updated_at: datetime
    leased_until: datetime | None
    noted: int
    cursor: int
    counts: Mapping[str, int]

    @property
    def span(self) -> Span:
        """The entries that it is about."""
        return Span(since=self.since, until=self.until, last_seq=self.last_seq)

    def word(self, now: datetime) -> str:
        """Return how it does; `interrupted` is one whose process is gone."""
        over = self.leased_until is None or self.leased_until <= now
        return "interrupted" if self.state == "running" and over else self.state


def last_entry(connection: Connection) -> int:
    """Return the number of the newest entry, or 0."""
    return connection.scalar(select(func.max(inbox.c.seq))) or 0


def count_entries(connection: Connection, span: Span, after: int = 0) -> int:
    """Count the entries of a span behind a number."""
    return connection.scalar(select(func.count()).select_from(inbox).where(*_within(span, after))) or 0


def entries(connection: Connection, span: Span, after: int) -> list[Entry]:
    """Return the next entries of a span, the oldest first, at most `PAGE`."""
    rows = connection.execute(
        select(*ENTRY_COLUMNS).where(*_within(span, after)).order_by(inbox.c.seq).limit(PAGE)
    )
    return [entry_of(row) for row in rows]


def is_settled(connection: Connection, entry: Entry) -> bool:
    """Return whether an entry is still as it was read, and keep it so until the transaction ends.

    One that is replayed meanwhile goes through all rules as it is.
    """
    found = connection.execute(
        select(inbox.c.run, inbox.c.state).where(inbox.c.seq == entry.seq).with_for_update()
    ).first()
    return found is not None and (found.run, found.state) == (entry.run, DONE)


def is_handled(connection: Connection, entry_seq: int, index: int, names: Iterable[tuple[str, str]]) -> bool:
    """Return whether a rule's action has led to a delivery for an event before, in whichever run.

    `names` are those that the rule and the action have and had.
    """
    mine = tuple_(deliveries.c.rule, deliveries.c.action).in_(list(names))
    same = and_(deliveries.c.inbox_seq == entry_seq, deliveries.c.event_index == index)
    return connection.execute(select(deliveries.c.seq).where(same, mine).limit(1)).first() is not None


def begin(connection: Connection, rule: str, span: Span, rate: str, *, now: datetime) -> int:
    """Store a new catch-up, which nobody is at yet; returns its number."""
    row = {"rule": rule, "since": span.since, "until": span.until, "last_seq": span.last_seq}
    row |= {"rate": rate, "state": "stopped", "started_at": now, "updated_at": now}
    made = insert(catchups).values(noted=0, cursor=0, counts={}, **row).returning(catchups.c.seq)
    return int(connection.execute(made).scalar_one())


def find(connection: Connection, seq: int) -> Catchup | None:
    """Return a catch-up by its number."""
    row = connection.execute(select(*_COLUMNS).where(catchups.c.seq == seq)).first()
    return None if row is None else _catchup(row)


def list_all(connection: Connection, *, limit: int = 50) -> list[Catchup]:
    """List catch-ups, the newest first."""
    rows = connection.execute(select(*_COLUMNS).order_by(catchups.c.seq.desc()).limit(limit))
    return [_catchup(row) for row in rows]


def take(connection: Connection, seq: int, lease: str, *, now: datetime, until: datetime) -> bool:
    """Be at a catch-up until a time; False if another process is, or if it is done."""
    free = or_(
        catchups.c.leased_until.is_(None),
        catchups.c.leased_until <= now,
        catchups.c.state != constant("running"),
    )
    taken = (
        update(catchups)
        .where(catchups.c.seq == seq, catchups.c.state != constant("done"), free)
        .values(state="running", lease=lease, leased_until=until, updated_at=now)
    )
    return connection.execute(taken).rowcount == 1


def keep(
    connection: Connection, seq: int, lease: str, *, now: datetime, until: datetime, **progress: object
) -> bool:
    """Stay at a catch-up, and note its progress; False, and nothing written, if it was stopped or taken."""
    kept = update(catchups).where(*_ours(seq, lease)).values(leased_until=until, updated_at=now, **progress)
    return connection.execute(kept).rowcount == 1


def leave(connection: Connection, seq: int, lease: str, state: State, *, now: datetime) -> bool:
    """Be at it no more; False if it was stopped or taken before."""
    left = update(catchups).where(*_ours(seq, lease))
    values = {"state": state, "lease": None, "leased_until": None, "updated_at": now}
    return connection.execute(left.values(values)).rowcount == 1


def stop(connection: Connection, seq: int, *, now: datetime) -> bool:
    """Ask whoever is at it to stop; False if it does not run."""
    stopped = (
        update(catchups)
        .where(catchups.c.seq == seq, catchups.c.state == constant("running"))
        .values(state="stopped", lease=None, leased_until=None, updated_at=now)
    )
    return connection.execute(stopped).rowcount == 1


def _ours(seq: int, lease: str) -> tuple[ColumnElement[bool], ...]:
    return catchups.c.seq == seq, catchups.c.lease == lease, catchups.c.state == constant("running")


def _within(span: Span, after: int) -> tuple[ColumnElement[bool], ...]:
    # A sum, so that no index over times serves: each page would be sorted by its numbers first.
    received_at = inbox.c.received_at.op("+")(literal_column("0"))
    return (
        inbox.c.seq > after,
        inbox.c.seq <= span.last_seq,
        received_at >= span.since,
        received_at < span.until,
        inbox.c.state == constant(DONE),
    )


def _catchup(row: Sequence[Any]) -> Catchup:
    return Catchup(**dict(zip(_FIELDS, row, strict=True)))


_FIELDS = Catchup.__struct_fields__
_COLUMNS = tuple(catchups.c[name] for name in _FIELDS)
