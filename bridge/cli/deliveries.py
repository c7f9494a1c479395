"""`bridge deliveries`: what is in the outbox, and sending it again or giving it up."""

from __future__ import annotations

from datetime import tzinfo

from bridge.bootstrap import Services
from bridge.cli.event import only
from bridge.cli.filters import Deliveries, is_given
from bridge.cli.history import cause, delivery_step
from bridge.cli.message import payload_lines
from bridge.cli.opening import config_to_list, with_services
from bridge.cli.options import Setup
from bridge.cli.selecting import delivery_pages, newest, nothing
from bridge.cli.tables import Column, Times, aligned, show, show_json, show_table, wrapped
from bridge.cli.text import local, one_line
from bridge.clock import SystemClock
from bridge.core.identity import ID_SHOWN
from bridge.store import details
from bridge.store.deliveries import Attempt
from bridge.store.details import Ambiguous, DeliveryDetails, NotFound
from bridge.store.views import DeliveryRow
from bridge.web.plain import delivery_details_plain, delivery_plain
from bridge.web.shown import items_headline, shares


def list_deliveries(setup: Setup, wanted: Deliveries, *, limit: int, json: bool) -> None:
    """Print the deliveries that are selected."""
    loaded = config_to_list(setup)
    zone = loaded.config.timezone

    async def work(services: Services) -> list[DeliveryRow]:
        return await newest(delivery_pages(services, wanted, zone), limit)

    rows = with_services(loaded, work)
    if json:
        show_json([delivery_plain(row) for row in rows])
    elif not rows:
        show(nothing("delivery", wanted, loaded) if is_given(wanted) else "there is no delivery yet")
    else:
        times = Times(zone, SystemClock().now())
        show_table(_columns(times), [_row(row, times) for row in rows])


def show_delivery(setup: Setup, name: str, *, json: bool) -> None:
    """Print everything about one delivery."""
    loaded = config_to_list(setup)
    found = with_services(loaded, lambda services: _details(services, name))
    if json:
        show_json(delivery_details_plain(found))
        return
    zone = loaded.config.timezone
    show(f"delivery {found.row.id}, {found.row.state}")
    show(aligned(_facts(found, zone), "  "))
    show()
    show(delivery_step(found.row, zone))
    if found.waits_for_channel:
        name, phase = found.row.channel, found.standing.breaker.phase
        show(f"The channel {name} is {phase}; `bridge channels show {name}` says why.")
    _show_why(found.row)
    if found.items:
        _show_items(found, zone)
    if found.attempts:
        show()
        times = Times(zone, SystemClock().now())
        show_table(_attempt_columns(times), [_attempt(each, times) for each in found.attempts])
    show()
    show(
        "\n".join(payload_lines(found.row.action, found.payload))
        if found.payload
        else "No message was made yet."
    )


async def find_delivery(services: Services, name: str) -> str:
    """Return the id of the delivery with this id, or beginning of an id."""
    found = await services.database.read(lambda connection: details.find_delivery(connection, name))
    return only(found, f"delivery '{name}'")


async def _details(services: Services, name: str) -> DeliveryDetails:
    delivery_id = await find_delivery(services, name)
    found: DeliveryDetails | NotFound | Ambiguous = await services.database.read(
        lambda connection: details.show_delivery(connection, delivery_id)
    )
    return only(found, f"delivery '{name}'")


def _columns(times: Times) -> tuple[Column, ...]:
    return (
        Column("id"),
        Column(times.heading("made")),
        Column("state"),
        Column("rule", rank=2),
        Column("action", rank=1),
        Column("attempts", rank=5),
        Column("learner", rank=3),
        Column("event", rank=4),
        Column("why", folds=True),
    )


def _attempt_columns(times: Times) -> tuple[Column, ...]:
    return (
        Column("attempt"),
        Column(times.heading("started")),
        Column("took", rank=2),
        Column("outcome"),
        Column("status", rank=1),
        Column("asked for by", rank=3),
        Column("answer", folds=True),
    )


def _show_why(row: DeliveryRow) -> None:
    """Print the whole answer of the last attempt that failed: its end says what to do."""
    if row.last_reason:
        show("\nWhy")
        answer = row.last_answer or "the destination gave no reason"
        show(wrapped(f"{row.last_reason}: {answer}", "  "))


def _show_items(found: DeliveryDetails, zone: tzinfo) -> None:
    """Print what goes out with a delivery, or went, its own event among them."""
    show()
    show(items_headline(found))
    show()
    times = Times(zone, SystemClock().now())
    columns = (
        Column("event"),
        Column("delivery"),
        Column(times.heading("made")),
        Column("state", rank=1),
        Column("type", rank=3),
        Column("learner", rank=2),
    )
    show_table(columns, [_item(row, times) for row in found.items])


def _item(row: DeliveryRow, times: Times) -> tuple[str, ...]:
    made = times(row.created_at)
    return str(row.inbox_seq), row.id[:ID_SHOWN], made, str(row.state), row.type or "-", row.learner or "-"


def _row(row: DeliveryRow, times: Times) -> tuple[str, ...]:
    return (
        row.id[:ID_SHOWN],
        times(row.created_at),
        str(row.state),
        row.rule,
        row.action,
        str(row.attempts),
        row.learner or "-",
        str(row.inbox_seq),
        cause(row, times),
    )


def _facts(found: DeliveryDetails, zone: tzinfo) -> list[tuple[str, str]]:
    row = found.row
    facts = [
        ("rule", row.rule),
        ("action", row.action),
        ("channel", row.channel),
        ("event", f"{row.inbox_seq}, {one_line(row.type or 'no type')} from {row.source}, run {row.run}"),
        ("learner", one_line(row.learner or "-")),
        ("made", local(row.created_at, zone)),
        ("changed", local(row.updated_at, zone)),
    ]
    if row.expires_at is not None:
        facts.append(("expires", local(row.expires_at, zone)))
    if found.claim is not None:
        facts.append(("once per", f"{one_line(found.claim.label)} ({found.claim.state})"))
    if row.reference:
        facts.append(("reference", one_line(row.reference)))
    have, have_not = shares(found)
    if have:
        facts += [("has it", one_line(", ".join(have))), ("still to get it", one_line(", ".join(have_not)))]
    if row.why:
        facts.append(("why", one_line(row.why)))
    return facts


def _attempt(attempt: Attempt, times: Times) -> tuple[str, ...]:
    outcome = attempt.outcome + (f" ({attempt.reason})" if attempt.reason else "")
    status = "-" if attempt.status is None else str(attempt.status)
    took = f"{attempt.duration_ms} ms"
    return (
        str(attempt.number),
        times(attempt.started_at),
        took,
        outcome,
        status,
        attempt.trigger,
        one_line(attempt.answer, 120),
    )
