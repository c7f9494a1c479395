"""Prints what becomes of each word over time, whatever goes wrong: `python -m tests.faults.table`.

Each cell says how often a play was given so, and how often not exactly its messages came. The same is tested
in `tests/faults/test_words.py`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from bridge.pipeline.node import Point
from tests.faults import giving
from tests.faults.giving import Given, sqlite
from tests.faults.plays import PLAYS
from tests.faults.words import Play
from tests.support.databases import schema_of, server_for

HEADINGS = ("words", "restart", "crash between the steps", "duplicate event", "clock change", "two nodes")
HOUR = timedelta(hours=1)


def main() -> int:
    """Print the table; return 1 if anything was lost, early, late, or came too often."""
    print("| " + " | ".join(HEADINGS) + " |\n" + "| --- " * len(HEADINGS) + "|")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        server = os.environ.get("DATABASE_URL") or stack.enter_context(server_for(Path(folder)))
        bad = [play for play in PLAYS if not _printed(play, server)]
    return 1 if bad else 0


def _printed(play: Play, server: str) -> bool:
    columns = asyncio.run(_columns(play, server))
    wrong = [sum(not given.is_kept for given in column) for column in columns]
    cells = [f"{len(column)}, {bad} wrong" for column, bad in zip(columns, wrong, strict=True)]
    print(f"| `{play.word}` | " + " | ".join(cells) + " |", flush=True)
    return not any(wrong)


async def _columns(play: Play, server: str) -> Sequence[Sequence[Given]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        crashes = [given async for given in _crashes(play, folder)]
        twice = [giving.with_restarts, giving.with_duplicates]
        restarts, duplicates = [
            [await way(play, own, sqlite(own)), await _on_postgres(way, play, own, server)]
            for way, own in zip(twice, map(_made, (folder / "a", folder / "b")), strict=True)
        ]
        clocks = [
            await giving.with_wrong_clock(play, own, sqlite(own), off)
            for off, own in zip((HOUR, -HOUR), map(_made, (folder / "c", folder / "d")), strict=True)
        ]
        nodes = [await _on_postgres(giving.on_two_nodes, play, folder, server)]
    return restarts, crashes, duplicates, clocks, nodes


async def _crashes(play: Play, folder: Path) -> AsyncIterator[Given]:
    for at_once in (False, True):
        for point in Point:
            async for given in giving.with_crashes(play, folder, point, at_once=at_once):
                yield given


async def _on_postgres(way: giving.Way, play: Play, folder: Path, server: str) -> Given:
    with schema_of(server) as url:
        return await way(play, folder, url)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main())
