"""The command line as people see it: the commands, and the groups of those that are about lists.

A command's work is in the module of its name, imported when it is called.
"""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated, Any

import typer

from bridge import __version__
from bridge.cli import options
from bridge.cli.asked import Asking, Looking, Sending, Testing, Wanted
from bridge.cli.later import Later, group_in, named_in
from bridge.cli.options import Setup
from bridge.cli.program import Program
from bridge.cli.unfolded import unfolded

GROUPS = ("events", "deliveries", "claims", "channels", "rules", "catchup", "suppressions")
"""Those whose commands stand in `app_…`."""
commands = typer.Typer()
"""Those that are in no group."""


class Bridge(Program):
    """All commands, of which only the one that is called is made, with its options: that takes a while."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - settings of typer's own
        super().__init__(**settings)
        groups = {name: group_in(f"bridge.cli.app_{name}", name) for name in GROUPS}
        self.commands = Later(named_in(commands) | groups)


app = typer.Typer(
    name="bridge",
    cls=Bridge,
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


@commands.command()
@unfolded
def run(
    setup: Setup,
    no_watch: Annotated[
        bool,
        typer.Option("--no-watch", help="Load changed files only when asked, by `bridge reload` or SIGHUP."),
    ] = False,
) -> None:
    """Receive, dispatch, deliver and serve the admin pages.

    Stops on Ctrl-C or SIGTERM when what is under way is finished; a second signal stops it at once.
    """
    gc.disable()  # what is made until the bridge runs stays, and there is no use in looking through it
    try:
        from bridge.cli.run import run

        run(setup, watch=not no_watch)
    finally:
        gc.enable()


@commands.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Stop when everything has arrived; exit 1 if it has not.")
    ] = False,
) -> None:
    """Show the whole bridge at work here, with nothing set up."""
    from bridge.cli.demo import demo

    raise typer.Exit(demo(once=once))


@commands.command()
@unfolded
def init(wanted: Wanted) -> None:
    """Write a commented config.yaml, templates, stories and a .env.

    With recipes: a configuration of just these, in your language, or more rules for the one you have.
    """
    from bridge.cli.init import init

    init(wanted)


@commands.command()
@unfolded
def check(
    setup: Setup,
    json: options.Json = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also say what each rule does.")] = False,
) -> None:
    """Find every problem of the configuration; sends nothing."""
    from bridge.cli.check import check

    check(setup, json=json, verbose=verbose)


@commands.command()
@unfolded
def explain(setup: Setup, asking: Asking) -> None:
    """Say why each rule matches an event, or why not.

    Of a stored event, what happened, by the rules that judged it; of any other, what would be sent, unless
    `once_per` forbids it. The rule that was probably meant comes first.
    """
    from bridge.cli.explain import explain

    explain(setup, asking)


@commands.command()
@unfolded
def preview(setup: Setup, looking: Looking) -> None:
    """Render the messages an event leads to; sends nothing.

    The page of `--open` and the pictures of `--png` fetch nothing from the network: a picture in a message
    is shown by its text.
    """
    from bridge.cli.preview import preview

    preview(setup, looking)


@commands.command("test")
@unfolded
def stories(testing: Testing) -> None:
    """Play stories: events, and exactly the messages they lead to.

    The real pipeline with a store in memory and a clock that jumps: a year takes no time. Nothing is sent.
    """
    from bridge.cli.test import test

    test(testing)


@commands.command()
@unfolded
def send(setup: Setup, sending: Sending) -> None:
    """Sign an event and post it as the platform does.

    `ping` is an event too: the connection test of the platform's console.
    """
    from bridge.cli.send import send

    send(setup, sending)


@commands.command()
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


@commands.command()
def schema(
    stories: Annotated[
        bool, typer.Option("--stories", help="Of the files that `bridge test` plays.")
    ] = False,
) -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    from bridge.cli.schema import schema

    schema(stories=stories)


@commands.command()
@unfolded
def migrate(
    setup: Setup,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether the store is up to date; exit 1 if not.")
    ] = False,
) -> None:
    """Bring the store to the form this version needs.

    `bridge run` does so by itself; this is for doing it beforehand.
    """
    from bridge.cli.migrate import migrate

    migrate(setup, check=check)


@commands.command()
@unfolded
def reload(
    setup: Setup,
    only_look: Annotated[
        bool, typer.Option("--look", help="Only say which configuration runs; load nothing.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Have a running bridge load its configuration now.

    It does so by itself when a file changes. A broken one changes nothing, and its problems are told.
    """
    from bridge.cli.reload import reload

    reload(setup, json=json, only_look=only_look)


@commands.command()
def health(
    url: Annotated[
        str,
        typer.Option(
            "--url", metavar="URL", envvar="BRIDGE_HEALTH_URL", help="The public listener's address."
        ),
    ] = "http://127.0.0.1:8080/healthz",
    json: options.Json = False,
) -> None:
    """Ask a running bridge whether it takes events.

    For HEALTHCHECK in containers: quick, and reads no configuration.
    """
    from bridge.cli.health import check

    check(url, json=json)
