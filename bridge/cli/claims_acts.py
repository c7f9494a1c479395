"""`bridge claims release`: says what it would do, asks, does it, and says what that means."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from bridge.bootstrap import Services
from bridge.cli import acting
from bridge.cli.acting import Change
from bridge.cli.claims import filter_of, find_claim, show_rows
from bridge.cli.exits import misused
from bridge.cli.filters import HELD, Claims, ClaimState, is_given
from bridge.cli.opening import config_to_look_at, with_services
from bridge.cli.options import Setup
from bridge.cli.program import say
from bridge.cli.tables import show, show_json
from bridge.cli.text import so_many
from bridge.config.load import Loaded
from bridge.pipeline.releasing import MEANING
from bridge.pipeline.releasing import release_claims as release_all
from bridge.store import claims
from bridge.store.claims import ClaimFilter, ClaimRow, Counted

SHOWN = 10


def release_claims(setup: Setup, names: Sequence[str], wanted: Claims, *, yes: bool, json: bool) -> None:
    """Let named claims go, or all that filters select."""
    if bool(names) == is_given(wanted):
        raise misused("name the deliveries, or select claims by filters such as --rule or --text")
    if wanted.state is ClaimState.RELEASED:
        raise misused(f"a claim that is released is free already; this is for {', '.join(HELD)}")
    loaded = config_to_look_at(setup, quiet=True)
    if names:
        changes = with_services(loaded, lambda services: _named(services, loaded, names, yes=yes, json=json))
        acting.tell(changes, json=json)
    else:
        with_services(loaded, lambda services: _selected(services, loaded, wanted, yes=yes, json=json))


async def _named(
    services: Services, loaded: Loaded, names: Sequence[str], *, yes: bool, json: bool
) -> list[Change]:
    rows = [await find_claim(services, name) for name in names]
    if not yes and not json:
        show_rows(rows, loaded)
    acting.confirm(f"Release {so_many(len(rows), 'claim')}, so that {MEANING}?", len(rows), yes=yes)

    async def release(row: ClaimRow) -> Change:
        told = await services.operator.release(row.delivery_id)
        return Change(row.delivery_id, told.done, told.sentence)

    return await acting.each(rows, release)


async def _selected(services: Services, loaded: Loaded, wanted: Claims, *, yes: bool, json: bool) -> None:
    asked = filter_of(wanted, loaded, services.clock.now(), limit=SHOWN)
    counted = await services.database.read(lambda connection: claims.count_claims(connection, asked))
    if not yes and not json and counted.going:
        rows = await services.database.read(lambda connection: claims.list_claims(connection, asked))
        show_rows(rows, loaded)
        if counted.going + counted.kept + counted.free > SHOWN:
            show("…")
        say(_would(counted))
    acting.confirm(f"Release {so_many(counted.going, 'claim')}, so that {MEANING}?", counted.going, yes=yes)
    released = await _release(services, asked, counted.going)
    _tell(released, counted, json=json)


async def _release(services: Services, asked: ClaimFilter, going: int) -> int:
    hidden = going < acting.PROGRESS_FROM or not sys.stderr.isatty()
    with typer.progressbar(length=going, file=sys.stderr, hidden=hidden) as bar:
        return await release_all(services.node, asked, bar.update)


def _would(counted: Counted) -> str:
    parts = [f"{so_many(counted.going, 'claim')} would be free"]
    parts += [f"{counted.kept} keep theirs, their deliveries are under way"] if counted.kept else []
    parts += [f"{counted.free} are free already"] if counted.free else []
    return "; ".join(parts)


def _tell(released: int, counted: Counted, *, json: bool) -> None:
    meaning = f"{MEANING}, and so is one that is replayed"
    if json:
        show_json({"released": released, "kept": counted.kept, "meaning": meaning})
    elif not counted.going + counted.kept:
        show("nothing matches")
    elif released:
        show(f"{so_many(released, 'claim')} released: {meaning}")
    if counted.kept and not json:
        show(
            f"{counted.kept} kept, what they are for is under way: `bridge deliveries list --state pending`; "
            "`bridge deliveries discard` gives both up"
        )
