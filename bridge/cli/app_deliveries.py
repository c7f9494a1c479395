"""`bridge deliveries …`: the outbox on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli import options
from bridge.cli.filters import Deliveries, Discarded, Retried
from bridge.cli.options import Setup
from bridge.cli.unfolded import unfolded

app = typer.Typer(help="The outbox: every message, its attempts, and what can be done.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="DELIVERY", help="Its id, or the id's beginning.")]
Ids = Annotated[
    tuple[str, ...],
    typer.Argument(metavar="DELIVERY", help="Ids or their beginnings.", show_default=False),
]


@app.command("list")
@unfolded
def list_(setup: Setup, wanted: Deliveries, limit: options.Limit = 50, json: options.Json = False) -> None:
    """List deliveries, newest first."""
    from bridge.cli.deliveries import list_deliveries

    list_deliveries(setup, wanted, limit=limit, json=json)


@app.command()
@unfolded
def show(setup: Setup, delivery: Id, json: options.Json = False) -> None:
    """Show everything about one delivery, and what to do next."""
    from bridge.cli.deliveries import show_delivery

    show_delivery(setup, delivery, json=json)


@app.command()
@unfolded
def retry(
    setup: Setup, wanted: Retried, ids: Ids = (), yes: options.Yes = False, json: options.Json = False
) -> None:
    """Send dead, expired, parked or kept deliveries again.

    Named ones, or all that the filters select.
    """
    from bridge.cli.deliveries_acts import Order, retry_deliveries

    retry_deliveries(setup, Order(ids, wanted, yes, json))


@app.command()
@unfolded
def discard(
    setup: Setup,
    wanted: Discarded,
    ids: Ids = (),
    why: Annotated[
        str, typer.Option("--why", metavar="TEXT", help="Kept with the delivery.")
    ] = "discarded by hand",
    yes: options.Yes = False,
    json: options.Json = False,
) -> None:
    """Give up deliveries for good.

    Named ones, or all that the filters select.
    """
    from bridge.cli.deliveries_acts import Order, discard_deliveries

    discard_deliveries(setup, Order(ids, wanted, yes, json), why)
