"""What people ask of claims: lists, counts, whose they are, and letting some go.

A claim outlives its delivery, so nothing here needs one to be there. What is still under way keeps its claim.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, case, func, not_, or_, select, tuple_, update

from bridge.core.outcomes import State
from bridge.store.details import SEVERAL, Ambiguous, NotFound
from bridge.store.schema import CONFIRMED, RELEASED, RESERVED, claims, constant, constants, deliveries

ClaimState = Literal["reserved", "confirmed", "released"]
CLAIM_STATES: tuple[ClaimState, ...] = ("reserved", "confirmed", "released")
UNDER_WAY = (State.PENDING, State.SENDING, State.PARKED, State.KEPT, State.MERGED)
"""A delivery in one of these may still be sent, and needs its claim for that, as long as that is reserved."""
RELEASED_AT_ONCE = 500
"""Claims let go in one transaction: others want to write, too."""


class ClaimRow(Struct, frozen=True, kw_only=True):
    """A claim; `rule` and `action` as its key has them, `delivery` is None once that was pruned.

    `at` is when it came into its state.
    """

    delivery_id: str
    rule: str
    action: str
    label: str
    state: ClaimState
    at: datetime
    delivery: State | None

    @property
    def kept(self) -> bool:
        """Whether its delivery may still be sent, so that nobody may take the claim from it."""
        return self.state == RESERVED and self.delivery in UNDER_WAY


class ClaimFilter(Struct, frozen=True, kw_only=True):
    """Which claims; None asks for all, and several rules or actions for those of any.

    `text` stands in the label, in capitals or not. Times are of the last change, `until` is the first that is
    too late. `before` is the delivery's id of the last claim of the page before.
    """

    rules: Sequence[str] = ()
    actions: Sequence[str] = ()
    state: ClaimState | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: str | None = None
    limit: int = 50


class Counted(Struct, frozen=True):
    """How many claims a release would let go, how many are under way and stay, how many are free already."""

    going: int
    kept: int
    free: int


class Maker(Struct, frozen=True):
    """A rule and an action, by the names that claims were made with."""

    rule: str
    action: str


Place = tuple[str, str, datetime, str]
"""How far a release came: rule, action, time and delivery of the last claim it looked at."""


def list_claims(connection: Connection, wanted: ClaimFilter) -> list[ClaimRow]:
    """List claims, the last changed first."""
    rows = connection.execute(
        _SELECT.where(*_conditions(wanted), *_after_page(wanted.before))
        .order_by(claims.c.at.desc(), claims.c.delivery_id.desc())
        .limit(wanted.limit)
    )
    return [_row(row) for row in rows]


def find_claim(connection: Connection, delivery_id: str) -> ClaimRow | None:
    """Return the claim that a delivery has or has had."""
    row = connection.execute(_SELECT.where(claims.c.delivery_id == delivery_id)).first()
    return None if row is None else _row(row)


def find_id(connection: Connection, name: str) -> str | NotFound | Ambiguous:
    """Return the id of the delivery with a claim that has this id, or whose id begins so."""
    if not re.fullmatch("[0-9a-f]{1,32}", name):
        return NotFound()
    ids = select(claims.c.delivery_id).where(
        claims.c.delivery_id.between(name.ljust(32, "0"), name.ljust(32, "f"))
    )
    found = connection.scalars(ids.order_by(claims.c.delivery_id).limit(SEVERAL)).all()
    match found:
        case []:
            return NotFound()
        case [one]:
            return str(one)
        case _:
            return Ambiguous(tuple(found))


def count_claims(connection: Connection, wanted: ClaimFilter) -> Counted:
    """Count what a release of these would do."""
    word = case((_KEEPS, constant(_KEPT)), else_=claims.c.state)
    rows = connection.execute(select(word, func.count()).where(*_conditions(wanted)).group_by(word))
    counts: dict[str, int] = dict(rows.all())
    going = counts.get(RESERVED, 0) + counts.get(CONFIRMED, 0)
    return Counted(going, counts.get(_KEPT, 0), counts.get(RELEASED, 0))


def release_some(
    connection: Connection, wanted: ClaimFilter, after: Place | None, *, now: datetime
) -> tuple[int, Place | None]:
    """Let go up to `RELEASED_AT_ONCE` claims behind a place; returns how many, and the place to go on from.

    None when there are no more. What is under way keeps its claim.
    """
    behind = [] if after is None else [tuple_(*_PLACE) > after]
    found = connection.execute(
        select(*_PLACE)
        .where(*_conditions(wanted), *behind, claims.c.state != constant(RELEASED), not_(_KEEPS))
        .order_by(*_PLACE)
        .limit(RELEASED_AT_ONCE)
    ).all()
    released = sum(release_one(connection, row.delivery_id, now=now) for row in found)
    place: Place | None = tuple(found[-1]) if found else None
    return released, place


def release_one(connection: Connection, delivery_id: str, *, now: datetime) -> bool:
    """Let a delivery's claim go; False if it has none, is free already, or is under way."""
    return (
        connection.execute(_RELEASE.where(claims.c.delivery_id == delivery_id).values(at=now)).rowcount == 1
    )


def makers(connection: Connection) -> Iterator[Maker]:
    """Yield every rule and action that has claims, also those that are not configured any more.

    Each is found by a look into the index, however many claims it has.
    """
    last: tuple[str, str] | None = None
    while True:
        behind = [] if last is None else [tuple_(claims.c.rule, claims.c.action) > last]
        found = connection.execute(_MAKER.where(*behind)).first()
        if found is None:
            return
        last = (found.rule, found.action)
        yield Maker(*last)


def count_held(connection: Connection, maker: Maker) -> int:
    """Count the claims of a rule's action that are not released."""
    held = claims.c.state != constant(RELEASED)
    return connection.scalar(select(func.count()).where(*_of(maker), held)) or 0


def label_of(connection: Connection, maker: Maker) -> str:
    """Return the label of one of its claims that is held, else an empty text."""
    held = claims.c.state != constant(RELEASED)
    return connection.scalar(select(claims.c.label).where(*_of(maker), held).limit(1)) or ""


def _of(maker: Maker) -> tuple[ColumnElement[bool], ...]:
    return claims.c.rule == maker.rule, claims.c.action == maker.action


def _conditions(wanted: ClaimFilter) -> list[ColumnElement[bool]]:
    return [
        *([claims.c.rule.in_(wanted.rules)] if wanted.rules else []),
        *([claims.c.action.in_(wanted.actions)] if wanted.actions else []),
        *([claims.c.state == constant(wanted.state)] if wanted.state else []),
        *([_says(wanted.text)] if wanted.text else []),
        *([claims.c.at >= wanted.since] if wanted.since else []),
        *([claims.c.at < wanted.until] if wanted.until else []),
    ]


def _says(text: str) -> ColumnElement[bool]:
    # Both databases fold the letters of ASCII alone, so the text that is looked for is folded no further.
    lowered = "".join(letter.lower() if letter.isascii() else letter for letter in text)
    return func.lower(claims.c.label).contains(lowered, autoescape=True)


def _after_page(before: str | None) -> list[ColumnElement[bool]]:
    if before is None:
        return []
    last = select(claims.c.at).where(claims.c.delivery_id == before).correlate(None).scalar_subquery()
    return [claims.c.at <= last, or_(claims.c.at < last, claims.c.delivery_id < before)]


def _is_under_way() -> ColumnElement[bool]:
    # A scalar subquery, and not EXISTS: PostgreSQL would make that a join with all deliveries.
    state = (
        select(deliveries.c.state)
        .where(deliveries.c.id == claims.c.delivery_id)
        .correlate(claims)
        .scalar_subquery()
    )
    return func.coalesce(state, constant("")).in_(constants(UNDER_WAY))


def _row(row: Sequence[Any]) -> ClaimRow:
    values = dict(zip(_FIELDS, row, strict=True))
    state = values["delivery"]
    return ClaimRow(**{**values, "delivery": None if state is None else State(state)})


_KEPT = "kept"
_FIELDS = ClaimRow.__struct_fields__
_PLACE = (claims.c.rule, claims.c.action, claims.c.at, claims.c.delivery_id)
_KEEPS = and_(claims.c.state == constant(RESERVED), _is_under_way())
_SELECT = select(
    *(claims.c[name] for name in _FIELDS if name != "delivery"), deliveries.c.state.label("delivery")
).outerjoin_from(claims, deliveries, deliveries.c.id == claims.c.delivery_id)
_RELEASE = (
    update(claims).where(claims.c.state != constant(RELEASED), not_(_KEEPS)).values(state=constant(RELEASED))
)
_MAKER = select(claims.c.rule, claims.c.action).order_by(claims.c.rule, claims.c.action).limit(1)
