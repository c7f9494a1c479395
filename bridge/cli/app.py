"""The command line as people see it: every command that is not about the two lists, with its options.

A command's work is in the module of its name, imported when it is called.
"""

# ruff: noqa: PLR0913, PLR0917 - an option of a command is an argument of its function
from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from bridge import __version__
from bridge.cli import (
    app_catchup,
    app_channels,
    app_claims,
    app_deliveries,
    app_events,
    app_rules,
    app_suppressions,
    options,
)
from bridge.cli.options import chosen
from bridge.cli.program import Program

app = typer.Typer(
    name="bridge",
    cls=Program,
    help="Receives webhooks from course platforms and turns them into messages, by rules in a YAML file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes longer to import than all the rest of `bridge --help`
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bridge {__version__}")
        raise typer.Exit


@app.callback()
def bridge(
    config: Annotated[
        Path,
        typer.Option("--config", "-c", metavar="FILE", envvar="BRIDGE_CONFIG", help="Configuration file."),
    ] = options.DEFAULT_CONFIG,
    traceback: Annotated[
        bool,
        typer.Option(
            "--traceback", envvar="BRIDGE_TRACEBACK", help="Show the traceback of an unexpected error."
        ),
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Receives webhooks from course platforms and turns them into messages, by rules in a YAML file."""


@app.command()
def run(ctx: typer.Context, config: options.Config = None, sandbox: options.Sandbox = False) -> None:
    """Receive, dispatch, deliver and serve the admin pages.

    Stops on Ctrl-C or SIGTERM when what is under way is finished; a second signal stops it at once.
    """
    gc.disable()  # what is made until the bridge runs stays, and there is no use in looking through it
    try:
        from bridge.cli.run import run

        run(chosen(ctx, config, sandbox=sandbox))
    finally:
        gc.enable()


@app.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Stop when everything has arrived; exit 1 if it has not.")
    ] = False,
) -> None:
    """Show the whole bridge at work here, with nothing set up."""
    from bridge.cli.demo import demo

    raise typer.Exit(demo(once=once))


@app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where; made if it is missing.", show_default=False)
    ] = Path(),
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            "--recipe", metavar="NAME", help="Begin with this rule, template and story; may be repeated."
        ),
    ] = None,
    recipes: Annotated[bool, typer.Option("--recipes", "--list", help="List the recipes.")] = False,
    locale: Annotated[
        str | None,
        typer.Option("--locale", metavar="LOCALE", help="The language of messages: pt_BR, en or es."),
    ] = None,
    add: Annotated[
        bool,
        typer.Option("--add", help="Add recipes to a folder that has a configuration; overwrites nothing."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files, but never an .env.")] = False,
    json: Annotated[bool, typer.Option("--json", help="With --recipes, print JSON for programs.")] = False,
) -> None:
    """Write a commented config.yaml, templates, stories and a .env.

    With recipes: a configuration of just these, in your language, or more rules for the one you have.
    """
    from bridge.cli.init import Wanted, init, list_recipes

    if recipes:
        list_recipes(locale, json=json)
        return
    init(Wanted(folder=folder, recipes=tuple(recipe or ()), locale=locale, add=add, force=force))


@app.command()
def check(
    ctx: typer.Context,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    json: options.Json = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also say what each rule does.")] = False,
) -> None:
    """Find every problem of the configuration; sends nothing."""
    from bridge.cli.check import check

    check(chosen(ctx, config, sandbox=sandbox), json=json, verbose=verbose)


@app.command()
def explain(
    ctx: typer.Context,
    event: options.MaybeEvent = None,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    source: options.Source = None,
    rule: options.Rule = None,
    changes: options.Changes = None,
    named: Annotated[
        str | None, typer.Option("--event", metavar="EVENT", help="The event, in place of EVENT.")
    ] = None,
    now: Annotated[
        bool, typer.Option("--now", help="By the rules of now, not by those that judged a stored event.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Say why each rule matches an event, or why not.

    Of a stored event, what happened, by the rules that judged it; of any other, what would be sent, unless
    `once_per` forbids it. The rule that was probably meant comes first.
    """
    from bridge.cli.explain import Asking, explain

    asking = Asking(
        event=event,
        option=named,
        source=source,
        rule=rule,
        changes=tuple(changes or ()),
        now=now,
        json=json,
    )
    explain(chosen(ctx, config, sandbox=sandbox), asking)


@app.command()
def preview(
    ctx: typer.Context,
    event: options.Event,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    source: options.Source = None,
    rule: options.Rule = None,
    changes: options.Changes = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write each message to a file in this folder.")
    ] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Show them in the browser, as on a telephone and at a desk.")
    ] = False,
    png: Annotated[
        Path | None,
        typer.Option(
            "--png",
            metavar="DIR",
            help="Write pictures of them into this folder: telephone and desk, light and dark.",
        ),
    ] = None,
    chromium: Annotated[
        Path | None,
        typer.Option(
            "--chromium",
            metavar="PATH",
            envvar="BRIDGE_CHROMIUM",
            help="The browser that takes pictures; else the Chromium or Chrome of this machine.",
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show them again whenever a file changes, until Ctrl-C.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Render the messages an event leads to; sends nothing.

    The page of `--open` and the pictures of `--png` fetch nothing from the network: a picture in a message
    is shown by its text.
    """
    from bridge.cli.preview import Looking, preview

    looking = Looking(
        event=event,
        source=source,
        rule=rule,
        changes=tuple(changes or ()),
        out=out,
        opened=open_,
        png=png,
        chromium=chromium,
        watch=watch,
        json=json,
    )
    preview(chosen(ctx, config, sandbox=sandbox), looking)


@app.command("test")
def stories(
    ctx: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE",
            help="Files of stories, or folders; else tests/*.yaml beside the configuration.",
            show_default=False,
        ),
    ] = None,
    config: options.Config = None,
    words: Annotated[
        str, typer.Option("-k", metavar="TEXT", help="Only stories whose name has this in it.")
    ] = "",
    update: Annotated[
        bool, typer.Option("--update", help="Show what happened as the new expectations, and write them.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --update, write without asking.")] = False,
    json: options.Json = False,
) -> None:
    """Play stories: events, and exactly the messages they lead to.

    The real pipeline with a store in memory and a clock that jumps: a year takes no time. Nothing is sent.
    """
    from bridge.cli.test import Testing, test

    testing = Testing(files=tuple(files or ()), words=words, update=update, yes=yes, json=json)
    test(chosen(ctx, config), testing)


@app.command()
def send(
    ctx: typer.Context,
    event: options.Event,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    source: options.Source = None,
    url: Annotated[
        str | None, typer.Option("--url", help="Where to; by default this configuration's own listener.")
    ] = None,
    changes: options.Changes = None,
    fresh_id: Annotated[
        bool,
        typer.Option(
            "--fresh-id/--same-id",
            help="Make it a new event that happens now, or send it as it is (a duplicate).",
        ),
    ] = True,
    repeat: Annotated[
        int,
        typer.Option("--repeat", metavar="N", min=1, max=100_000, help="Send so many, one after the other."),
    ] = 1,
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Leave the signature out.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the request and send nothing.")] = False,
    json: options.Json = False,
) -> None:
    """Sign an event and post it as the platform does.

    `ping` is an event too: the connection test of the platform's console.
    """
    from bridge.cli.send import Sending, send

    sending = Sending(
        event=event,
        source=source,
        url=url,
        changes=tuple(changes or ()),
        fresh_id=fresh_id,
        repeat=repeat,
        unsigned=unsigned,
        dry_run=dry_run,
        json=json,
    )
    send(chosen(ctx, config, sandbox=sandbox), sending)


@app.command()
def samples(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Print the body of this one.", show_default=False)
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option(
            "--fields",
            metavar="TYPE",
            help="List what templates and rules may use of events of this type or kind; may be repeated.",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """List sample events, print one, or what one carries."""
    from bridge.cli.samples import samples

    samples(name, fields=fields or (), json=json)


app.add_typer(app_events.app, name="events")
app.add_typer(app_deliveries.app, name="deliveries")
app.add_typer(app_claims.app, name="claims")
app.add_typer(app_channels.app, name="channels")
app.add_typer(app_rules.app, name="rules")
app.add_typer(app_catchup.app, name="catchup")
app.add_typer(app_suppressions.app, name="suppressions")


@app.command()
def schema(
    stories: Annotated[
        bool, typer.Option("--stories", help="Of the files that `bridge test` plays.")
    ] = False,
) -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    from bridge.cli.schema import schema

    schema(stories=stories)


@app.command()
def migrate(
    ctx: typer.Context,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether the store is up to date; exit 1 if not.")
    ] = False,
) -> None:
    """Bring the store to the form this version needs.

    `bridge run` does so by itself; this is for doing it beforehand.
    """
    from bridge.cli.migrate import migrate

    migrate(chosen(ctx, config, sandbox=sandbox), check=check)


@app.command()
def reload(
    ctx: typer.Context,
    config: options.Config = None,
    sandbox: options.Sandbox = False,
    only_look: Annotated[
        bool, typer.Option("--look", help="Only say which configuration runs; load nothing.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Have a running bridge load its configuration now.

    It does so by itself when a file changes. A broken one changes nothing, and its problems are told.
    """
    from bridge.cli.reload import reload

    reload(chosen(ctx, config, sandbox=sandbox), json=json, only_look=only_look)


@app.command()
def health(
    url: Annotated[
        str, typer.Option("--url", envvar="BRIDGE_HEALTH_URL", help="The public listener's address.")
    ] = "http://127.0.0.1:8080/healthz",
    json: options.Json = False,
) -> None:
    """Ask a running bridge whether it takes events.

    For HEALTHCHECK in containers: quick, and reads no configuration.
    """
    from bridge.cli.health import check

    check(url, json=json)
