"""`bridge catchup list`, `show` and `stop`: catch-ups, how far they came, and what is to be done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, tzinfo

from bridge.bootstrap import Services
from bridge.cli import acting
from bridge.cli.acting import Change
from bridge.cli.exits import misused, not_found
from bridge.cli.opening import config_to_look_at, with_services
from bridge.cli.options import Setup
from bridge.cli.tables import Column, Times, aligned, show, show_json, show_table
from bridge.cli.text import local
from bridge.clock import SystemClock
from bridge.core.catchups import EVENTS, LEFT, MADE, MATCHED
from bridge.store import catchups
from bridge.store.catchups import Catchup


def list_catchups(setup: Setup, *, limit: int, json: bool) -> None:
    """Print all catch-ups."""
    loaded = config_to_look_at(setup, quiet=True)
    rows = with_services(loaded, lambda services: _all(services, limit))
    now = SystemClock().now()
    if json:
        show_json([catchup_plain(row, now) for row in rows])
    elif not rows:
        show("there is no catch-up yet")
    else:
        times = Times(loaded.config.timezone, now)
        columns = (
            Column("number"),
            Column("rule"),
            Column("state"),
            Column(times.heading("since"), 4),
            Column(times.heading("changed"), 3),
            Column("events", 2),
            Column("matched", 5),
            Column("messages", 1),
        )
        show_table(columns, [_row(row, times, now) for row in rows])


def show_catchup(setup: Setup, number: int | None, *, json: bool) -> None:
    """Print everything about one catch-up."""
    loaded = config_to_look_at(setup, quiet=True)
    row = with_services(loaded, lambda services: find(services, number, lambda _: True))
    now, zone = SystemClock().now(), loaded.config.timezone
    if json:
        show_json(catchup_plain(row, now))
        return
    show(f"catch-up {row.seq} of {row.rule}, {row.word(now)}")
    show(aligned(list(_facts(row, zone)), "  "))
    show()
    show(next_step(row, now))


def stop_catchup(setup: Setup, number: int | None, *, json: bool) -> None:
    """Stop one that runs."""
    loaded = config_to_look_at(setup, quiet=True)

    async def work(services: Services) -> list[Change]:
        row = await find(services, number, lambda row: row.state == "running")
        now = services.clock.now()
        done = await services.database.write(lambda c: catchups.stop(c, row.seq, now=now))
        sentence = (
            "is stopped; `bridge catchup resume` goes on" if done else f"does not run, it is {row.state}"
        )
        return [Change(str(row.seq), done, f"catch-up {row.seq} of {row.rule} {sentence}")]

    acting.tell(with_services(loaded, work), json=json)


async def find(services: Services, number: int | None, fits: Callable[[Catchup], bool]) -> Catchup:
    """Return the catch-up with a number, or the only one that fits."""
    if number is not None:
        found = await services.database.read(lambda c: catchups.find(c, number))
        if found is None:
            raise not_found(f"there is no catch-up {number}", "`bridge catchup list` lists them")
        return found
    rows = [row for row in await _all(services, 1000) if fits(row)]
    if not rows:
        raise not_found("there is no such catch-up", "`bridge catchup list` lists them")
    if len(rows) > 1:
        numbers = ", ".join(f"{row.seq} ({row.rule})" for row in rows[:10])
        raise misused("there are several; name one by its number", numbers)
    return rows[0]


def catchup_plain(row: Catchup, now: datetime) -> dict[str, object]:
    """Return a catch-up as `--json` has it."""
    return {
        "catchup": row.seq,
        "rule": row.rule,
        "state": row.word(now),
        "since": row.since,
        "until": row.until,
        "rate": row.rate,
        "started_at": row.started_at,
        "updated_at": row.updated_at,
        **counts_plain(row.counts),
    }


def counts_plain(counts: Mapping[str, int]) -> dict[str, object]:
    """Return the numbers of a catch-up as `--json` has them."""
    left = {name: counts[name] for name in LEFT if counts.get(name)}
    return {**{name: counts.get(name, 0) for name in (EVENTS, MATCHED, MADE)}, "left_out": left}


def count_rows(counts: Mapping[str, int], made: str) -> Iterator[tuple[str, str]]:
    """Yield the numbers of a catch-up with what they are of; `made` says what messages are."""
    yield f"{counts.get(EVENTS, 0):,}", "stored events looked at"
    yield f"{counts.get(MATCHED, 0):,}", "events match"
    yield f"{counts.get(MADE, 0):,}", made
    for name, words in LEFT.items():
        if counts.get(name):
            yield f"{counts[name]:,}", f"left out, {words}"


def next_step(row: Catchup, now: datetime) -> str:
    """Return what may be done about it."""
    match row.word(now):
        case "running":
            return f"It runs; `bridge catchup stop {row.seq}` stops it."
        case "done":
            return "Nothing is left to do. Taken over the same events again, it sends nothing twice."
        case _:
            return f"`bridge catchup resume {row.seq}` goes on where it is."


async def _all(services: Services, limit: int) -> list[Catchup]:
    return await services.database.read(lambda c: catchups.list_all(c, limit=limit))


def _row(row: Catchup, times: Times, now: datetime) -> list[str]:
    counts = [str(row.counts.get(name, 0)) for name in (EVENTS, MATCHED, MADE)]
    return [str(row.seq), row.rule, row.word(now), times(row.since), times(row.updated_at), *counts]


def _facts(row: Catchup, zone: tzinfo) -> Iterator[tuple[str, str]]:
    yield "events", f"received from {local(row.since, zone)} to {local(row.until, zone)}"
    yield "rate", row.rate
    yield "started", local(row.started_at, zone)
    yield "changed", local(row.updated_at, zone)
    yield from ((words, number) for number, words in count_rows(row.counts, "messages made"))
