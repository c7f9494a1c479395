"""Options that several commands share, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from bridge.cli.span import Moment, parse_moment
from bridge.core import suppressions

DEFAULT_CONFIG = Path("config.yaml")
UNSAID = Path()
"""Where no `--config` stands behind the command: a folder, so nobody can mean it."""


def _or_that_of_the_program(ctx: typer.Context, value: Path) -> Path:
    """Return a command's own `--config`, or else the one before its name."""
    before: Path | None = ctx.find_root().params.get("config")
    return (before or DEFAULT_CONFIG) if value == UNSAID else value


Config = Annotated[
    Path,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        callback=_or_that_of_the_program,
        show_default=False,
        help="Configuration file; before or after the command's name.",
    ),
]


class Setup(Struct, frozen=True):
    """The configuration file of a command, and whether it is about the sandbox."""

    path: Config = UNSAID
    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox",
            help="As `run --sandbox` has it: channels redirected to local stand-ins, a store of its own, "
            "secrets may be unset.",
        ),
    ] = False


Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs, times in UTC.")]
_EVENT = "A JSON file, - for standard input, a sample's name, or a stored event: its number or its whole id."
Event = Annotated[str, typer.Argument(metavar="EVENT", help=_EVENT)]
MaybeEvent = Annotated[str | None, typer.Argument(metavar="EVENT", help=_EVENT, show_default=False)]
Rule = Annotated[str | None, typer.Option("--rule", metavar="NAME", help="Only this rule.")]
Changes = Annotated[
    tuple[str, ...],
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change the body, as in data.learner.email=maria@aluna.example; may be repeated.",
    ),
]
Source = Annotated[
    str | None,
    typer.Option(
        "--source", metavar="NAME", help="The source the event comes from; needed when there are several."
    ),
]
PutThereBy = Annotated[
    suppressions.Source | None,
    typer.Option("--source", metavar="WHO", help=f"Put there by: {', '.join(suppressions.Source)}."),
]
Learner = Annotated[str | None, typer.Option("--learner", metavar="EMAIL", help="Of this person.")]
Since = Annotated[
    Moment | None,
    typer.Option(
        "--since",
        metavar="WHEN",
        parser=parse_moment,
        help="From then on: 90m, 2h, 7d ago, or 2026-11-23T18:00.",
    ),
]
Until = Annotated[
    Moment | None,
    typer.Option("--until", metavar="WHEN", parser=parse_moment, help="Before then; written like --since."),
]
Limit = Annotated[
    int, typer.Option("--limit", "-n", metavar="N", min=1, max=10_000, help="At most so many, newest first.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before changing what the filters select.")]
