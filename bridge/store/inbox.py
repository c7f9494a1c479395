"""The inbox: authentic requests, on disk before they are answered, each worked on by one lease at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Integer,
    bindparam,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from bridge.store import keys, source_names
from bridge.store.arrays import is_not_among
from bridge.store.columns import Json
from bridge.store.entries import Accepted, Entry, Finished, Lease, NewEntry
from bridge.store.inbox_rows import (
    DONE_COLUMNS,
    FLAGS,
    FOUND_COLUMNS,
    DoneRows,
    found_values,
    leased,
    waiting_row,
)
from bridge.store.news import tell_of_entries
from bridge.store.numbers import next_seqs
from bridge.store.prepared import Prepared
from bridge.store.schema import (
    DONE,
    IS_WAITING,
    NEW,
    PARKED,
    constant,
    constants,
    given,
    inbox,
    new_row,
    under,
)
from bridge.store.turn import LONGEST_LEASE, Turn, passed_by, whose_turn

NOBODY = 0
"""A number that no row has: an empty list would make the databases plan for a subquery."""


def accept(connection: Connection, entry: NewEntry) -> Accepted:
    """Store a request, once for ever for the same key."""
    return accept_all(connection, [(entry, None)])[0]


def accept_all(
    connection: Connection,
    entries: Sequence[tuple[NewEntry, Lease | Finished | None]],
    seqs: Sequence[int] | None = None,
) -> list[Accepted]:
    """Store requests as `accept` does, in their order, with one statement for all of a kind.

    With a lease, a new one is claimed at once; one with what is `Finished` about it is done at once. `seqs`
    are their numbers, if they have any yet.
    """
    if not entries:
        return []
    if seqs is None:
        seqs = next_seqs(connection, inbox, len(entries))
    source_names.remember(connection, {entry.source for entry, _ in entries})
    places = keys.stored(connection, [entry.key for entry, _ in entries], last=seqs[0] - 1)
    waiting: list[dict[str, object]] = []
    done: list[tuple[object, ...]] = []
    done_rows = DoneRows(FLAGS[connection.dialect.name])
    for seq, (entry, way) in zip(seqs, entries, strict=True):
        if places.setdefault(entry.key, seq) != seq:
            continue
        if isinstance(way, Finished):
            done.append(done_rows.row_of(seq, entry, way))
        else:
            waiting.append(waiting_row(seq, entry) | leased(way))
            if way is None:
                tell_of_entries(connection)
    count = _ACCEPT.run_all(connection, waiting) + _ACCEPT_DONE.run_stored(connection, done)
    if count < len(waiting) + len(done):  # what another node has stored is seen now
        places = keys.find(connection, [entry.key for entry, _ in entries])
    return [
        Accepted(places[entry.key], duplicate=places[entry.key] != seq)
        for seq, (entry, _) in zip(seqs, entries, strict=True)
    ]


def claim(
    connection: Connection,
    *,
    now: datetime,
    lease_until: datetime,
    lease: str,
    limit: int,
    busy: Sequence[int] = (),
) -> list[Entry] | None:
    """Lease the oldest entries that wait, or whose lease ran out, in the order of their arrival.

    Those in `busy` are left alone. A lease is called `<node>/<number>`; on PostgreSQL, while one node's
    leases run, the others get nothing, so that deliveries are made in the order of the entries. None while
    another node claims at this very moment, or finishes under a lease that has run out: there is something to
    be seen when it is done.
    """
    turn = whose_turn(connection, now, lease)
    if turn is not Turn.OURS:
        return None if turn is Turn.OPEN else []
    values = {
        "given_now": now,
        "given_far": now + LONGEST_LEASE,
        "given_until": lease_until,
        "given_lease": lease,
        "given_limit": limit,
        "given_busy": (NOBODY, *busy),
    }
    rows = connection.execute(_CLAIM[connection.dialect.name], values).all()
    claimed = sorted((entry_of(row[:-1]) for row in rows), key=lambda entry: entry.seq)
    return _before(connection, claimed, rows[0][-1]) if claimed else []


def _before(connection: Connection, claimed: Sequence[Entry], passed: int | None) -> list[Entry] | None:
    """Return what was claimed before the entry that was passed by, if one was, and put back the rest."""
    if passed is None:
        return list(claimed)
    ours = [entry for entry in claimed if entry.seq < passed]
    if len(ours) < len(claimed):
        put_back(connection, [entry.seq for entry in claimed[len(ours) :]])
    return ours or None


def finish_all(connection: Connection, entries: Sequence[tuple[int, str, Finished]]) -> bool:
    """Close entries by number and lease; False if any lease is lost, and the others are closed."""
    rows = [
        {
            "given_seq": seq,
            "given_lease": lease,
            "given_now": finished.at,
            **found_values(finished.facts, finished.summary),
        }
        for seq, lease, finished in entries
    ]
    return _FINISH.run_all(connection, rows) == len(rows)


def amend(connection: Connection, seq: int, summary: Mapping[str, object]) -> None:
    """Replace what was decided about an entry that this transaction has stored."""
    connection.execute(_AMEND, {"given_seq": seq, "given_summary": dict(summary)})


def park(connection: Connection, seq: int, *, lease: str, now: datetime, why: str) -> bool:
    """Put an entry aside for a person; False, and nothing written, if the lease is lost."""
    values = {"state": PARKED, "finished_at": now, "why": why}
    return connection.execute(_SETTLE, {"given_seq": seq, "given_lease": lease, **values}).rowcount == 1


def replay(connection: Connection, seq: int, *, now: datetime) -> int | None:
    """Send a finished or parked entry through the rules again; returns its new run's number.

    An entry that still waits keeps its run. None means that there is no such entry.
    """
    run = connection.scalar(_REPLAY, {"given_seq": seq, "given_now": now})
    if run is not None:
        tell_of_entries(connection)
    return run if run is not None else connection.scalar(_RUN, {"given_seq": seq})


def put_back(connection: Connection, seqs: Sequence[int]) -> None:
    """Give back entries that this transaction has claimed, as if it had not."""
    connection.execute(_PUT_BACK, {"given_seqs": seqs})


def release(connection: Connection, lease: str) -> int:
    """Give back every entry under a lease whose name begins so, as if never claimed; returns how many."""
    given_back = connection.execute(_RELEASE, {"given_lease": lease}).rowcount
    if given_back:
        tell_of_entries(connection)
    return given_back


def give_back_all(connection: Connection, lease: str) -> int:
    """Give back every entry under the lease of this name, as if never claimed; returns how many."""
    return connection.execute(_GIVE_BACK_ALL, {"given_lease": lease}).rowcount


def release_all(connection: Connection) -> int:
    """Give back every entry; only for a process that is alone on its store. Returns how many.

    Their claims count: whoever held them did not live to give them back.
    """
    return connection.execute(_RELEASE_ALL).rowcount


def entry_of(row: Sequence[Any]) -> Entry:
    """Return the entry from the values of `ENTRY_COLUMNS`."""
    return Entry(**dict(zip(_ENTRY_FIELDS, row, strict=True)))


_NEW_FIELDS = NewEntry.__struct_fields__
_ENTRY_FIELDS = tuple(name for name in Entry.__struct_fields__ if name != "content")
ENTRY_COLUMNS = tuple(inbox.c[name] for name in _ENTRY_FIELDS)
"""What `entry_of` needs, in this order."""

_FREE = {"lease": null(), "leased_until": null()}

_ACCEPT = Prepared(
    new_row(inbox),
    inserted=("seq", *_NEW_FIELDS, "tries", "lease", "leased_until"),
    fixed={"state": constant(NEW), "run": literal_column("1")},
)
_ACCEPT_DONE = Prepared(
    # What fails takes its whole transaction back, so SQLite need not keep each page as it was before this
    # statement.
    new_row(inbox).prefix_with("OR FAIL", dialect="sqlite"),
    inserted=DONE_COLUMNS,
    fixed={"state": constant(DONE), "run": literal_column("1"), "tries": literal_column("1")},
)
_AMEND = (
    update(inbox).where(inbox.c.seq == given("seq")).values(summary=bindparam("given_summary", type_=Json))
)


def _first(not_busy: ColumnElement[bool]) -> CTE:
    return (
        select(inbox.c.seq)
        .where(IS_WAITING, _IS_FREE, not_busy)
        .order_by(inbox.c.seq)
        .limit(given("limit", Integer))
        .with_for_update(skip_locked=True)
        .cte("next")
    )


def _claiming(first: CTE, passed: ColumnElement[Any]) -> ReturningUpdate[Any]:
    """Return the claim; its last value is the entry that must not be passed by, if there is one."""
    return (
        update(inbox)
        .where(inbox.c.seq.in_(select(first.c.seq)))
        .values(lease=given("lease"), leased_until=given("until"), tries=inbox.c.tries + 1)
        .returning(*ENTRY_COLUMNS, passed.label("passed"))
    )


_IS_FREE = or_(
    inbox.c.leased_until.is_(None),
    inbox.c.leased_until <= given("now"),
    inbox.c.leased_until > given("far"),
)
_OF_NODES = _first(is_not_among(inbox.c.seq, "busy"))
_CLAIM = {
    "sqlite": _claiming(_first(inbox.c.seq.not_in(bindparam("given_busy", expanding=True))), null()),
    "postgresql": _claiming(_OF_NODES, passed_by(_OF_NODES)),
}
_SETTLE = (
    update(inbox)
    .where(inbox.c.seq == given("seq"), inbox.c.lease == given("lease"), inbox.c.state == constant(NEW))
    .values(_FREE)
)
_FINISH = Prepared(
    _SETTLE.values(
        {
            "state": constant(DONE),
            "finished_at": given("now"),
            "why": null(),
            **{name: bindparam(name, type_=inbox.c[name].type) for name in FOUND_COLUMNS},
        }
    )
)
_REPLAY = (
    update(inbox)
    .where(inbox.c.seq == given("seq"), inbox.c.state.in_(constants((DONE, PARKED))))
    .values(
        {
            "state": NEW,
            "run": inbox.c.run + 1,
            "tries": 0,
            "replayed_at": given("now"),
            "finished_at": null(),
            **_FREE,
        }
    )
    .returning(inbox.c.run)
)
_RUN = select(inbox.c.run).where(inbox.c.seq == given("seq"))
_RELEASE_ALL = update(inbox).where(IS_WAITING, inbox.c.lease.is_not(None)).values(_FREE)
_RELEASE = update(inbox).where(IS_WAITING, under(inbox.c.lease)).values({"tries": inbox.c.tries - 1, **_FREE})
_GIVE_BACK_ALL = (
    update(inbox)
    .where(IS_WAITING, inbox.c.lease == given("lease"))
    .values({"tries": inbox.c.tries - 1, **_FREE})
)
_PUT_BACK = (
    update(inbox)
    .where(inbox.c.seq.in_(bindparam("given_seqs", expanding=True)))
    .values({"tries": inbox.c.tries - 1, **_FREE})
)
