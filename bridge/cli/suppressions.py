"""`bridge suppressions`: who gets no messages, and changing that."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from bridge.bootstrap import Services
from bridge.cli import acting
from bridge.cli.acting import Change
from bridge.cli.exits import Failure, misused, not_found
from bridge.cli.filters import Suppressions, is_given
from bridge.cli.opening import config_to_list, config_to_look_at, with_services
from bridge.cli.options import Setup
from bridge.cli.selecting import span_of
from bridge.cli.tables import Column, Times, show, show_json, show_table
from bridge.cli.text import one_line
from bridge.clock import SystemClock
from bridge.core.identity import ID_SHOWN
from bridge.core.suppressions import Scope, Source
from bridge.pipeline.unsubscribing import Suppressor, is_address
from bridge.store import suppressions
from bridge.store.suppressions import SuppressionFilter, SuppressionRow
from bridge.web.suppressions import GETS, HEADINGS, suppression_plain

BATCH = 500
"""Addresses of one transaction."""
WRONG_SHOWN = 10
"""Lines that are told when a file has worse than addresses in it."""


def list_suppressions(setup: Setup, wanted: Suppressions, *, limit: int, json: bool) -> None:
    """Print the suppressions that are selected."""
    loaded = config_to_list(setup)
    zone = loaded.config.timezone

    async def work(services: Services) -> list[SuppressionRow]:
        since, until = span_of(wanted, services.clock.now(), zone)
        asked = SuppressionFilter(
            source=wanted.source,
            scope=wanted.scope,
            key=Suppressor(services.node).key(wanted.address) if wanted.address else None,
            address=wanted.address,
            since=since,
            until=until,
            limit=limit,
        )
        return await services.database.read(lambda c: suppressions.list_suppressions(c, asked))

    rows = with_services(loaded, work)
    if json:
        show_json([suppression_plain(row) for row in rows])
    elif not rows:
        show("no address matches" if is_given(wanted) else "nobody is on the list")
    else:
        times = Times(zone, SystemClock().now())
        show_table(_columns(times), [_row(row, times) for row in rows])


def add_addresses(setup: Setup, addresses: Sequence[str], *, scope: Scope, why: str, json: bool) -> None:
    """Put addresses on the list; none of them when one is no address."""
    _need_addresses(addresses)

    async def work(services: Services) -> list[Change]:
        suppressor = Suppressor(services.node)
        told = [(address, await suppressor.add(address, why, scope)) for address in addresses]
        return [Change(address, each.done, each.sentence) for address, each in told]

    acting.tell(with_services(config_to_look_at(setup, quiet=True), work), json=json)


def remove_addresses(setup: Setup, addresses: Sequence[str], *, source: Source | None, json: bool) -> None:
    """Take addresses off the list; none of them when one is no address."""
    _need_addresses(addresses)

    async def work(services: Services) -> list[Change]:
        suppressor = Suppressor(services.node)
        told = [(address, await suppressor.remove(address, source)) for address in addresses]
        return [Change(address, each.done, each.sentence) for address, each in told]

    acting.tell(with_services(config_to_look_at(setup, quiet=True), work), json=json)


def import_addresses(setup: Setup, file: Path, *, scope: Scope, why: str, json: bool) -> None:
    """Put the addresses of a file on the list; nothing of it when one is no address."""
    loaded = config_to_look_at(setup, quiet=True)
    found = _addresses(file)

    async def work(services: Services) -> None:
        suppressor = Suppressor(services.node)
        starts = range(0, len(found), BATCH)
        hidden = len(starts) < 2 or not sys.stderr.isatty()
        with typer.progressbar(starts, file=sys.stderr, hidden=hidden) as bar:
            for start in bar:
                await suppressor.add_all(found[start : start + BATCH], why, scope)

    with_services(loaded, work)
    if json:
        show_json({"imported": len(found)})
    else:
        show(f"{len(found):,} {'address is' if len(found) == 1 else 'addresses are'} on the list")


def _need_addresses(texts: Sequence[str]) -> None:
    wrong = [f"'{one_line(text.strip(), 80)}' is no e-mail address" for text in texts if not is_address(text)]
    if wrong:
        raise misused(*wrong, "nothing was changed")


def _addresses(file: Path) -> list[str]:
    """Return the addresses of a file, each once."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise Failure(f"{file} is not UTF-8; save it as UTF-8") from None
    except FileNotFoundError:
        raise not_found(f"there is no file {file}") from None
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror or error}") from None
    cells = _cells(text.splitlines())
    wrong = [f"  line {line}: {cell[:80]}" for line, cell in cells if not is_address(cell)]
    if wrong:
        more = [f"  and {len(wrong) - WRONG_SHOWN} more"] if len(wrong) > WRONG_SHOWN else []
        raise Failure("nothing was imported, these are no addresses:", *wrong[:WRONG_SHOWN], *more)
    return list(dict.fromkeys(cell.lower() for _, cell in cells))


def _cells(lines: Sequence[str]) -> list[tuple[int, str]]:
    """Return what should be an address of each line, with the line's number."""
    sample = lines[0] if lines else ""
    delimiter = max(",;\t", key=sample.count)
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    names = [cell.lower() for cell in rows[0]] if rows else []
    column = next((names.index(name) for name in HEADINGS if name in names), None)
    first = 1 if column is None else 2
    body = rows if column is None else rows[1:]
    cells = [
        (line, row[column or 0] if len(row) > (column or 0) else "") for line, row in enumerate(body, first)
    ]
    return [(line, cell) for line, cell in cells if cell and not cell.startswith("#")]


def _columns(times: Times) -> tuple[Column, ...]:
    return (
        Column("address"),
        Column("gets no", 3),
        Column("by", 1),
        Column(times.heading("since"), 2),
        Column("why", 4, folds=True),
    )


def _row(row: SuppressionRow, times: Times) -> list[str]:
    found = row.suppression
    why = found.why or (f"delivery {found.delivery[:ID_SHOWN]}" if found.delivery else "")
    return [found.address or "not kept", GETS[found.scope], str(found.source), times(found.at), why]
