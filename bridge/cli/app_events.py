"""`bridge events …`: the inbox on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli import options
from bridge.cli.filters import Events
from bridge.cli.options import Setup
from bridge.cli.unfolded import unfolded

app = typer.Typer(help="The inbox: every authentic request, and what became of it.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="EVENT", help="Its number or its whole id.")]
Ids = Annotated[
    tuple[str, ...],
    typer.Argument(metavar="EVENT", help="Numbers or whole ids.", show_default=False),
]


@app.command("list")
@unfolded
def list_(setup: Setup, wanted: Events, limit: options.Limit = 50, json: options.Json = False) -> None:
    """List stored events, newest first."""
    from bridge.cli.events import list_events

    list_events(setup, wanted, limit=limit, json=json)


@app.command()
@unfolded
def show(setup: Setup, event: Id, json: options.Json = False) -> None:
    """Show everything about one event, and what to do next."""
    from bridge.cli.events import show_event

    show_event(setup, event, json=json)


@app.command()
@unfolded
def replay(
    setup: Setup, wanted: Events, ids: Ids = (), yes: options.Yes = False, json: options.Json = False
) -> None:
    """Take events through the rules again.

    Named ones, or all that the filters select.
    """
    from bridge.cli.events import replay_events

    replay_events(setup, ids, wanted, yes=yes, json=json)
