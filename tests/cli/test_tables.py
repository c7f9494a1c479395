"""Lists: aligned text in a pipe, a table on a terminal, nothing interpreted in either."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

from bridge.cli.tables import aligned

SHOW = """
from bridge.cli.tables import show_table
show_table(("name", "state", "why"), [("[bold]x[/bold] \\x1b[2J", "dead", "b" * 100)])
"""


def on_a_terminal(script: str) -> str:
    """Return what a Python script prints on a terminal of 60 columns."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "60", "TERM": "xterm-256color"}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=theirs, stderr=theirs, env=environment
    ) as child:
        os.close(theirs)
        printed = b""
        while chunk := _read(ours):
            printed += chunk
    os.close(ours)
    assert child.returncode == 0, printed
    return printed.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # what Linux says when the other side is closed
        return b""


def test_a_terminal_gets_a_table_that_fits() -> None:
    """States have colours, long cells are broken into lines, and nothing in a cell works on the terminal."""
    printed = on_a_terminal(SHOW)
    assert "[bold]x[/bold] \\x1b[2J" in printed
    assert "\x1b[31mdead" in printed
    assert printed.count("b") >= 100
    assert max(len(line) for line in re.sub(r"\x1b\[\d*m", "", printed).splitlines()) <= 60
    assert "\x1b[2J" not in printed


def test_a_pipe_gets_everything() -> None:
    """Nothing is cut and no colour is added where a program may read."""
    done = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["NAME", "STATE", "WHY"]
    assert lines[1] == f"[bold]x[/bold] \\x1b[2J  dead   {'b' * 100}"
    assert "\x1b" not in done.stdout


def test_columns_are_aligned_without_trailing_spaces() -> None:
    assert aligned([("a", "bb"), ("ccc", "")], "> ") == "> a    bb\n> ccc"
