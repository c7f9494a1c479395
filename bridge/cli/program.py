"""The outermost frame of every command: failures become one line and an exit code, never a traceback."""

from __future__ import annotations

import gc
import sys
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from bridge.cli.exits import ExitCode, Failure
from bridge.cli.text import printable

REPORT = (
    "this is a fault of the bridge: please report it with the traceback that `bridge --traceback …` shows"
)
_VALIDATOR = "Value error, "
"""How pydantic, which typer asks, begins what typer itself says of a value."""


class Program(TyperGroup):
    """The group of all commands."""

    def invoke(self, ctx: Any) -> object:  # noqa: ANN401 - the base class's type is private to typer
        """Run the chosen command; whatever ends it early ends with a documented exit code."""
        gc.enable()  # see bridge/__main__.py
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix(_VALIDATOR)
            raise
        except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError, EOFError):
            raise  # typer's own ways to end, with their own messages and codes
        except KeyboardInterrupt:
            say("interrupted")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except Failure as failure:
            say(*failure.lines)
            raise typer.Exit(failure.code) from None
        except Exception as error:  # noqa: BLE001 - the outermost frame: it is told, and the exit code says so
            if ctx.params.get("traceback"):
                traceback.print_exc()
            say(f"unexpected {type(error).__name__}: {error}", REPORT)
            raise typer.Exit(ExitCode.INTERNAL) from None


def say(*lines: str) -> None:
    """Write to standard error: the sentence behind the program's name, other lines as they are."""
    for index, line in enumerate(lines):
        print(printable(line if index else f"bridge: {line}"), file=sys.stderr)
