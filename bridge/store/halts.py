"""Where rules stand: how many messages each with `pause_above` has made, and which are paused.

Whoever makes deliveries of such a rule, or decides about those that are kept, holds the rule's row, so that
nodes see each other. A delivery is kept only while its rule is not working.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Integer, case, delete, func, literal, null, select, update

from bridge.core.halts import GIVEN_UP, KEPT, KEPT_AND, Brake, Halt, RuleState, above_why, is_above
from bridge.core.outcomes import State
from bridge.core.rates import Rate
from bridge.core.trouble import Trouble
from bridge.store import collections, incidents, memory
from bridge.store.conflicts import insert_or_skip
from bridge.store.moves import CLOSED, OPEN, UNDER_LEASE, move
from bridge.store.schema import constant, deliveries, given, rule_paces, rule_states

COUNTED = 10_000
"""Kept deliveries are counted up to here."""


class _Row(Struct, frozen=True):
    halt: Halt
    made: int
    since: datetime | None
    why: str


def lets(connection: Connection, brake: Brake, *, now: datetime) -> bool:
    """Return whether a delivery of a rule may be made to be sent, and count it; False: it is to be kept.

    The one that is too many pauses the rule, and what still waits of it is kept as well.
    """
    row = _lock(connection, brake.rule)
    if row.halt is not Halt.WORKING:
        return False
    if brake.above is None:
        return True
    number = row.made + 1
    if _is_above(connection, brake.rule, brake.above, number, now):
        why = above_why(brake.above)
        _halt(connection, brake.rule, now=now, why=why)
        incidents.happened(connection, Trouble.RULE, brake.rule, now=now, why=why)
        return False
    values = {"given_rule": brake.rule, "given_number": number, "given_now": now}
    connection.execute(_FORGET, {**values, "given_number": number - brake.above.count})
    connection.execute(_COUNT, values)
    connection.execute(rule_paces.insert(), {"rule": brake.rule, "number": number, "at": now})
    return True


def keep(connection: Connection, rule: str, seq: int, *, lease: str, now: datetime) -> bool:
    """Keep a claimed delivery; False, and nothing written, if its rule is not paused or the lease is lost."""
    if _lock(connection, rule).halt is not Halt.PAUSED:
        return False
    values = {"given_seq": seq, "given_lease": lease, "given_now": now}
    return connection.execute(_KEEP, values).rowcount == 1


def pause(connection: Connection, rule: str, *, now: datetime, why: str) -> bool:
    """Keep all that a rule makes from now on, and all of it that waits; False if it is paused already."""
    if _lock(connection, rule).halt is Halt.PAUSED:
        return False
    _halt(connection, rule, now=now, why=why)
    return True


def begin(connection: Connection, rule: str, decision: Halt) -> bool:
    """Note what a person has decided of all that is kept; False if the rule works."""
    if _lock(connection, rule).halt is Halt.WORKING:
        return False
    connection.execute(_DECIDE, {"given_rule": rule, "given_halt": decision})
    return True


def follow(connection: Connection, rule: str, decision: Halt, limit: int, *, now: datetime) -> int:
    """Do what was decided to the oldest that are kept; returns how many.

    Fewer than `limit` were the last ones, and the rule works again; none also if somebody has decided
    otherwise meanwhile.
    """
    if _lock(connection, rule).halt is not decision:
        return 0
    values = {"given_rule": rule, "given_now": now, "given_limit": limit, "given_why": GIVEN_UP}
    moved = connection.execute(_RELEASE if decision is Halt.RESUMING else _GIVE_UP, values).all()
    if decision is Halt.DISCARDING:
        for id_, seq in moved:
            memory.follow(connection, id_, State.DISCARDED, now=now)
            collections.follow(connection, seq, State.DISCARDED, now=now)
    if len(moved) < limit:
        connection.execute(_FORGET_ALL, {"given_rule": rule})
        connection.execute(_WORK, {"given_rule": rule})
        incidents.ended(connection, Trouble.RULE, rule, now=now)
    return len(moved)


def halted(connection: Connection) -> frozenset[str]:
    """Return the names of the rules that do not work."""
    return frozenset(connection.scalars(_HALTED))


def states(connection: Connection, rules: Collection[str] = ()) -> dict[str, RuleState]:
    """Return where the named rules stand, and all that do not work."""
    found = {
        row.rule: RuleState(
            rule=row.rule,
            halt=Halt(row.halt),
            since=row.since,
            why=row.why,
            kept=count_kept(connection, row.rule),
        )
        for row in connection.execute(_STATES)
    }
    return {**{name: RuleState(rule=name) for name in rules}, **found}


def count_kept(connection: Connection, rule: str) -> int:
    """Return how many deliveries of a rule are kept; at most `COUNTED`, so that it stays quick."""
    return int(connection.scalar(_KEPT_OF, {"given_rule": rule}) or 0)


def _is_above(connection: Connection, rule: str, above: Rate, number: int, now: datetime) -> bool:
    values = {"given_rule": rule, "given_number": number - above.count}
    earlier: datetime | None = connection.scalar(_PACE, values)
    return earlier is not None and is_above(above, earlier, now)


def _halt(connection: Connection, rule: str, *, now: datetime, why: str) -> None:
    connection.execute(_PAUSE, {"given_rule": rule, "given_since": now, "given_why": why})
    connection.execute(_KEEP_ALL, {"given_rule": rule, "given_now": now})


def _lock(connection: Connection, rule: str) -> _Row:
    """Return where a rule stands, and let no other node change it before this transaction's end."""
    row = connection.execute(_LOCK, {"given_rule": rule}).first()
    if row is None:
        # A row that is not there cannot be locked; whoever makes it first lets the others wait.
        connection.execute(_MAKE, {"rule": rule, "halt": Halt.WORKING, "made": 0, "why": ""})
        row = connection.execute(_LOCK, {"given_rule": rule}).one()
    halt, made, since, why = row
    return _Row(Halt(halt), made, since, why)


_THIS = rule_states.c.rule == given("rule")
_LOCK = (
    select(rule_states.c.halt, rule_states.c.made, rule_states.c.since, rule_states.c.why)
    .where(_THIS)
    .with_for_update()
)
_MAKE = insert_or_skip(rule_states)
_COUNT = update(rule_states).where(_THIS).values(made=given("number"))
_PAUSE = (
    update(rule_states)
    .where(_THIS)
    .values(halt=constant(Halt.PAUSED), since=given("since"), why=given("why"))
)
_DECIDE = update(rule_states).where(_THIS).values(halt=given("halt"))
_WORK = (
    update(rule_states)
    .where(_THIS)
    .values(halt=constant(Halt.WORKING), since=null(), why=constant(""), made=0)
)
_NOT_WORKING = rule_states.c.halt != constant(Halt.WORKING)
_HALTED = select(rule_states.c.rule).where(_NOT_WORKING)
_STATES = (
    select(rule_states.c.rule, rule_states.c.halt, rule_states.c.since, rule_states.c.why)
    .where(_NOT_WORKING)
    .order_by(rule_states.c.rule)
)
_OF_RULE = rule_paces.c.rule == given("rule")
_PACE = select(rule_paces.c.at).where(_OF_RULE, rule_paces.c.number == given("number"))
_FORGET = delete(rule_paces).where(_OF_RULE, rule_paces.c.number <= given("number"))
_FORGET_ALL = delete(rule_paces).where(_OF_RULE)

_IS_KEPT = (deliveries.c.rule == given("rule"), deliveries.c.state == constant(State.KEPT))
_SOME = select(deliveries.c.seq).where(*_IS_KEPT).limit(COUNTED).subquery("some")
_KEPT_OF = select(func.count()).select_from(_SOME)
_REASON = case((deliveries.c.why.is_(None), KEPT), else_=literal(KEPT_AND).concat(deliveries.c.why))
_KEPT: dict[str, Any] = {**CLOSED, "why": _REASON}
_KEEP = move(State.KEPT, *UNDER_LEASE, **_KEPT)
_KEEP_ALL = move(
    State.KEPT,
    OPEN,
    deliveries.c.rule == given("rule"),
    deliveries.c.state == constant(State.PENDING),
    **_KEPT,
)
_OLDEST = select(deliveries.c.seq).where(*_IS_KEPT).order_by(deliveries.c.seq).limit(given("limit", Integer))
_RELEASE = (
    update(deliveries)
    .where(deliveries.c.seq.in_(_OLDEST), deliveries.c.state == constant(State.KEPT))
    .values(
        state=constant(State.PENDING),
        updated_at=given("now"),
        ready_at=deliveries.c.due_at,
        why=case(
            (deliveries.c.why == KEPT, null()),
            (
                deliveries.c.why.startswith(KEPT_AND, autoescape=True),
                func.substr(deliveries.c.why, len(KEPT_AND) + 1),
            ),
            else_=deliveries.c.why,
        ),
    )
    .returning(deliveries.c.id, deliveries.c.seq)
)
_GIVE_UP = (
    update(deliveries)
    .where(deliveries.c.seq.in_(_OLDEST), deliveries.c.state == constant(State.KEPT))
    .values(state=constant(State.DISCARDED), updated_at=given("now"), why=given("why"))
    .returning(deliveries.c.id, deliveries.c.seq)
)
