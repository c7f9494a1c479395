"""One process of the bridge over a store that may go away at any commit."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from sqlalchemy import event

from bridge.bootstrap import configured_sources, services_of
from bridge.channels.base import Channel
from bridge.config.loaded import Loaded
from bridge.pipeline.engine import Engine
from bridge.pipeline.ingest import Ingest
from bridge.pipeline.lobby import Lobby
from bridge.pipeline.node import Node
from bridge.running.exchange import Exchange, Spoken, Work
from bridge.store import news
from bridge.store.batches import Batches
from bridge.store.creation import prepare
from bridge.store.database import Database
from bridge.store.engines import Engines, make_engines
from bridge.store.errors import StoreUnavailable
from bridge.store.news import News
from tests.faults.doors import PromptTarget, Target, World
from tests.faults.shops import Shop
from tests.faults.turns import Thread
from tests.support.pipeline import RecordingLog

SWITCH_S = 15.0


class Exchanging(Exchange):
    """The exchange of configurations, with destinations that answer when they are told to."""

    def __init__(self, node: Node, lobby: Lobby, ingest: Ingest, world: World) -> None:
        super().__init__(node, lobby, ingest, Spoken("en"), cast("Any", None))
        self.shop: Shop
        """What begins next."""
        self._world = world

    def _made(self, loaded: Loaded) -> Work:
        services = services_of(loaded, self.node, self._wake)
        channels: dict[str, Channel] = {
            name: (PromptTarget if name in self.shop.prompt else Target)(name, policy, self._world)
            for name, policy in self.shop.policies.items()
        }
        engine = Engine(
            services.node,
            sources=services.sources,
            rules=loaded.rules,
            channels=channels,
            rulebook=services.rulebook,
        )
        engine._listen = lambda: None  # type: ignore[method-assign]  # what others tell comes by `House.hear`
        self._world.engines.append(engine)
        return Work(loaded, services, engine, SWITCH_S)


class House:
    """One process on a store."""

    def __init__(self, url: str, name: str, world: World, log: RecordingLog) -> None:
        options = world.options
        self.world = world
        self.engines: Engines = make_engines(url, readers=2)
        self.secret = prepare(self.engines)
        self.batches = Batches(self.engines.writer, name, check=self._check)
        self.thread = Thread(self.batches, queue_limit=options.queue_limit, batch_limit=options.batch_limit)
        database = Database(self.engines, cast("Any", None), self.secret, self.thread, None)
        alone = self.engines.file is not None
        self.node = Node(name, database, world.clock, world.chance.random, log, alone=alone)
        self.lobby = Lobby()
        self.ingest = Ingest(self.node, {}, self.lobby, self.lobby.refused, self.lobby.unstored)
        self.exchange = Exchanging(self.node, self.lobby, self.ingest, world)
        self.exchanging: asyncio.Task[None] | None = None
        self.fails: str | None = None
        """How the next commit fails."""
        self.failed = False
        """Whether one has."""
        self.said: list[News] = []
        """What this process has told others."""
        self.unheard: list[News] = []
        """What others have told, and is not heard yet."""
        event.listen(self.engines.writer, "before_cursor_execute", self._on_statement)
        event.listen(self.engines.writer, "commit", self._on_commit)

    async def begin(self, shop: Shop) -> None:
        """Have another configuration at work."""
        self.exchange.shop = shop
        self.ingest.serve(configured_sources(shop.loaded.config))
        await self.exchange.begin(shop.loaded)

    @property
    def engine(self) -> Engine | None:
        """What is at work."""
        return self.exchange.work.engine if self.exchange.work is not None else None

    @property
    def is_exchanging(self) -> bool:
        """Whether one configuration takes the place of another one, or has left something under way."""
        running = self.exchanging is not None and not self.exchanging.done()
        return running or bool(self.exchange._late)

    def commit(self, most: int) -> None:
        """Write some of what waits; it may fail."""
        options, chance = self.world.options, self.world.chance.random()
        self.fails = None
        if chance < options.trouble:
            self.fails = "away"
        elif chance < options.trouble + options.doubt:
            self.fails = self.world.chance.choice(("stored", "lost"))
        self.thread.commit(most)
        self.fails = None

    def hear(self) -> None:
        """Hear what others have told."""
        told = self.unheard.pop(0)
        if self.engine is not None:
            self.engine._heed(told)

    def close(self) -> None:
        """Give the connections back."""
        self.batches.close()
        self.engines.dispose()

    def _check(self) -> None:
        if self.fails == "away":
            self.fails, self.failed = None, True
            raise StoreUnavailable("the store is away")

    def _on_statement(self, _c: object, _u: object, statement: str, given: Any, *_: object) -> None:
        if statement.startswith("SELECT pg_notify"):
            told = news.read(given[0], but="")
            assert told is not None
            self.said.append(told)

    def _on_commit(self, connection: Any) -> None:
        fails = self.fails
        if fails is None:
            return
        self.fails, self.failed = None, True
        if fails == "stored":
            connection.connection.commit()
        else:
            self.said.clear()
        raise StoreUnavailable("the store went away in the commit")
