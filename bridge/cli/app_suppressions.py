"""`bridge suppressions …`: who gets no messages, on the command line."""

# ruff: noqa: PLR0913, PLR0917 - an option of a command is an argument of its function
from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bridge.cli import options
from bridge.cli.options import chosen
from bridge.core.suppressions import Scope, Source

app = typer.Typer(help="The suppression list: addresses that get no messages, and why.", no_args_is_help=True)

Why = Annotated[
    str, typer.Option("--why", metavar="TEXT", help="Shown on the list and with what is not sent.")
]
From = Annotated[
    Source | None, typer.Option("--source", metavar="WHO", help=f"Put there by: {', '.join(Source)}.")
]
What = Annotated[
    Scope,
    typer.Option(
        "--scope",
        metavar="WHAT",
        help="What they do not get: everything, or optional (nudges and marketing).",
    ),
]
Addresses = Annotated[list[str], typer.Argument(metavar="ADDRESS", help="E-mail addresses.")]


@app.command("list")
def list_(
    ctx: typer.Context,
    address: Annotated[
        str | None, typer.Argument(metavar="ADDRESS", help="Only this one, or with this in it.")
    ] = None,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    source: From = None,
    scope: Annotated[
        Scope | None, typer.Option("--scope", metavar="WHAT", help=f"Kept from: {', '.join(Scope)}.")
    ] = None,
    since: options.Since = None,
    until: options.Until = None,
    limit: options.Limit = 50,
    json: options.Json = False,
) -> None:
    """List who gets no messages, newest first."""
    from bridge.cli.suppressions import Suppressions, list_suppressions

    selection = Suppressions(address, source, scope, since, until)
    list_suppressions(chosen(ctx, config, sandbox=sandbox), selection, limit=limit, json=json)


@app.command()
def add(
    ctx: typer.Context,
    addresses: Addresses,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    scope: What = Scope.EVERYTHING,
    why: Why = "",
    json: options.Json = False,
) -> None:
    """Write to these addresses no more."""
    from bridge.cli.suppressions import add_addresses

    add_addresses(chosen(ctx, config, sandbox=sandbox), addresses, scope=scope, why=why, json=json)


@app.command()
def remove(
    ctx: typer.Context,
    addresses: Addresses,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    source: From = None,
    json: options.Json = False,
) -> None:
    """Take addresses off the list, for one reason or for all.

    Who unsubscribed has to ask for it first: the law is with them.
    """
    from bridge.cli.suppressions import remove_addresses

    remove_addresses(chosen(ctx, config, sandbox=sandbox), addresses, source=source, json=json)


@app.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="One address a line, or CSV with a column email; - reads standard input."
        ),
    ],
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    scope: What = Scope.EVERYTHING,
    why: Why = "imported",
    json: options.Json = False,
) -> None:
    """Put all addresses of a file on the list, from another tool for example.

    It may be stopped and run again: an address is on the list once.
    """
    from bridge.cli.suppressions import import_addresses

    import_addresses(chosen(ctx, config, sandbox=sandbox), file, scope=scope, why=why, json=json)
