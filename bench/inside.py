"""What happens inside the process, without sockets: matching, rendering, the store."""

from __future__ import annotations

import asyncio
import itertools
import os
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bench import events, stages
from bench.case import Case, Effort, Pair, at_most
from bench.matching import EVENT, whens
from bench.pairs import CONNECTIONS, folder, in_turns
from bridge.core.conditions import compile_when
from bridge.core.identity import entry_key
from bridge.core.routing import Router
from bridge.core.rules import Rule
from bridge.store import inbox
from bridge.store.database import Connection, Database
from bridge.store.entries import NewEntry

TIMES = 4000
ROWS = 5000
FEW_RULES, MANY_RULES = 10, 10_000


async def _matching(effort: Effort) -> AsyncGenerator[Pair, None]:
    facts = EVENT.facts()
    few, many = _router(FEW_RULES), _router(effort.of(MANY_RULES))
    times = effort.of(TIMES)
    async for pair in in_turns(
        effort,
        lambda: _microseconds(lambda: few.plan(EVENT, facts), times),
        lambda: _microseconds(lambda: many.plan(EVENT, facts), times),
    ):
        yield pair


def _router(rules: int) -> Router:
    return Router(
        [
            Rule(name=f"rule-{number}", on=("module.completed",), when=compile_when(when, ())[0])
            for number, when in enumerate(whens(rules))
        ]
    )


def _rendering(name: str) -> Callable[[Effort], AsyncGenerator[Pair, None]]:
    async def measure(effort: Effort) -> AsyncGenerator[Pair, None]:
        pair = next(each for each in stages.measured()[1] if each.name == name)
        times = effort.of(TIMES)
        async for figures in in_turns(
            effort, lambda: _microseconds(pair.bare.work, times), lambda: _microseconds(pair.ours.work, times)
        ):
            yield figures

    return measure


async def _microseconds(work: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times * 1e6


async def _store(effort: Effort) -> AsyncGenerator[Pair, None]:
    async with folder() as place:
        rows = effort.of(ROWS)
        database = await Database.open(f"sqlite:///{place}/bridge.db")
        try:
            async for pair in in_turns(
                effort, lambda: sqlite_rate(place / "alone.db", rows), lambda: store_rate(database, rows)
            ):
                yield pair
        finally:
            await database.close()


async def store_rate(database: Database, rows: int) -> float:
    """Store so many requests, as many at a time as there are connections; return rows per second."""
    waiting = _entries(rows)

    async def store() -> None:
        for entry in waiting:
            await database.write(partial(_accept, entry))

    began = time.perf_counter()
    await asyncio.gather(*(store() for _ in range(CONNECTIONS)))
    return rows / (time.perf_counter() - began)


async def sqlite_rate(file: Path, rows: int) -> float:
    """Insert the same bytes with `sqlite3`, as many in a commit as there are connections."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE IF NOT EXISTS inbox (seq INTEGER PRIMARY KEY, key BLOB UNIQUE, body BLOB NOT NULL);"
    )
    entries = [(entry.key, entry.body) for entry in _entries(rows)]
    began = time.perf_counter()
    for start in range(0, rows, CONNECTIONS):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "INSERT INTO inbox (key, body) VALUES (?, ?)", entries[start : start + CONNECTIONS]
        )
        connection.execute("COMMIT")
    seconds = time.perf_counter() - began
    connection.close()
    return rows / seconds


def _accept(entry: NewEntry, connection: Connection) -> object:
    return inbox.accept(connection, entry)


def _entries(count: int) -> Iterator[NewEntry]:
    run, now = os.urandom(12).hex(), datetime.now(UTC)
    names = (f"{run}-{number}" for number in itertools.count())
    return iter(
        [
            NewEntry(
                source="eduzz",
                key=entry_key("eduzz", name),
                delivery_key=name,
                headers={"content-type": "application/json"},
                body=body,
                received_at=now,
            )
            for name, body in zip(names, events.bodies(count), strict=False)
        ]
    )


_JINJA = "bare Jinja2 with the same text"
CASES = (
    Case("matching", "matching an event against 10,000 rules", "10 rules", "µs", _matching, None),
    Case("rendering", "rendering a webhook", _JINJA, "µs", _rendering("webhook"), at_most(1.2)),
    Case("rendering-slack", "rendering a Slack message", _JINJA, "µs", _rendering("Slack"), at_most(1.2)),
    Case(
        "rendering-email",
        "rendering an e-mail",
        _JINJA,
        "µs",
        _rendering("e-mail"),
        at_most(1.2),
        "the bridge also turns Markdown into HTML and text",
    ),
    Case(
        "store",
        "storing requests, 32 at a time",
        "`sqlite3` alone, 32 rows in a commit",
        "rows/s",
        _store,
    ),
)
