"""What a delivery that some of its people have is still for, and what is said when it is given up."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, update

from bridge.store.schema import deliveries, given, payloads


def store(connection: Connection, seq: int, meta: Mapping[str, object]) -> None:
    """Store what stands beside a message now; its bytes stay."""
    connection.execute(_STORE, {"given_seq": seq, "given_meta": dict(meta)})


def say(connection: Connection, seq: int, why: str) -> None:
    """Say why a delivery stands where it does."""
    connection.execute(_SAY, {"given_seq": seq, "given_why": why})


_STORE = update(payloads).where(payloads.c.delivery_seq == given("seq")).values(meta=given("meta"))
_SAY = update(deliveries).where(deliveries.c.seq == given("seq")).values(why=given("why"))
