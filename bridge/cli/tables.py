"""Listings on standard output: aligned text for pipes, a table for terminals, JSON for programs."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

from msgspec import Struct

from bridge.cli.text import as_json, local, one_line, printable, short

COLOURS = {
    "delivered": "green",
    "done": "green",
    "dead": "red",
    "parked": "red",
    "expired": "yellow",
    "suppressed": "yellow",
    "withheld": "yellow",
    "kept": "yellow",
    "paused": "yellow",
    "discarded": "dim",
}
"""States that stand out on a terminal."""
USUAL_WIDTH = 80
GAP = 2
"""Spaces between columns."""
FOLDED = 24
"""Characters that a column which folds keeps at least."""


def show(text: str = "") -> None:
    """Print text for a person; what it was made of may come from strangers."""
    print(printable(text))


def show_json(value: object) -> None:
    """Print a value for a program."""
    print(as_json(value))


class Column(Struct, frozen=True):
    """A column of a table; on a narrow terminal the one with the highest `rank` goes first, rank 0 never.

    Cells of one that `folds` may be broken into lines; the others name things and stay whole.
    """

    name: str
    rank: int = 0
    folds: bool = False


def show_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below their column names."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _show_rich(columns, cells)
    else:
        _show_plain(columns, cells)


class Times(Struct, frozen=True):
    """How a list writes times: short on a terminal, with the zone in the heading; whole in a pipe."""

    zone: tzinfo
    now: datetime

    def heading(self, name: str) -> str:
        """Return a column's name, with the zone if the times come without."""
        return f"{name} {self.now.astimezone(self.zone):%Z}" if sys.stdout.isatty() else name

    def __call__(self, moment: datetime) -> str:
        """Return a time as this list writes it."""
        return short(moment, self.zone, self.now) if sys.stdout.isatty() else local(moment, self.zone)


def aligned(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Return rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines)


def wrapped(text: str, indent: str) -> str:
    """Return a sentence broken into lines that fit the terminal, or the usual 80 characters."""
    width = terminal_width() if sys.stdout.isatty() else USUAL_WIDTH
    return textwrap.fill(one_line(text), width, initial_indent=indent, subsequent_indent=indent)


def terminal_width() -> int:
    """Return the columns of the terminal."""
    return shutil.get_terminal_size((USUAL_WIDTH, 24)).columns


def _show_plain(columns: Sequence[Column], rows: list[list[str]]) -> None:
    print(aligned([[column.name.upper() for column in columns], *rows]))


def _show_rich(columns: Sequence[Column], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    widths = [max(map(len, cells)) for cells in zip([column.name for column in columns], *rows, strict=True)]
    shown = _fitting(columns, widths, terminal_width())
    if not shown:
        blocks = (aligned([(c.name, cell) for c, cell in zip(columns, row, strict=True)]) for row in rows)
        print("\n\n".join(blocks))
        return
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False)
    for index in shown:
        column = columns[index]
        table.add_column(column.name.upper(), overflow="fold", no_wrap=not column.folds)
    for row in rows:
        table.add_row(*(Text(row[index], style=COLOURS.get(row[index], "")) for index in shown))
    Console().print(table)


def _fitting(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """Return which columns fit: all, or those left when the least important went; none if that is no help."""
    shown = list(range(len(columns)))
    while shown:
        least = [min(widths[i], FOLDED) if columns[i].folds else widths[i] for i in shown]
        if sum(least) + GAP * (len(shown) - 1) <= width:
            return shown
        last = max(shown, key=lambda i: columns[i].rank)
        if columns[last].rank == 0:
            return []
        shown.remove(last)
    return shown
