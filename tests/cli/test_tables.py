"""Lists: aligned text in a pipe, a table on a terminal, nothing interpreted in either."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

from bridge.cli.tables import aligned

SHOW = """
from bridge.cli.tables import Column, show_table
columns = Column("name"), Column("state"), Column("why", folds=True)
show_table(columns, [("[bold]x[/bold] \\x1b[2J", "dead", "b" * 100)])
"""
NARROW = """
from bridge.cli.tables import Column, show_table
columns = Column("id"), Column("rule", rank=2), Column("action", rank=1), Column("why", folds=True)
show_table(columns, [("a5143b9267", "r" * {rule}, "email:learners", "the connection was refused by it")])
"""
TIMES = """
from datetime import UTC, datetime, timedelta
from bridge.cli.tables import Times
now = datetime(2026, 11, 23, 17, 16, 56, tzinfo=UTC)
times = Times(UTC, now)
print(times.heading("made"), *(times(now - timedelta(days=days)) for days in (0, 1, 400)), sep="|")
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


def test_what_matters_least_leaves_a_narrow_terminal_first() -> None:
    """Ids and actions are never broken; the column of the highest rank goes, others stay."""
    printed = re.sub(r"\x1b\[\d*m", "", on_a_terminal(NARROW.format(rule=20)))
    lines = [line.split() for line in printed.splitlines()]
    assert lines[0] == ["ID", "ACTION", "WHY"]
    assert lines[1][:2] == ["a5143b9267", "email:learners"]


def test_a_terminal_too_narrow_for_a_table_gets_blocks() -> None:
    """When nothing that is left can go, every row is a block with all its cells."""
    script = NARROW.format(rule=50).replace('"a5143b9267"', '"a5143b9267" * 5')
    lines = on_a_terminal(script).splitlines()
    assert [line.split()[0] for line in lines] == ["id", "rule", "action", "why"]
    assert lines[0].endswith("a5143b9267" * 5)


def test_times_are_short_on_a_terminal_and_whole_in_a_pipe() -> None:
    """On a terminal the zone stands once, in the heading."""
    assert on_a_terminal(TIMES).strip() == "made UTC|17:16:56|22/11 17:16|19/10/2025"
    done = subprocess.run([sys.executable, "-c", TIMES], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("made|2026-11-23 17:16:56 UTC|2026-11-22 17:16:56 UTC|")
