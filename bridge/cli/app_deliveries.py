"""`bridge deliveries …`: the outbox on the command line."""

# ruff: noqa: PLR0913, PLR0917 - an option of a command is an argument of its function
from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from bridge.cli import options
from bridge.cli.options import chosen
from bridge.core.outcomes import State as DeliveryState
from bridge.core.outcomes import sources_of

app = typer.Typer(help="The outbox: every message, its attempts, and what can be done.", no_args_is_help=True)

GIVEN_UP = (DeliveryState.DEAD, DeliveryState.EXPIRED, DeliveryState.PARKED)
"""What a retry by filters selects unless `--state` says otherwise."""
RETRIED = (DeliveryState.PENDING, *GIVEN_UP, DeliveryState.KEPT, DeliveryState.SUPPRESSED)
"""The states that a person's retry leaves; one that waits becomes due at once."""


def _in_state(states: Iterable[DeliveryState]) -> str:
    return f"In this state: {', '.join(states)}; may be repeated."


State = Annotated[
    list[DeliveryState] | None,
    typer.Option("--state", metavar="STATE", help=_in_state(DeliveryState)),
]
Retried = Annotated[
    list[DeliveryState] | None,
    typer.Option("--state", metavar="STATE", help=_in_state(RETRIED)),
]
Discarded = Annotated[
    list[DeliveryState] | None,
    typer.Option("--state", metavar="STATE", help=_in_state(sources_of(DeliveryState.DISCARDED))),
]
Type = Annotated[str | None, typer.Option("--type", metavar="TYPE", help="For events of this type or kind.")]
Rule = Annotated[str | None, typer.Option("--rule", metavar="NAME", help="Of this rule.")]
Channel = Annotated[str | None, typer.Option("--channel", metavar="NAME", help="Through this channel.")]
Id = Annotated[str, typer.Argument(metavar="DELIVERY", help="Its id, or the id's beginning.")]
Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="DELIVERY", help="Ids or their beginnings.", show_default=False),
]


@app.command("list")
def list_(
    ctx: typer.Context,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    state: State = None,
    type_: Type = None,
    rule: Rule = None,
    channel: Channel = None,
    learner: options.Learner = None,
    since: options.Since = None,
    until: options.Until = None,
    limit: options.Limit = 50,
    json: options.Json = False,
) -> None:
    """List deliveries, newest first."""
    from bridge.cli.deliveries import list_deliveries
    from bridge.cli.selecting import Deliveries

    selection = Deliveries(tuple(state or ()), type_, rule, channel, learner, since, until)
    list_deliveries(chosen(ctx, config, sandbox=sandbox), selection, limit=limit, json=json)


@app.command()
def show(
    ctx: typer.Context,
    delivery: Id,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    json: options.Json = False,
) -> None:
    """Show everything about one delivery, and what to do next."""
    from bridge.cli.deliveries import show_delivery

    show_delivery(chosen(ctx, config, sandbox=sandbox), delivery, json=json)


@app.command()
def retry(
    ctx: typer.Context,
    deliveries: Ids = None,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    state: Retried = None,
    type_: Type = None,
    rule: Rule = None,
    channel: Channel = None,
    learner: options.Learner = None,
    since: options.Since = None,
    until: options.Until = None,
    yes: options.Yes = False,
    json: options.Json = False,
) -> None:
    """Send dead, expired, parked or kept deliveries again.

    Named ones, or all that the filters select.
    """
    from bridge.cli.deliveries_acts import Order, retry_deliveries
    from bridge.cli.selecting import Deliveries

    selection = Deliveries(tuple(state or ()), type_, rule, channel, learner, since, until)
    order = Order(tuple(deliveries or ()), selection, yes, json)
    retry_deliveries(chosen(ctx, config, sandbox=sandbox), order)


@app.command()
def discard(
    ctx: typer.Context,
    deliveries: Ids = None,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    state: Discarded = None,
    type_: Type = None,
    rule: Rule = None,
    channel: Channel = None,
    learner: options.Learner = None,
    since: options.Since = None,
    until: options.Until = None,
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
    from bridge.cli.selecting import Deliveries

    selection = Deliveries(tuple(state or ()), type_, rule, channel, learner, since, until)
    order = Order(tuple(deliveries or ()), selection, yes, json)
    discard_deliveries(chosen(ctx, config, sandbox=sandbox), order, why)
