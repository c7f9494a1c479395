"""`bridge rules …`: which rules are paused, and what becomes of what they keep, on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli import options
from bridge.cli.options import Setup
from bridge.cli.unfolded import unfolded
from bridge.core.halts import BY_HAND, Halt

app = typer.Typer(help="Which rules are paused, and what they keep.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="RULE", help="Its name in the configuration.")]
States = Annotated[
    tuple[Halt, ...],
    typer.Option("--state", metavar="STATE", help=f"In this state: {', '.join(Halt)}; may be repeated."),
]


@app.command("list")
@unfolded
def list_(
    setup: Setup,
    states: States = (),
    json: options.Json = False,
) -> None:
    """List the rules: whether each works or is paused, since when and why, and how much it keeps."""
    from bridge.cli.rules import list_rules

    list_rules(setup, states, json=json)


@app.command()
@unfolded
def show(
    setup: Setup,
    rule: Name,
    json: options.Json = False,
) -> None:
    """Show where one rule stands, what it does, and what to do."""
    from bridge.cli.rules import show_rule

    show_rule(setup, rule, json=json)


@app.command()
@unfolded
def pause(
    setup: Setup,
    rule: Name,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Shown with the rule.")] = BY_HAND,
    json: options.Json = False,
) -> None:
    """Keep what a rule makes, and what of it still waits, until it is resumed."""
    from bridge.cli.rules import pause_rule

    pause_rule(setup, rule, why=why, json=json)


@app.command()
@unfolded
def resume(
    setup: Setup,
    rule: Name,
    json: options.Json = False,
) -> None:
    """Send all that a paused rule has kept, and let it work again."""
    from bridge.cli.rules import resume_rule

    resume_rule(setup, rule, json=json)


@app.command()
@unfolded
def discard(
    setup: Setup,
    rule: Name,
    yes: options.Yes = False,
    json: options.Json = False,
) -> None:
    """Give up all that a paused rule has kept, and let it work again."""
    from bridge.cli.rules import discard_rule

    discard_rule(setup, rule, yes=yes, json=json)
