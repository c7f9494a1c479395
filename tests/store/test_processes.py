from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select

from bridge.store.creation import prepare
from bridge.store.database import Database
from bridge.store.engines import Engines, make_engines
from bridge.store.schema import deliveries, inbox
from tests.support.stored import store_delivery, store_entry

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
