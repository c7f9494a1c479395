"""`bridge events`: what is in the inbox, and taking it through the rules again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from bridge.bootstrap import Services
from bridge.cli import acting
from bridge.cli.acting import Change
from bridge.cli.event import stored_event
from bridge.cli.exits import misused
from bridge.cli.filters import Events, is_given
from bridge.cli.history import history_lines
from bridge.cli.opening import config_to_list, config_to_look_at, with_services
from bridge.cli.options import Setup
from bridge.cli.selecting import event_pages, everything, newest, nothing
from bridge.cli.tables import Column, Times, aligned, show, show_json, show_table
from bridge.cli.text import local, one_line, so_many
from bridge.clock import SystemClock
from bridge.store.details import EventDetails
from bridge.store.views import EventRow
from bridge.web.plain import event_details_plain, event_plain
from bridge.web.shown import shown_body


def list_events(setup: Setup, wanted: Events, *, limit: int, json: bool) -> None:
    """Print the events that are selected."""
    loaded = config_to_list(setup)
    zone = loaded.config.timezone

    async def work(services: Services) -> tuple[list[EventRow], dict[int, int]]:
        rows = await newest(event_pages(services, wanted, zone), limit)
        return rows, {} if json else await _totals(services, rows)

    rows, totals = with_services(loaded, work)
    if json:
        show_json([event_plain(row) for row in rows])
    elif not rows:
        show(nothing("event", wanted, loaded) if is_given(wanted) else "no event was received yet")
    else:
        times = Times(zone, SystemClock().now())
        show_table(_columns(times), [_row(row, times, totals.get(row.seq)) for row in rows])


def show_event(setup: Setup, name: str, *, json: bool) -> None:
    """Print everything about one event."""
    loaded = config_to_list(setup)
    found = with_services(loaded, lambda services: stored_event(services, name))
    if json:
        show_json(event_details_plain(found))
        return
    zone = loaded.config.timezone
    show(f"event {found.row.seq}: {one_line(found.row.type or 'no type')} from {found.row.source}")
    show(aligned(_facts(found, zone), "  "))
    show()
    show("\n".join(history_lines(found, zone)))
    show()
    show(shown_body(found.entry.body))


def replay_events(setup: Setup, names: Sequence[str], wanted: Events, *, yes: bool, json: bool) -> None:
    """Take events through the rules again."""
    if bool(names) == is_given(wanted):
        raise misused("name the events, or select them by filters such as --state parked")
    loaded = config_to_look_at(setup, quiet=True)
    zone = loaded.config.timezone

    async def work(services: Services) -> list[Change]:
        if names:
            seqs = [(await stored_event(services, name)).row.seq for name in names]
        else:
            seqs = [row.seq for row in await everything(event_pages(services, wanted, zone))]
            question = f"Take {so_many(len(seqs), 'event')} through the rules again?"
            acting.confirm(question, len(seqs), yes=yes)
        return await acting.each(seqs, lambda seq: _replay(services, seq))

    acting.tell(with_services(loaded, work), json=json)


async def _replay(services: Services, seq: int) -> Change:
    replayed = await services.operator.replay(seq)
    return Change(str(seq), replayed.done, replayed.sentence)


async def _totals(services: Services, rows: Sequence[EventRow]) -> dict[int, int]:
    """Return how many deliveries all runs of the replayed events made; a summary knows the last run's."""
    totals: dict[int, int] = {}
    for row in rows:
        if row.run > 1:
            totals[row.seq] = len((await stored_event(services, str(row.seq))).deliveries)
    return totals


def _columns(times: Times) -> tuple[Column, ...]:
    return (
        Column("number"),
        Column(times.heading("received")),
        Column("source", rank=3),
        Column("type", rank=1),
        Column("state"),
        Column("learner", rank=2),
        Column("led to", folds=True),
        Column("id", rank=4),
    )


def _led_to(row: EventRow, total: int | None) -> str:
    """Return `3 deliveries, 0 in run 2; skipped: once_per`, or as much of it as there is to say."""
    summary = row.summary or {}
    made = summary.get("deliveries")
    if row.why or made is None:
        return row.why or ""
    count = made if total is None else total
    words = so_many(count, "delivery")
    if total is not None and row.state == "done":
        words += f", {made} in run {row.run}"
    if not any(str(each.get("why", "")).startswith("once_per") for each in summary.get("skipped", ())):
        return words
    return f"{words}; skipped: once_per" if count else "skipped: once_per"


def _row(row: EventRow, times: Times, total: int | None) -> tuple[str, ...]:
    type_ = f"{row.type or '-'}{' (test)' if row.test else ''}"
    shown_id = one_line(row.event_id or row.delivery_key, 32)
    return (
        str(row.seq),
        times(row.received_at),
        row.source,
        type_,
        row.state,
        row.learner or "-",
        one_line(_led_to(row, total), 60),
        shown_id,
    )


def _facts(found: EventDetails, zone: tzinfo) -> list[tuple[str, str]]:
    row = found.row
    facts = [("id", one_line(row.event_id or row.delivery_key)), ("kind", row.kind or "-")]
    if row.occurred_at is not None:
        facts.append(("when", local(row.occurred_at, zone)))
    if row.learner:
        facts.append(("learner", one_line(row.learner)))
    if row.test:
        facts.append(("test", "the platform's own test event"))
    facts += [(f"header {name}", one_line(value)) for name, value in found.entry.headers.items()]
    return facts
