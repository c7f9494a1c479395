"""The outermost frame of every command: failures become one line and an exit code, never a traceback."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import sys
import traceback
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from bridge.cli.exits import ExitCode, Failure
from bridge.cli.text import printable

REPORT = (
    "this is a fault of the bridge: please report it with the traceback that `bridge --traceback …` shows"
)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a disk says that takes no more."""
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
        except OSError as error:
            if error.errno not in _FULL or error.filename is not None:
                self._unexpected(ctx, error)
            _let_go()
            say(
                f"what this command says cannot be written: {error.strerror}",
                "what was asked for may be done all the same; ask again where there is room",
            )
            raise typer.Exit(ExitCode.UNAVAILABLE) from None
        except Exception as error:  # noqa: BLE001 - the outermost frame: it is told, and the exit code says so
            self._unexpected(ctx, error)

    @staticmethod
    def _unexpected(ctx: Any, error: Exception) -> NoReturn:  # noqa: ANN401 - as above
        if ctx.params.get("traceback"):
            traceback.print_exc()
        say(f"unexpected {type(error).__name__}: {error}", REPORT)
        raise typer.Exit(ExitCode.INTERNAL) from None


def say(*lines: str) -> None:
    """Write to standard error: the sentence behind the program's name, other lines as they are.

    Where that takes nothing, the exit code still says what came of it.
    """
    with contextlib.suppress(OSError):
        for index, line in enumerate(lines):
            print(printable(line if index else f"bridge: {line}"), file=sys.stderr)


def _let_go() -> None:
    """Forget what could not be written, so that the interpreter does not try it again as it ends."""
    with contextlib.suppress(OSError):  # a test's stand-in has no number
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
