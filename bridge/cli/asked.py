"""What a command about one event, or about stories, is asked: its options, handed on whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from bridge.cli import options


class Wanted(Struct, frozen=True, kw_only=True):
    """What `bridge init` is to write: where, which recipes, in which language."""

    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where; made if it is missing.", show_default=False)
    ] = Path()
    names: Annotated[
        tuple[str, ...],
        typer.Option(
            "--recipe", metavar="NAME", help="Begin with this rule, template and story; may be repeated."
        ),
    ] = ()
    listing: Annotated[bool, typer.Option("--recipes", "--list", help="List the recipes.")] = False
    locale: Annotated[
        str | None,
        typer.Option("--locale", metavar="LOCALE", help="The language of messages: pt_BR, en or es."),
    ] = None
    add: Annotated[
        bool,
        typer.Option("--add", help="Add recipes to a folder that has a configuration; overwrites nothing."),
    ] = False
    force: Annotated[bool, typer.Option("--force", help="Overwrite files, but never an .env.")] = False
    json: Annotated[bool, typer.Option("--json", help="With --recipes, print JSON for programs.")] = False


class Asking(Struct, frozen=True, kw_only=True):
    """What `bridge explain` is asked: the event, as EVENT or by `--event`, and by which rules.

    With `changes` it is another event, that nothing has happened to.
    """

    event: options.MaybeEvent = None
    source: options.Source = None
    rule: options.Rule = None
    changes: options.Changes = ()
    named: Annotated[
        str | None, typer.Option("--event", metavar="EVENT", help="The event, in place of EVENT.")
    ] = None
    now: Annotated[
        bool, typer.Option("--now", help="By the rules of now, not by those that judged a stored event.")
    ] = False
    json: options.Json = False


class Looking(Struct, frozen=True, kw_only=True):
    """What `bridge preview` is asked: which event and rule, and what to make of the messages.

    `out` and `png` are folders; without `out`, `opened` has a folder made for it.
    """

    event: options.Event
    source: options.Source = None
    rule: options.Rule = None
    changes: options.Changes = ()
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write each message to a file in this folder.")
    ] = None
    opened: Annotated[
        bool, typer.Option("--open", help="Show them in the browser, as on a telephone and at a desk.")
    ] = False
    png: Annotated[
        Path | None,
        typer.Option(
            "--png",
            metavar="DIR",
            help="Write pictures of them into this folder: telephone and desk, light and dark.",
        ),
    ] = None
    chromium: Annotated[
        Path | None,
        typer.Option(
            "--chromium",
            metavar="PATH",
            envvar="BRIDGE_CHROMIUM",
            help="The browser that takes pictures; else the Chromium or Chrome of this machine.",
        ),
    ] = None
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show them again whenever a file changes, until Ctrl-C.")
    ] = False
    json: options.Json = False


class Testing(Struct, frozen=True, kw_only=True):
    """What `bridge test` is asked: which files, which words in a name, and what to do."""

    files: Annotated[
        tuple[Path, ...],
        typer.Argument(
            metavar="FILE",
            help="Files of stories, or folders; else tests/*.yaml beside the configuration.",
            show_default=False,
        ),
    ] = ()
    path: options.Config = options.UNSAID
    words: Annotated[
        str, typer.Option("-k", metavar="TEXT", help="Only stories whose name has this in it.")
    ] = ""
    update: Annotated[
        bool, typer.Option("--update", help="Show what happened as the new expectations, and write them.")
    ] = False
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --update, write without asking.")] = False
    json: options.Json = False


class Sending(Struct, frozen=True, kw_only=True):
    """What `bridge send` is asked: which event, where to, and what of it is to be otherwise."""

    event: options.Event
    source: options.Source = None
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="Where to; by default this configuration's own listener."),
    ] = None
    changes: options.Changes = ()
    fresh_id: Annotated[
        bool,
        typer.Option(
            "--fresh-id/--same-id",
            help="Make it a new event that happens now, or send it as it is (a duplicate).",
        ),
    ] = True
    repeat: Annotated[
        int,
        typer.Option("--repeat", metavar="N", min=1, max=100_000, help="Send so many, one after the other."),
    ] = 1
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Leave the signature out.")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the request and send nothing.")] = False
    json: options.Json = False
