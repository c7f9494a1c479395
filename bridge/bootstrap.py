"""The composition root: a loaded configuration becomes the services that every command needs.

What runs for as long as the bridge does is in `bridge.running`.
"""

# ruff: noqa: PLC0415 - imports wait until they are needed, so that receiving begins early

from __future__ import annotations

import os
import random
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bridge.clock import Clock, SystemClock
from bridge.config.loaded import Loaded
from bridge.config.reception import Reception
from bridge.logs import Log
from bridge.pipeline.halts import Halts
from bridge.pipeline.node import Node, Point
from bridge.pipeline.operate import Operator
from bridge.pipeline.trials import taken_back
from bridge.sources import registry as source_registry
from bridge.sources.base import Source
from bridge.sources.own import OwnSource
from bridge.store.database import Database

if TYPE_CHECKING:
    from bridge.channels.base import Channel
    from bridge.channels.http import Shared
    from bridge.core.rulebook import Compile
    from bridge.core.rules import Predicate
    from bridge.pipeline.explaining import Explainer
    from bridge.pipeline.rulebook import Rulebook


@dataclass(frozen=True)
class Services:
    """What every command needs: the store, the sources, and what a person may do."""

    loaded: Loaded
    node: Node
    sources: Mapping[str, Source]
    operator: Operator

    @cached_property
    def rulebook(self) -> Rulebook:
        """The rules as they are kept for explanations."""
        from bridge.pipeline.rulebook import Rulebook

        return Rulebook(self.node, self.loaded.rules, self.loaded.config.timezone, self.loaded.hide)

    @cached_property
    def explainer(self) -> Explainer:
        """What says why an event led to what it led to."""
        from bridge.pipeline.explaining import Explainer

        compile_if = _compile_if(self.loaded)
        return Explainer(
            self.node, self.sources, self.loaded.rules, self.rulebook, compile_if, self.loaded.redact
        )

    @property
    def database(self) -> Database:
        """The store."""
        return self.node.database

    @property
    def clock(self) -> Clock:
        """The clock."""
        return self.node.clock

    @property
    def log(self) -> Log:
        """The log."""
        return self.node.log


@asynccontextmanager
async def open_services(loaded: Loaded, *, log: Log, clock: Clock | None = None) -> AsyncIterator[Services]:
    """Open the store for a command, which takes no leases. Raises `StoreError`."""
    async with open_node(loaded.config.store.get_secret_value(), log=log, clock=clock) as node:
        yield services_of(loaded, node)


@asynccontextmanager
async def open_node(
    store: str,
    *,
    log: Log,
    clock: Clock | None = None,
    alone: bool = False,
    reached: Callable[[Point], None] = lambda _: None,
) -> AsyncIterator[Node]:
    """Open the store at an address for a process without rules; `alone` for one that takes leases.

    Raises `StoreError`.
    """
    database = await Database.open(store)
    try:
        held = alone and await database.hold_alone()
        node = Node(_name(), database, clock or SystemClock(), _chance, log, alone=held, reached=reached)
        if held:
            now = node.clock.now()
            node.trials.begin(await database.write(lambda c: taken_back(c, now)), log)
        yield node
    finally:
        await database.close()


def services_of(loaded: Loaded, node: Node, wake: Callable[[], None] | None = None) -> Services:
    """Return what works by a configuration, under leases of its own; `wake` is called when there is work."""
    own = replace(
        node,
        name=_name(),
        catalogue=loaded.catalogue,
        public_url=loaded.config.public_url,
        halts=Halts(),
    )
    operator = Operator(own) if wake is None else Operator(own, wake)
    return Services(loaded, own, build_sources(loaded.config), operator)


def build_sources(config: Reception) -> dict[str, Source]:
    """Return the configured sources by name, and the bridge itself."""
    return {**configured_sources(config), OwnSource.name: OwnSource()}


def configured_sources(config: Reception) -> dict[str, Source]:
    """Return the configured sources by name."""
    return {name: source_registry.build(name, options) for name, options in config.sources.items()}


def _compile_if(loaded: Loaded) -> Compile:
    from bridge.core.rulebook import Uncompiled

    def compile_if(source: str) -> Predicate:
        predicate, problems = loaded.renderer.predicate(source)
        return predicate or Uncompiled(source, "; ".join(problem.sentence for problem in problems))

    return compile_if


def build_channels(loaded: Loaded, shared: Shared) -> dict[str, Channel]:
    """Return the configured channels by name; nothing is connected before the first message."""
    from bridge.channels import registry

    return {name: registry.build(name, options, shared) for name, options in loaded.config.channels.items()}


def _name() -> str:
    return f"{os.getpid()}-{secrets.token_hex(4)}"


def _chance() -> float:
    return random.random()  # noqa: S311 - spreads retries, keeps no secret
