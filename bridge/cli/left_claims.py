"""What `bridge check` asks the store, where there is one: claims that no rule goes on with."""

from __future__ import annotations

import asyncio
import logging

from bridge import logs
from bridge.bootstrap import open_services
from bridge.cli.program import say
from bridge.config.load import Loaded
from bridge.pipeline.strays import Found, find_strays
from bridge.store.creation import plan
from bridge.store.errors import StoreError


def left_claims(loaded: Loaded) -> list[Found]:
    """Return them; none without a store, and none of one that is to be migrated or cannot be reached."""
    try:
        found = plan(loaded.config.store.get_secret_value())
        if found.current is None or found.steps:
            return []
        return asyncio.run(_find(loaded))
    except StoreError as error:
        say(f"claims were not looked at: {error}")
        return []


async def _find(loaded: Loaded) -> list[Found]:
    async with open_services(loaded, log=logs.configure(level=logging.WARNING)) as services:
        return await find_strays(services.node, loaded.rules)
