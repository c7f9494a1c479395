"""`bridge suppressions …`: who gets no messages, on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli import options
from bridge.cli.filters import Suppressions
from bridge.cli.options import Setup
from bridge.cli.unfolded import unfolded
from bridge.core.suppressions import Scope

app = typer.Typer(help="The suppression list: addresses that get no messages, and why.", no_args_is_help=True)

Why = Annotated[
    str, typer.Option("--why", metavar="TEXT", help="Shown on the list and with what is not sent.")
]
What = Annotated[
    Scope,
    typer.Option(
        "--scope",
        metavar="WHAT",
        help="What they do not get: everything, or optional (nudges and marketing).",
    ),
]
Addresses = Annotated[tuple[str, ...], typer.Argument(metavar="ADDRESS", help="E-mail addresses.")]


@app.command("list")
@unfolded
def list_(setup: Setup, wanted: Suppressions, limit: options.Limit = 50, json: options.Json = False) -> None:
    """List who gets no messages, newest first."""
    from bridge.cli.suppressions import list_suppressions

    list_suppressions(setup, wanted, limit=limit, json=json)


@app.command()
@unfolded
def add(
    setup: Setup,
    addresses: Addresses,
    scope: What = Scope.EVERYTHING,
    why: Why = "",
    json: options.Json = False,
) -> None:
    """Write to these addresses no more."""
    from bridge.cli.suppressions import add_addresses

    add_addresses(setup, addresses, scope=scope, why=why, json=json)


@app.command()
@unfolded
def remove(
    setup: Setup,
    addresses: Addresses,
    source: options.PutThereBy = None,
    json: options.Json = False,
) -> None:
    """Take addresses off the list, for one reason or for all.

    Who unsubscribed has to ask for it first: the law is with them.
    """
    from bridge.cli.suppressions import remove_addresses

    remove_addresses(setup, addresses, source=source, json=json)


@app.command("import")
@unfolded
def import_(
    setup: Setup,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="One address a line, or CSV with a column email; - reads standard input."
        ),
    ],
    scope: What = Scope.EVERYTHING,
    why: Why = "imported",
    json: options.Json = False,
) -> None:
    """Put all addresses of a file on the list, from another tool for example.

    It may be stopped and run again: an address is on the list once.
    """
    from bridge.cli.suppressions import import_addresses

    import_addresses(setup, file, scope=scope, why=why, json=json)
