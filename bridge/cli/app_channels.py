"""`bridge channels …`: how each channel does, on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from bridge.cli import options
from bridge.cli.options import Setup
from bridge.cli.unfolded import unfolded

app = typer.Typer(help="The channels: how each does, pausing and resuming.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="CHANNEL", help="Its name in the configuration.")]


@app.command("list")
@unfolded
def list_(
    setup: Setup,
    json: options.Json = False,
) -> None:
    """List the channels: working, held, paused, trying or stopped, and how many deliveries wait."""
    from bridge.cli.channels import list_channels

    list_channels(setup, json=json)


@app.command()
@unfolded
def show(
    setup: Setup,
    channel: Name,
    json: options.Json = False,
) -> None:
    """Show how one channel does, what is broken, and what to do."""
    from bridge.cli.channels import show_channel

    show_channel(setup, channel, json=json)


@app.command()
@unfolded
def pause(
    setup: Setup,
    channel: Name,
    why: Annotated[
        str, typer.Option("--why", metavar="TEXT", help="Shown with the channel.")
    ] = "paused by hand",
    json: options.Json = False,
) -> None:
    """Let a channel send nothing until it is resumed; its deliveries wait."""
    from bridge.cli.channels import pause_channel

    pause_channel(setup, channel, why=why, json=json)


@app.command()
@unfolded
def resume(
    setup: Setup,
    channel: Name,
    json: options.Json = False,
) -> None:
    """Let a channel that is paused or stopped send again."""
    from bridge.cli.channels import resume_channel

    resume_channel(setup, channel, json=json)
