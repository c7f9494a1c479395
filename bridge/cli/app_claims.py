"""`bridge claims …`: what `once_per` has taken, on the command line."""

# ruff: noqa: PLR0913, PLR0917 - an option of a command is an argument of its function
from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from bridge.cli import options
from bridge.cli.options import chosen
from bridge.cli.span import Moment, parse_moment

app = typer.Typer(help="Claims: what `once_per` has taken, and letting it go.", no_args_is_help=True)


class ClaimState(StrEnum):
    """Where a claim stands."""

    RESERVED = "reserved"
    CONFIRMED = "confirmed"
    RELEASED = "released"


State = Annotated[
    ClaimState | None,
    typer.Option("--state", metavar="STATE", help=f"In this state: {', '.join(ClaimState)}."),
]
Held = Annotated[
    ClaimState | None,
    typer.Option("--state", metavar="STATE", help="In this state: reserved, confirmed."),
]
Rule = Annotated[
    str | None,
    typer.Option(
        "--rule", metavar="NAME", help="Of this rule, under any of its names; or of one that is gone."
    ),
]
Action = Annotated[
    str | None, typer.Option("--action", metavar="NAME", help="Of this action: email:learners.")
]
Text = Annotated[
    str | None,
    typer.Option(
        "--text", metavar="TEXT", help="With this in what is claimed: an e-mail address, a module's id."
    ),
]
Since = Annotated[
    Moment | None,
    typer.Option(
        "--since",
        metavar="WHEN",
        parser=parse_moment,
        help="Taken, confirmed or released from then on: 90m, 2h, 7d ago, or 2026-11-23T18:00.",
    ),
]
Id = Annotated[
    str, typer.Argument(metavar="DELIVERY", help="The delivery that has it: its id, or the id's beginning.")
]
Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="DELIVERY", help="Ids of deliveries or their beginnings.", show_default=False),
]


@app.command("list")
def list_(
    ctx: typer.Context,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    rule: Rule = None,
    action: Action = None,
    state: State = None,
    text: Text = None,
    since: Since = None,
    until: options.Until = None,
    before: Annotated[
        str | None,
        typer.Option("--before", metavar="DELIVERY", help="The next page: what comes after this one."),
    ] = None,
    limit: options.Limit = 50,
    json: options.Json = False,
) -> None:
    """List claims, the last changed first, also of deliveries that are not kept any more."""
    from bridge.cli.claims import Selection, list_claims

    selection = Selection(rule, action, state, text, since, until)
    list_claims(chosen(ctx, config, sandbox=sandbox), selection, before=before, limit=limit, json=json)


@app.command()
def show(
    ctx: typer.Context,
    delivery: Id,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    json: options.Json = False,
) -> None:
    """Show one claim, who has it, and what to do next."""
    from bridge.cli.claims import show_claim

    show_claim(chosen(ctx, config, sandbox=sandbox), delivery, json=json)


@app.command()
def release(
    ctx: typer.Context,
    deliveries: Ids = None,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    rule: Rule = None,
    action: Action = None,
    state: Held = None,
    text: Text = None,
    since: Since = None,
    until: options.Until = None,
    yes: options.Yes = False,
    json: options.Json = False,
) -> None:
    """Let claims go, so that the next such event is sent again.

    Named ones, or all that the filters select. What is still under way keeps its claim.
    """
    from bridge.cli.claims import Selection
    from bridge.cli.claims_acts import release_claims

    selection = Selection(rule, action, state, text, since, until)
    release_claims(
        chosen(ctx, config, sandbox=sandbox), tuple(deliveries or ()), selection, yes=yes, json=json
    )
