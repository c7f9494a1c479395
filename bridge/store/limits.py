"""How often was sent what a rule limits: a row for each message, counted until its delivery is given up."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, func, or_, select, update

from bridge.core.limits import Use
from bridge.core.outcomes import State
from bridge.store.columns import HexId
from bridge.store.schema import constants, deliveries, given, new_row, uses


def is_reached(connection: Connection, use: Use, delivery_id: str = "") -> bool:
    """Return whether no further message may count; `delivery_id` is one that counts already, if any."""
    return number(connection, use, delivery_id) >= use.most


def number(connection: Connection, use: Use, delivery_id: str = "") -> int:
    """Return how many messages count already when a use is due, but for that of one delivery."""
    values = {"given_key": use.key, "given_since": use.at - use.per, "given_id": delivery_id or _NOBODY}
    return int(connection.scalar(_COUNT, values) or 0)


def count(connection: Connection, use: Use, delivery_id: str, *, now: datetime) -> None:
    """Count a message, and forget those that count no more."""
    connection.execute(_FORGET, {"given_key": use.key, "given_since": now - use.per})
    connection.execute(_ADD, {"delivery_id": delivery_id, "key": use.key, "at": use.at})


def hand_over(connection: Connection, dead_id: str, heir_id: str) -> None:
    """Count what is sent in the place of a message that died, if that one counted."""
    connection.execute(_HAND_OVER, {"given_dead": dead_id, "given_heir": heir_id})


_NOBODY = "0" * 32
_GIVEN_UP = constants((State.DEAD, State.EXPIRED, State.DISCARDED, State.SUPPRESSED))
# A delivery that was pruned was sent.
_COUNT = (
    select(func.count())
    .select_from(uses)
    .outerjoin(deliveries, deliveries.c.id == uses.c.delivery_id)
    .where(
        uses.c.key == given("key"),
        uses.c.at > given("since"),
        uses.c.delivery_id != given("id"),
        or_(deliveries.c.state.is_(None), deliveries.c.state.not_in(_GIVEN_UP)),
    )
)
_ADD = new_row(uses, uses.c.delivery_id)
_FORGET = delete(uses).where(uses.c.key == given("key"), uses.c.at <= given("since"))
_HAND_OVER = update(uses).where(uses.c.delivery_id == given("dead")).values(delivery_id=given("heir", HexId))
