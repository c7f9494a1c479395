"""Prints what crashes at every named point come to: `python -m tests.faults.matrix`.

Each case is a bridge of its own, killed when it comes by a point for the n-th time, started again, and its
messages counted at a real destination.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple
from pathlib import Path

from bridge.pipeline.node import Point
from tests.faults.crashes import POINTS, Case, Counted
from tests.support.databases import schema_of, server_for
from tests.support.destinations import KINDS, destination
from tests.support.life import Fate

HEADINGS = (
    "point",
    "channel",
    "store",
    "crashes",
    "events",
    "messages",
    "lost",
    "repeated, same id",
    "repeated, other id",
    "repeated though recorded",
    "once_per broken",
)


def main(arguments: Sequence[str]) -> int:
    """Run all cases and print a table; return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.matrix", description=__doc__)
    parser.add_argument("--events", type=int, default=12, help="events of one case")
    parser.add_argument("--at-once", type=int, default=1, help="how many of them are posted at once")
    parser.add_argument("--nth", type=int, nargs="+", default=[1, 2, 5], help="at which time to crash")
    parser.add_argument("--stores", nargs="+", default=["sqlite", "postgresql"])
    options = parser.parse_args(arguments)
    print("| " + " | ".join(HEADINGS) + " |\n" + "| --- " * len(HEADINGS) + "|")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        server = _server(stack, Path(folder)) if "postgresql" in options.stores else ""
        bad = [row for row in _rows(options, Path(folder), server) if not _printed(*row)]
    return 1 if bad else 0


def _server(stack: ExitStack, folder: Path) -> str:
    return os.environ.get("DATABASE_URL") or stack.enter_context(server_for(folder))


def _rows(
    options: argparse.Namespace, folder: Path, server: str
) -> Iterator[tuple[Point, str, str, list[Counted]]]:
    for store in options.stores:
        for kind in KINDS:
            for point in POINTS:
                given = server if store == "postgresql" else ""
                fates = [Fate(point, nth) for nth in options.nth]
                yield point, kind, store, [_case(options, folder, given, kind, fate) for fate in fates]


def _case(options: argparse.Namespace, shared: Path, server: str, kind: str, fate: Fate) -> Counted:
    async def counted(folder: Path, url: str) -> Counted:
        async with destination(kind) as target:
            return await Case(folder, url, target, options.events, options.at_once).run(fate)

    with tempfile.TemporaryDirectory(dir=shared) as name, _store(server, Path(name)) as url:
        return asyncio.run(counted(Path(name), url))


@contextmanager
def _store(server: str, folder: Path) -> Iterator[str]:
    if not server:
        yield f"sqlite:///{folder / 'bridge.db'}"
        return
    with schema_of(server) as url:
        yield url


def _printed(point: Point, kind: str, store: str, counts: list[Counted]) -> bool:
    """Print one line; return whether all promises were kept."""
    events, messages, crashes, lost, repeated, other_id, recorded, once = (
        sum(column) for column in zip(*map(astuple, counts), strict=True)
    )
    values = (crashes, events, messages, lost, repeated - other_id, other_id, recorded, once)
    print("| " + " | ".join(map(str, (point, kind, store, *values))) + " |", flush=True)
    return not (lost or other_id or recorded or once)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
