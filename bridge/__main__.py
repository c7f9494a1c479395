"""`python -m bridge` and the installed command `bridge`."""

from __future__ import annotations

import gc
import os
import signal
import sys


def main() -> None:
    """Run the command line and exit with a code of `bridge.cli.exits.ExitCode`."""
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 gets \u2713 and no crash
    if "run" in sys.argv and not os.isatty(0):
        signal.signal(signal.SIGHUP, _load_anyway)
    # A plugin would see every configuration with its secrets; and looking for one takes a while.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.disable()  # until a command begins: what is imported stays, and looking through it finds nothing
    try:
        from bridge.cli.app import app

        app(prog_name="bridge")
    except KeyboardInterrupt:  # so early that no command was running yet
        sys.exit(130)


def _open_streams() -> None:
    """Put nothing in the place of a closed standard stream, where a socket or the store would come."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _load_anyway(_signal: int, _frame: object) -> None:
    """Do nothing about the wish to load a configuration before the first one is loaded."""


if __name__ == "__main__":
    main()
