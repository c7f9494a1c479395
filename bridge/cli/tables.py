"""Listings on standard output: aligned text for pipes, a table for terminals, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from bridge.cli.text import as_json, one_line, printable

COLOURS = {
    "delivered": "green",
    "done": "green",
    "dead": "red",
    "parked": "red",
    "expired": "yellow",
    "withheld": "yellow",
    "discarded": "dim",
}
"""States that stand out on a terminal."""


def show(text: str = "") -> None:
    """Print text for a person; what it was made of may come from strangers."""
    print(printable(text))


def show_json(value: object) -> None:
    """Print a value for a program."""
    print(as_json(value))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below their column names."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _show_rich(columns, cells)
    else:
        _show_plain(columns, cells)


def aligned(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Return rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines)


def _show_plain(columns: Sequence[str], rows: list[list[str]]) -> None:
    print(aligned([[column.upper() for column in columns], *rows]))


def _show_rich(columns: Sequence[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0))
    for index, column in enumerate(columns):
        # On a narrow terminal cells are broken into lines, but for what names the row in other commands.
        table.add_column(column.upper(), overflow="fold", no_wrap=index == 0)
    for row in rows:
        table.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    Console().print(table)
