"""`bridge catchup …`: a rule over stored events, on the command line."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from msgspec import Struct
from typer.core import TyperGroup

from bridge.cli import options
from bridge.cli.options import Setup
from bridge.cli.span import Moment, parse_moment
from bridge.cli.unfolded import unfolded


class RuleOrCommand(TyperGroup):
    """Lets `bridge catchup RULE` mean `bridge catchup start RULE`."""

    otherwise = "start"
    """The command that is meant where none is named."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - types private to typer
        """Return the command that the words name."""
        is_rule = bool(args) and not args[0].startswith("-") and args[0] not in self.commands
        return super().resolve_command(ctx, [self.otherwise, *args] if is_rule else args)


app = typer.Typer(
    cls=RuleOrCommand,
    help="A new rule over stored events: seen first, then sent, once.",
    no_args_is_help=True,
)

Number = Annotated[
    int | None,
    typer.Argument(
        metavar="[NUMBER]", help="Its number; may be left out if there is one.", show_default=False
    ),
]
Steps = Annotated[bool, typer.Option("--json", help="Print a line of JSON for each step, times in UTC.")]


class Order(Struct, frozen=True, kw_only=True):
    """What to take over which events, and how to go about it."""

    rule: Annotated[str, typer.Argument(metavar="RULE", help="The rule's name.")]
    since: Annotated[
        Moment,
        typer.Option(
            "--since",
            metavar="WHEN",
            parser=parse_moment,
            help="Events received from then on: 90m, 2h, 30d ago, or 2026-11-23T18:00.",
        ),
    ]
    until: options.Until = None
    rate: Annotated[
        str, typer.Option("--rate", metavar="RATE", help="How fast messages are made: 1/s, 20/min, 500/h.")
    ] = "20/min"
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and stop.")] = False
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before anything is sent.")] = False
    json: Steps = False


@app.command()
@unfolded
def start(setup: Setup, order: Order) -> None:
    """Take a rule over stored events; `bridge catchup RULE` is the same.

    Says first what would be sent, to how many people, with samples, and asks. A running bridge sends what
    is made here, so it has to know the rule. Ctrl-C stops it, `bridge catchup resume` goes on.
    """
    from bridge.cli.catchup import start

    start(setup, order)


@app.command("list")
@unfolded
def list_(
    setup: Setup,
    limit: options.Limit = 50,
    json: options.Json = False,
) -> None:
    """List catch-ups, newest first, with how far each came."""
    from bridge.cli.catchup_list import list_catchups

    list_catchups(setup, limit=limit, json=json)


@app.command()
@unfolded
def show(
    setup: Setup,
    number: Number = None,
    json: options.Json = False,
) -> None:
    """Show what became of the events of one catch-up, and what to do next."""
    from bridge.cli.catchup_list import show_catchup

    show_catchup(setup, number, json=json)


@app.command()
@unfolded
def resume(
    setup: Setup,
    number: Number = None,
    json: Steps = False,
) -> None:
    """Go on with a catch-up that was stopped or interrupted, where it was."""
    from bridge.cli.catchup import resume

    resume(setup, number, json=json)


@app.command()
@unfolded
def stop(
    setup: Setup,
    number: Number = None,
    json: options.Json = False,
) -> None:
    """Stop a catch-up that runs in another terminal; what it has made is sent."""
    from bridge.cli.catchup_list import stop_catchup

    stop_catchup(setup, number, json=json)
