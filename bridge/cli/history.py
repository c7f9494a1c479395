"""What became of a stored event, in words: how it was understood, what it led to, what to do next."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, tzinfo
from typing import assert_never

from bridge.cli.tables import aligned
from bridge.cli.text import local, one_line, so_many
from bridge.core.identity import ID_SHOWN
from bridge.core.outcomes import State
from bridge.store.details import EventDetails
from bridge.store.views import DeliveryRow, EventRow

WHY_SHOWN = 60
"""Characters of a reason in lists."""
_ID = re.compile(r"\b[0-9a-f]{32}\b", re.ASCII)


def history_lines(found: EventDetails, zone: tzinfo) -> Iterator[str]:
    """Yield what happened to an event, in the order in which it happened."""
    row = found.row
    yield f"What happened: stored event {row.seq}, {row.state}"
    yield aligned(list(_rows(row, zone)), "  ")
    if found.deliveries:
        yield ""
        yield aligned([_delivery(each, zone) for each in found.deliveries], "  ")
    steps = list(next_steps(found))
    if steps:
        yield ""
        yield from steps


def next_steps(found: EventDetails) -> Iterator[str]:
    """Yield what a person may do about an event and its deliveries."""
    match found.row.state:
        case "new":
            yield "It waits for `bridge run` to take it through the rules."
        case "parked":
            yield f"Mend the cause, then `bridge events replay {found.row.seq}`."
        case _:
            pass
    for each in found.deliveries:
        if each.state in (State.DEAD, State.EXPIRED, State.PARKED):
            command = f"`bridge deliveries show {each.id[:ID_SHOWN]}`"
            yield f"{command} says why it is {each.state}, `retry` sends it again."


def delivery_step(row: DeliveryRow, zone: tzinfo) -> str:  # noqa: PLR0911 - one for each state
    """Return what happens next to a delivery, or what a person may do about it."""
    short = row.id[:ID_SHOWN]
    match row.state:
        case State.PENDING:
            return _waits(row, zone)
        case State.SENDING:
            return "An attempt is under way."
        case State.DELIVERED:
            return "Nothing is left to do."
        case State.DEAD | State.EXPIRED:
            return f"`bridge deliveries retry {short}` tries again, `discard` gives it up for good."
        case State.PARKED:
            return f"Mend the cause, then `bridge deliveries retry {short}`; `discard` gives it up for good."
        case State.KEPT:
            decide = f"`bridge rules resume {row.rule}` sends all that is kept of it"
            return f"Its rule is paused: {decide}, `discard` gives it up."
        case State.SUPPRESSED:
            return f"Once the address is off the list (`bridge suppressions`), `retry {short}` sends it."
        case State.WITHHELD:
            return "It is shown and never sent."
        case State.DISCARDED | State.MERGED:
            return _gone(row)
        case _:
            assert_never(row.state)


def _gone(row: DeliveryRow) -> str:
    if row.state is State.MERGED:
        return f"It is {one_line(row.why or 'part of another delivery')}; what becomes of it is told there."
    return f"Given up; `bridge events replay {row.inbox_seq}` takes the event through the rules again."


def _waits(row: DeliveryRow, zone: tzinfo) -> str:
    if row.why:
        return f"It is held until {local(row.due_at, zone)}: {one_line(row.why)}."
    return f"The next attempt is due {local(row.due_at, zone)}, by a running bridge."


def cause(row: DeliveryRow, due: Callable[[datetime], str], limit: int = WHY_SHOWN) -> str:
    """Return why a delivery stands where it does: its own reason, else what its last attempt met.

    A pending one also says when it is tried next, as `due` writes it.
    """
    if row.why and row.state is State.PENDING:
        return f"held until {due(row.due_at)}: {one_line(row.why, limit)}"
    if row.why or not row.last_reason:
        return one_line(_ID.sub(_short, row.why or ""), limit)
    met = f"{row.last_reason}: {row.last_answer}" if row.last_answer else row.last_reason
    following = f"; next try {due(row.due_at)}" if row.state is State.PENDING else ""
    return one_line(met, limit) + following


def _rows(row: EventRow, zone: tzinfo) -> Iterator[tuple[str, str]]:
    yield "received", local(row.received_at, zone)
    if row.replayed_at is not None:
        yield "replayed", f"{local(row.replayed_at, zone)}, run {row.run}"
    if row.finished_at is not None:
        yield "finished", local(row.finished_at, zone)
    if row.why:
        yield "why", one_line(row.why)
    yield from _summary(row.summary or {})


def _summary(summary: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    matched = summary.get("matched")
    if isinstance(matched, list):
        yield "matched", one_line(", ".join(map(str, matched))) or "no rule"
    if summary.get("note"):
        yield "note", one_line(str(summary["note"]))
    for label in ("skipped", "failed"):
        for each in _listed(summary.get(label)):
            where = " ".join(str(each[key]) for key in ("rule", "action") if each.get(key))
            yield label, one_line(f"{where}: {_ID.sub(_short, str(each.get('why', '')))}")


def _short(found: re.Match[str]) -> str:
    return found[0][:ID_SHOWN]


def _listed(value: object) -> list[Mapping[str, object]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _delivery(row: DeliveryRow, zone: tzinfo) -> tuple[str, ...]:
    attempts = so_many(row.attempts, "attempt")
    why = cause(row, lambda moment: local(moment, zone), 80)
    return row.id[:ID_SHOWN], str(row.state), row.rule, row.action, attempts, local(row.updated_at, zone), why
