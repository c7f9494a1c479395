"""`bridge events`: what is in the inbox, and taking it through the rules again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from bridge.bootstrap import Services
from bridge.cli import acting
from bridge.cli.acting import Change
from bridge.cli.event import stored_event
from bridge.cli.exits import misused
from bridge.cli.history import history_lines
from bridge.cli.opening import config_to_look_at, with_services
from bridge.cli.options import Setup
from bridge.cli.selecting import Events, everything, newest
from bridge.cli.tables import aligned, show, show_json, show_table
from bridge.cli.text import local, one_line
from bridge.store.details import EventDetails
from bridge.store.views import EventRow
from bridge.web.plain import event_details_plain, event_plain
from bridge.web.shown import shown_body


def list_events(setup: Setup, selection: Events, *, limit: int, json: bool) -> None:
    """Print the events that are selected."""
    loaded = config_to_look_at(setup, quiet=True)
    zone = loaded.config.timezone

    async def work(services: Services) -> list[EventRow]:
        return await newest(selection.pages(services, zone), limit)

    rows = with_services(loaded, work)
    if json:
        show_json([event_plain(row) for row in rows])
    elif not rows:
        show("no event is selected" if selection != Events() else "no event was received yet")
    else:
        show_table(
            ("number", "received", "source", "type", "state", "learner", "led to", "id"),
            [_row(row, zone) for row in rows],
        )


def show_event(setup: Setup, name: str, *, json: bool) -> None:
    """Print everything about one event."""
    loaded = config_to_look_at(setup, quiet=True)
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


def replay_events(setup: Setup, names: Sequence[str], selection: Events, *, yes: bool, json: bool) -> None:
    """Take events through the rules again."""
    if bool(names) == (selection != Events()):
        raise misused("name the events, or select them by filters such as --state parked")
    loaded = config_to_look_at(setup, quiet=True)
    zone = loaded.config.timezone

    async def work(services: Services) -> list[Change]:
        if names:
            seqs = [(await stored_event(services, name)).row.seq for name in names]
        else:
            seqs = [row.seq for row in await everything(selection.pages(services, zone))]
            question = f"Take {len(seqs)} event{'' if len(seqs) == 1 else 's'} through the rules again?"
            acting.confirm(question, len(seqs), yes=yes)
        return await acting.each(seqs, lambda seq: _replay(services, seq))

    acting.tell(with_services(loaded, work), json=json)


async def _replay(services: Services, seq: int) -> Change:
    replayed = await services.operator.replay(seq)
    return Change(str(seq), replayed.done, replayed.sentence)


def _row(row: EventRow, zone: tzinfo) -> tuple[str, ...]:
    summary = row.summary or {}
    made = summary.get("deliveries")
    led_to = row.why or ("" if made is None else f"{made} deliver{'y' if made == 1 else 'ies'}")
    type_ = f"{row.type or '-'}{' (test)' if row.test else ''}"
    shown_id = one_line(row.event_id or row.delivery_key, 32)
    return (
        str(row.seq),
        local(row.received_at, zone),
        row.source,
        type_,
        row.state,
        row.learner or "-",
        one_line(led_to, 60),
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
