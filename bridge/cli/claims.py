"""`bridge claims list` and `show`: what `once_per` has taken, and who has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo

from bridge.bootstrap import Services
from bridge.cli.event import only
from bridge.cli.exits import not_found
from bridge.cli.filters import Claims, is_given
from bridge.cli.opening import config_to_list, with_services
from bridge.cli.options import Setup
from bridge.cli.selecting import nothing, span_of
from bridge.cli.tables import Column, Times, aligned, show, show_json, show_table, wrapped
from bridge.cli.text import local
from bridge.clock import SystemClock
from bridge.config.load import Loaded
from bridge.core.identity import ID_SHOWN
from bridge.core.rules import Rule
from bridge.pipeline.releasing import MEANING, why_kept
from bridge.store import claims
from bridge.store.claims import CLAIM_STATES, ClaimFilter, ClaimRow
from bridge.web.plain import claim_plain


def list_claims(setup: Setup, wanted: Claims, *, before: str | None, limit: int, json: bool) -> None:
    """Print the claims that are selected."""
    loaded = config_to_list(setup)

    async def work(services: Services) -> list[ClaimRow]:
        behind = await find_claim(services, before) if before else None
        asked = filter_of(
            wanted, loaded, services.clock.now(), before=behind.delivery_id if behind else None, limit=limit
        )
        return await services.database.read(lambda connection: claims.list_claims(connection, asked))

    rows = with_services(loaded, work)
    if json:
        show_json([claim_plain(row) for row in rows])
    elif not rows:
        show(nothing("claim", wanted, loaded) if is_given(wanted) or before else "there is no claim yet")
    else:
        show_rows(rows, loaded)
        if len(rows) == limit:
            show(f"\nmore: --before {rows[-1].delivery_id}")


def filter_of(
    wanted: Claims, loaded: Loaded, now: datetime, *, before: str | None = None, limit: int = 50
) -> ClaimFilter:
    """Return what to ask the store for; a rule is meant under any of its names."""
    since, until = span_of(wanted, now, loaded.config.timezone)
    return ClaimFilter(
        rules=_every_name(wanted.rule, loaded.rules) if wanted.rule else (),
        actions=(wanted.action,) if wanted.action else (),
        state=next((state for state in CLAIM_STATES if state == wanted.state), None),
        text=wanted.text,
        since=since,
        until=until,
        before=before,
        limit=limit,
    )


def show_rows(rows: Sequence[ClaimRow], loaded: Loaded) -> None:
    """Print claims as a table."""
    times, now_called = Times(loaded.config.timezone, SystemClock().now()), names_now(loaded)
    columns = (
        Column("delivery"),
        Column(times.heading("since")),
        Column("state"),
        Column("rule", rank=2),
        Column("action", rank=3),
        Column("its delivery", rank=4),
        Column("claim", folds=True),
    )
    show_table(columns, [_row(row, times, now_called.get(row.rule)) for row in rows])


def show_claim(setup: Setup, name: str, *, json: bool) -> None:
    """Print one claim and what may be done about it."""
    loaded = config_to_list(setup)
    row = with_services(loaded, lambda services: find_claim(services, name))
    if json:
        show_json(claim_plain(row))
        return
    show(f"claim of delivery {row.delivery_id}, {row.state}")
    show(aligned(list(_facts(row, loaded.config.timezone, names_now(loaded).get(row.rule))), "  "))
    show()
    show(wrapped(_next_step(row), ""))


async def find_claim(services: Services, name: str) -> ClaimRow:
    """Return the claim of the delivery with this id, or beginning of an id; pruned ones are found, too."""
    found = only(
        await services.database.read(lambda connection: claims.find_id(connection, name)),
        f"claim of a delivery '{name}'",
    )
    row = await services.database.read(lambda connection: claims.find_claim(connection, found))
    if row is None:
        raise not_found(f"delivery {found} has no claim")
    return row


def names_now(loaded: Loaded) -> dict[str, str]:
    """Return what each rule is called now, by the names that it had before."""
    return {former: rule.name for rule in loaded.rules for former in rule.was}


def _every_name(name: str, rules: Sequence[Rule]) -> tuple[str, ...]:
    return next(((rule.name, *rule.was) for rule in rules if rule.name == name), (name,))


def _row(row: ClaimRow, times: Times, now_called: str | None) -> tuple[str, ...]:
    rule = f"{row.rule} (now {now_called})" if now_called else row.rule
    delivery = str(row.delivery or "pruned")
    return row.delivery_id[:ID_SHOWN], times(row.at), row.state, rule, row.action, delivery, row.label


def _facts(row: ClaimRow, zone: tzinfo, now_called: str | None) -> Iterator[tuple[str, str]]:
    yield "once per", row.label
    yield "rule", f"{row.rule}, now called {now_called}" if now_called else row.rule
    yield "action", row.action
    yield "since", local(row.at, zone)
    yield "delivery", str(row.delivery) if row.delivery else "not kept any more"


def _next_step(row: ClaimRow) -> str:
    if row.kept:
        return f"{why_kept(row)}."
    if row.state == "released":
        return "It is free: the next such event is sent."
    release = f"`bridge claims release {row.delivery_id[:ID_SHOWN]}`"
    return f"Nothing more is sent for it. {release} lets it go: {MEANING}."
