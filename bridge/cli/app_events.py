"""`bridge events …`: the inbox on the command line."""

# ruff: noqa: PLR0913, PLR0917 - an option of a command is an argument of its function
from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from bridge.cli import options
from bridge.cli.options import chosen

app = typer.Typer(help="The inbox: every authentic request, and what became of it.", no_args_is_help=True)


class EventState(StrEnum):
    """Where a stored event stands."""

    NEW = "new"
    DONE = "done"
    PARKED = "parked"


IN_STATE = f"In this state: {', '.join(EventState)}; may be repeated."
State = Annotated[
    list[EventState] | None,
    typer.Option("--state", metavar="STATE", help=IN_STATE),
]
Type = Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Of this type or kind.")]
Source = Annotated[str | None, typer.Option("--source", metavar="NAME", help="From this source.")]
Id = Annotated[str, typer.Argument(metavar="EVENT", help="Its number, its id, or the id's beginning.")]
Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="EVENT", help="Numbers, ids or their beginnings.", show_default=False),
]


@app.command("list")
def list_(
    ctx: typer.Context,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    state: State = None,
    type_: Type = None,
    source: Source = None,
    learner: options.Learner = None,
    since: options.Since = None,
    until: options.Until = None,
    limit: options.Limit = 50,
    json: options.Json = False,
) -> None:
    """List stored events, newest first."""
    from bridge.cli.events import list_events
    from bridge.cli.selecting import Events

    selection = Events(tuple(state or ()), type_, source, learner, since, until)
    list_events(chosen(ctx, config, sandbox=sandbox), selection, limit=limit, json=json)


@app.command()
def show(
    ctx: typer.Context,
    event: Id,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    json: options.Json = False,
) -> None:
    """Show everything about one event, and what to do next."""
    from bridge.cli.events import show_event

    show_event(chosen(ctx, config, sandbox=sandbox), event, json=json)


@app.command()
def replay(
    ctx: typer.Context,
    events: Ids = None,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    state: State = None,
    type_: Type = None,
    source: Source = None,
    learner: options.Learner = None,
    since: options.Since = None,
    until: options.Until = None,
    yes: options.Yes = False,
    json: options.Json = False,
) -> None:
    """Take events through the rules again.

    Named ones, or all that the filters select.
    """
    from bridge.cli.events import replay_events
    from bridge.cli.selecting import Events

    selection = Events(tuple(state or ()), type_, source, learner, since, until)
    replay_events(chosen(ctx, config, sandbox=sandbox), tuple(events or ()), selection, yes=yes, json=json)
