"""`bridge claims …`: what `once_per` has taken, on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli import options
from bridge.cli.filters import Claims, Held
from bridge.cli.options import Setup
from bridge.cli.unfolded import unfolded

app = typer.Typer(help="Claims: what `once_per` has taken, and letting it go.", no_args_is_help=True)

Id = Annotated[
    str, typer.Argument(metavar="DELIVERY", help="The delivery that has it: its id, or the id's beginning.")
]
Ids = Annotated[
    tuple[str, ...],
    typer.Argument(metavar="DELIVERY", help="Ids of deliveries or their beginnings.", show_default=False),
]


@app.command("list")
@unfolded
def list_(
    setup: Setup,
    wanted: Claims,
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="DELIVERY", help="The next page: what comes after this one."),
    ] = None,
    limit: options.Limit = 50,
    json: options.Json = False,
) -> None:
    """List claims, the last changed first, also of deliveries that are not kept any more."""
    from bridge.cli.claims import list_claims

    list_claims(setup, wanted, before=before, limit=limit, json=json)


@app.command()
@unfolded
def show(setup: Setup, delivery: Id, json: options.Json = False) -> None:
    """Show one claim, who has it, and what to do next."""
    from bridge.cli.claims import show_claim

    show_claim(setup, delivery, json=json)


@app.command()
@unfolded
def release(
    setup: Setup, wanted: Held, ids: Ids = (), yes: options.Yes = False, json: options.Json = False
) -> None:
    """Let claims go, so that the next such event is sent again.

    Named ones, or all that the filters select. What is still under way keeps its claim.
    """
    from bridge.cli.claims_acts import release_claims

    release_claims(setup, ids, wanted, yes=yes, json=json)
