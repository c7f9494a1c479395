"""Doing one thing to several rows of the store: asks first when filters chose them, tells how each went."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import typer
from msgspec import Struct

from bridge.cli.exits import ExitCode, misused
from bridge.cli.tables import show, show_json

T = TypeVar("T")
PROGRESS_FROM = 50
"""So many rows take long enough to show a bar."""


class Change(Struct, frozen=True):
    """What came of one row."""

    id: str
    done: bool
    sentence: str


def confirm(question: str, count: int, *, yes: bool) -> None:
    """Return when the person agrees; otherwise the command ends and nothing has changed."""
    if yes or not count:
        return
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        print(file=sys.stderr)  # below the question
        raise misused("nobody can be asked here; --yes goes on without asking") from None
    if not agreed:
        show("nothing was changed")
        raise typer.Exit(ExitCode.PROBLEMS)


async def each(ids: Sequence[T], change: Callable[[T], Awaitable[Change]]) -> list[Change]:
    """Change one row after the other, with a bar on a terminal when there are many."""
    hidden = len(ids) < PROGRESS_FROM or not sys.stderr.isatty()
    with typer.progressbar(ids, file=sys.stderr, hidden=hidden) as bar:
        return [await change(id_) for id_ in bar]


def tell(changes: Sequence[Change], *, json: bool) -> None:
    """Print what came of each row; exits with 1 unless everything was done."""
    if not changes and not json:
        show("nothing matches")
    if json:
        show_json([{"id": change.id, "done": change.done, "sentence": change.sentence} for change in changes])
    else:
        for change in changes:
            show(change.sentence)
    if not all(change.done for change in changes):
        raise typer.Exit(ExitCode.PROBLEMS)
