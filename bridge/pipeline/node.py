"""What every use case of one running process shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bridge.clock import Clock
from bridge.logs import Log
from bridge.store.database import Database


@dataclass(frozen=True, slots=True)
class Node:
    """One process. `name` stands on the leases it takes; `chance` returns a random number in [0, 1)."""

    name: str
    database: Database
    clock: Clock
    chance: Callable[[], float]
    log: Log
