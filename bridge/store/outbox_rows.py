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
from bridge.store.columns import HexId, Instant, Instants, Json, Words
from bridge.store.deliveries import Attempt, Due, NewDelivery
from bridge.store.entries import Entry, Lease
from bridge.store.inbox_rows import stored_name
from bridge.store.schema import SENTENCES, WORDS

_SENDING = State.SENDING.value  # see `core.outcomes.State`
_instant, _id, _json = Instant.stored, HexId.stored, Json.stored
_moment, _read = Instant.read, Json.read
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
LEASED_COLUMNS = tuple(
    name for name in DELIVERY_COLUMNS if name not in {"state", "expires_at", "why", "held_until"}
)
PAYLOAD_COLUMNS = ("delivery_seq", "meta", "cuts", "body")
ATTEMPT_COLUMNS = ("delivery_seq", *Attempt.__struct_fields__)
SUCCESS_COLUMNS = tuple(name for name in ATTEMPT_COLUMNS if name not in {"outcome", "reason"})
"""Those of an attempt that delivered: the others always say the same."""
DELIVERED_GIVEN = (
    "given_now",
    "given_started",
    "given_number",
    "given_reference",
    "given_seq",
    "given_lease",
)
"""In the order in which the statement takes them."""
DUE_FIELDS = (
    *("seq", "id", "event_index", "run", "rule", "action", "channel", "lane"),
    *("due_at", "expires_at", "first_at", "attempts", "tries", "trigger", "held_until"),
)
_MINE = len(DUE_FIELDS)
_ENTRY = _MINE + 5
"""Where the entry's values begin, behind the payload's and what is known of claims and lanes."""
ENTRY_FIELDS = ("seq", "source", "key", "delivery_key", "headers", "body", "received_at", "run", "tries")


class DeliveryRows:
    """Makes the rows of deliveries that are stored together; what several of them say is converted once.

    Most are sent at once and say nothing else: these are `leased`, rows of `LEASED_COLUMNS`; the others are
    `rows` of `DELIVERY_COLUMNS`.
    """

    def __init__(self) -> None:
        self.rows: list[tuple[object, ...]] = []
        self.leased: list[tuple[object, ...]] = []
        self._created = Instants()
        self._until = Instants()

    def add(self, seq: int, new: NewDelivery, lease: Lease | None) -> None:
        """Take in a delivery with its number, and the lease that it is stored under."""
        created = self._created.stored(new.created_at)
        due = created if new.due_at == new.created_at else _instant(new.due_at)
        begun = (
            seq,
            _id(new.id),
            new.entry_seq,
            new.event_index,
            new.run,
            stored_name(new.rule),
            stored_name(new.action),
            stored_name(new.channel),
            None if new.lane is None else bytearray(new.lane),
        )
        if lease is None:
            ready = due if new.state is State.PENDING else None
            self.rows.append((*begun, new.state.value, created, created, due, ready, *_rest(new, None)))
            return
        until = self._until.stored(lease.until)
        if new.expires_at is None and new.why is None and new.held_until is None:
            self.leased.append((*begun, created, created, due, until, lease.name))
        else:
            self.rows.append((*begun, _SENDING, created, created, due, until, *_rest(new, lease.name)))


def _rest(new: NewDelivery, lease: str | None) -> tuple[object, ...]:
    return (
        None if new.expires_at is None else _instant(new.expires_at),
        lease,
        None if new.why is None else _sentence(new.why),
        None if new.held_until is None else _instant(new.held_until),
    )


def payload_row(seq: int, payload: Payload) -> tuple[object, ...]:
    """Return the values of `PAYLOAD_COLUMNS` as they are stored."""
    cuts = _json(payload.cuts) if payload.cuts else "[]"
    return (seq, _json(dict(payload.meta)), cuts, bytearray(payload.body))


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


def delivered_rows(
    seq: int, lease: str, attempt: Attempt, reference: str | None
) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """Return the values of `DELIVERED_GIVEN`, and those of `SUCCESS_COLUMNS`, as they are stored."""
    started = _instant(attempt.started_at)
    ended = started + attempt.duration_ms * 1_000
    reference = None if reference is None else _words(reference)
    answer = attempt.answer and _answer(attempt.answer)
    return (
        (ended, started, attempt.number, reference, seq, lease),
        (seq, attempt.number, started, attempt.duration_ms, attempt.status, answer, attempt.trigger),
    )


def due_of(row: Sequence[Any], *, until: datetime, alone: bool) -> Due:
    """Return a delivery from the stored values that `claiming.OF_CLAIM` selects, leased until then."""
    seq, id_, event_index, run, rule, action, channel, lane, *others = row[:_MINE]
    due_at, expires_at, first_at, attempts, tries, trigger, held_until = others
    body, meta, cuts, has_claim, others_wait = row[_MINE:_ENTRY]
    return Due(
        seq=seq,
        id=bytes(id_).hex(),
        event_index=event_index,
        run=run,
        rule=rule,
        action=action,
        channel=channel,
        lane=lane,
        due_at=_moment(due_at),
        expires_at=None if expires_at is None else _moment(expires_at),
        first_at=None if first_at is None else _moment(first_at),
        attempts=attempts,
        tries=tries,
        trigger=trigger,
        held_until=None if held_until is None else _moment(held_until),
        payload=None if body is None else Payload(body=body, meta=_read(meta), cuts=tuple(_read(cuts))),
        leased_until=until,
        entry=_entry(row[_ENTRY:]),
        has_claim=bool(has_claim),
        others_wait=bool(others_wait) or not alone,
    )


def _entry(row: Sequence[Any]) -> Entry:
    seq, source, key, delivery_key, headers, body, received_at, run, tries = row
    return Entry(
        seq=seq,
        source=source,
        key=key,
        delivery_key=delivery_key,
        headers=Json.read_texts(headers),
        body=body,
        received_at=_moment(received_at),
        run=run,
        tries=tries,
    )
