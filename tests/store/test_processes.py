from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bridge.store import claiming
from bridge.store.creation import prepare
from bridge.store.database import Database
from bridge.store.engines import Engines, make_engines
from bridge.store.entries import EntryFacts, Finished, Lease
from bridge.store.inbox import claim, finish_all
from bridge.store.schema import deliveries, inbox
from tests.support.databases import schema_of
from tests.support.stored import MINUTE, NOW, new_delivery, store_delivery, store_entry

PROGRAMS = Path(__file__).parent / "programs"
ROOT = PROGRAMS.parents[2]
ACKNOWLEDGED = 500
WORK = 300


@contextmanager
def running(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(PROGRAMS / program), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        with process:
            yield process
    finally:
        process.kill()


async def test_a_kill_loses_nothing_that_was_acknowledged(store_url: str) -> None:
    """After kill -9 in the middle of writing, every entry whose commit was reported is there, and whole."""
    with running("accept_for_ever.py", store_url) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(ACKNOWLEDGED)]
        process.kill()
        acknowledged += [int(line) for line in process.stdout.read().split("\n")[:-1]]

    database = await Database.open(store_url)
    found = await database.read(lambda c: set(c.scalars(select(inbox.c.seq)).all()))
    await database.hold_alone()  # the lock went with the process
    if database.engine.dialect.name == "sqlite":
        checked = await database.read(lambda c: c.exec_driver_sql("PRAGMA integrity_check").scalar())
        assert checked == "ok"
    await database.close()
    assert len(acknowledged) >= ACKNOWLEDGED
    assert set(acknowledged) <= found


def test_processes_that_claim_at_once_never_share(engines: Engines, store_url: str) -> None:
    """Every entry and every delivery is worked on exactly once, whoever is quicker."""
    with engines.writer.begin() as connection:
        for number in range(WORK):
            store_delivery(connection, number)

    with running("claim_all.py", store_url, "a") as one, running("claim_all.py", store_url, "b") as other:
        for process in (one, other):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        outputs = [process.communicate("go\n")[0] for process in (one, other)]

    claimed = [line for output in outputs for line in output.splitlines()]
    assert len(claimed) == len(set(claimed)) == 2 * WORK
    with engines.reader.begin() as connection:
        states = connection.execute(select(inbox.c.state, func.count()).group_by(inbox.c.state)).all()
        assert [tuple(row) for row in states] == [("done", WORK)]
        states = connection.execute(
            select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
        ).all()
        assert [tuple(row) for row in states] == [("delivered", WORK)]


async def test_a_command_writes_while_a_bridge_runs(store_url: str) -> None:
    """`bridge deliveries retry` in a terminal waits its turn instead of failing."""
    engines = make_engines(store_url)
    prepare(engines)
    with running("accept_for_ever.py", store_url) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for number in range(20):
            with engines.writer.begin() as connection:
                store_entry(connection, -1 - number)
        process.kill()
    engines.dispose()


@pytest.fixture
def nodes(postgres_server: str) -> Iterator[tuple[Engines, Engines]]:
    """Two nodes on one PostgreSQL, neither of which waits for a lock."""
    with schema_of(postgres_server) as url:
        both = tuple(make_engines(url, readers=1, busy_timeout=timedelta(milliseconds=100)) for _ in "ab")
        prepare(both[0])
        yield both[0], both[1]
        for each in both:
            each.dispose()


def test_a_claim_passes_by_what_another_node_is_just_claiming(nodes: tuple[Engines, Engines]) -> None:
    """It takes the next delivery at once: no node stands still for another one's transaction."""
    one, other = nodes
    with one.writer.begin() as connection:
        for number in range(2):
            store_delivery(connection, number)
    with one.writer.begin() as mine, other.writer.begin() as theirs:
        for at, lease, number in ((mine, "one/1", 0), (theirs, "other/1", 1)):
            (due,) = claiming.claim_due(
                at, channel="learners", now=NOW, lease=Lease(lease, NOW + MINUTE), limit=1
            )
            assert due.id == new_delivery(0, number).id


def test_a_claim_passes_by_an_entry_that_somebody_is_just_changing(nodes: tuple[Engines, Engines]) -> None:
    """Such as a person who replays it."""
    one, other = nodes
    with one.writer.begin() as connection:
        seqs = [store_entry(connection, number) for number in range(2)]
    with one.writer.begin() as person, other.writer.begin() as theirs:
        person.execute(select(inbox.c.seq).where(inbox.c.seq == seqs[0]).with_for_update())
        claimed = claim(theirs, now=NOW, lease_until=NOW + MINUTE, lease="other/1", limit=9)
        assert claimed is not None
        assert [entry.seq for entry in claimed] == [seqs[1]]


@pytest.mark.parametrize("late", [0, 1], ids=["the first", "the second"])
def test_nothing_overtakes_what_is_being_finished_under_a_lease_that_is_over(
    nodes: tuple[Engines, Engines], late: int
) -> None:
    """Its node was away for longer than the lease, and is back: what follows from it is about to be there."""
    one, other = nodes
    with one.writer.begin() as connection:
        for number in range(3):
            store_entry(connection, number)
        claimed = claim(connection, now=NOW, lease_until=NOW + MINUTE, lease="one/1", limit=2)
        assert claimed is not None
        seqs = [entry.seq for entry in claimed]
    then = NOW + 2 * MINUTE

    def next_ones() -> list[int] | None:
        with other.writer.begin() as theirs:
            found = claim(theirs, now=then, lease_until=then + MINUTE, lease="other/1", limit=9)
            return None if found is None else [entry.seq for entry in found]

    with one.writer.begin() as mine:
        assert finish_all(mine, [(seqs[late], "one/1", Finished(then, EntryFacts(), {}))])
        assert next_ones() == (seqs[:late] or None)
    assert next_ones() == [*seqs[late + 1 :], seqs[-1] + 1]
