"""`python -m bridge` and the installed command `bridge`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with a code of `bridge.cli.exits.ExitCode`."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 gets \u2713 and no crash
    try:
        from bridge.cli.app import app

        app(prog_name="bridge")
    except KeyboardInterrupt:  # so early that no command was running yet
        sys.exit(130)


if __name__ == "__main__":
    main()
