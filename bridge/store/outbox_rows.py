"""Deliveries, payloads and attempts as the rows that are stored, and back.

What is written for every event is converted here, in the order of the columns; `Prepared.run_stored` hands
it to the driver as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bridge.core.messages import Payload
from bridge.core.outcomes import ANSWER_LIMIT, State
from bridge.store.columns import HexId, Instant, Json, Words
from bridge.store.deliveries import Attempt, Due, NewDelivery
from bridge.store.entries import Lease
from bridge.store.inbox import entry_of
from bridge.store.schema import SENTENCES, WORDS

_instant, _id, _json = Instant.stored, HexId.stored, Json.stored
_words, _sentence, _answer = Words(WORDS).stored, Words(SENTENCES).stored, Words(ANSWER_LIMIT).stored
DELIVERY_COLUMNS = (
    "seq",
    "id",
    "inbox_seq",
    "event_index",
    "run",
    "rule",
    "action",
    "channel",
    "lane",
    "state",
    "created_at",
    "updated_at",
    "due_at",
    "ready_at",
    "expires_at",
    "lease",
    "why",
    "held_until",
)
PAYLOAD_COLUMNS = ("delivery_seq", "meta", "cuts", "body")
ATTEMPT_COLUMNS = ("delivery_seq", *Attempt.__struct_fields__)
DELIVERED_GIVEN = (
    "given_seq",
    "given_lease",
    "given_now",
    "given_number",
    "given_started",
    "given_reference",
)
_NOT_OF_ROW = {"payload", "entry", "head", "count", "asked_at", "has_claim", "others_wait"}
DUE_FIELDS = tuple(name for name in Due.__struct_fields__ if name not in _NOT_OF_ROW)
_MINE = len(DUE_FIELDS)


def delivery_row(seq: int, new: NewDelivery, lease: Lease | None) -> tuple[object, ...]:
    """Return the values of `DELIVERY_COLUMNS` as they are stored."""
    created = _instant(new.created_at)
    due = created if new.due_at is new.created_at else _instant(new.due_at)
    state = new.state if lease is None else State.SENDING
    ready = due if new.state is State.PENDING else None
    if lease is not None:
        ready = _instant(lease.until)
    return (
        seq,
        _id(new.id),
        new.entry_seq,
        new.event_index,
        new.run,
        _words(new.rule),
        _words(new.action),
        _words(new.channel),
        None if new.lane is None else bytearray(new.lane),
        state.value,
        created,
        created,
        due,
        ready,
        None if new.expires_at is None else _instant(new.expires_at),
        None if lease is None else lease.name,
        None if new.why is None else _sentence(new.why),
        None if new.held_until is None else _instant(new.held_until),
    )


def payload_row(seq: int, payload: Payload) -> tuple[object, ...]:
    """Return the values of `PAYLOAD_COLUMNS` as they are stored."""
    return (seq, _json(dict(payload.meta)), _json(payload.cuts), bytearray(payload.body))


def ended_at(attempt: Attempt) -> datetime:
    """Return when an attempt was over."""
    return attempt.started_at + timedelta(milliseconds=attempt.duration_ms)


def attempt_row(seq: int, attempt: Attempt) -> tuple[object, ...]:
    """Return the values of `ATTEMPT_COLUMNS` as they are stored."""
    return (
        seq,
        attempt.number,
        _instant(attempt.started_at),
        attempt.duration_ms,
        attempt.outcome,
        attempt.reason and attempt.reason.value,
        attempt.status,
        _answer(attempt.answer),
        attempt.trigger,
    )


def delivered_row(seq: int, lease: str, attempt: Attempt, reference: str | None) -> tuple[object, ...]:
    """Return the values of `DELIVERED_GIVEN` as they are stored."""
    started = _instant(attempt.started_at)
    ended = started + attempt.duration_ms * 1_000
    return (seq, lease, ended, attempt.number, started, None if reference is None else _words(reference))


def due_of(row: Sequence[Any]) -> Due:
    """Return a delivery from the values of `DUE_FIELDS`, its payload and its entry."""
    mine, (body, meta, cuts), entry = row[:_MINE], row[_MINE : _MINE + 3], row[_MINE + 3 :]
    payload = None if body is None else Payload(body=body, meta=meta, cuts=tuple(cuts))
    return Due(**dict(zip(DUE_FIELDS, mine, strict=True)), payload=payload, entry=entry_of(entry))
