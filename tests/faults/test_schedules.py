"""Whatever comes first of what may come in any order, all of it is done, once, and nobody waits for a look.

The same few seeds each time; `BRIDGE_FAULT_RUNS` asks for so many, `BRIDGE_FAULT_FIRST` from which one on.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from bridge.store.creation import migrate
from tests.faults import doors, shops
from tests.faults.schedules import play
from tests.support.databases import postgres_server, schema_of

__all__ = ["postgres_server"]
RUNS = int(os.environ.get("BRIDGE_FAULT_RUNS", "48"))
FIRST = int(os.environ.get("BRIDGE_FAULT_FIRST", "0"))
SEEDS = range(FIRST, FIRST + RUNS)
FEW = range(FIRST, FIRST + RUNS // 16)


def drawn(seed: int) -> tuple[list[shops.Shop], doors.Options]:
    chance = random.Random(f"of {seed}")
    return [shops.drawn(chance) for _ in range(chance.choice((1, 2)))], doors.drawn(chance)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_order_of_happenings_loses_a_wake_up(seed: int, tmp_path: Path) -> None:
    """By one process on SQLite: each event is done, each message sent once, in its lane's order."""
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    migrate(url)
    play(seed, url, *drawn(seed))


@pytest.mark.parametrize("nodes", [1, 2])
@pytest.mark.parametrize("seed", FEW)
def test_nor_by_nodes_on_postgresql(seed: int, nodes: int, postgres_server: str) -> None:
    """By one, and by two that share the work and tell each other."""
    with schema_of(postgres_server) as url:
        play(seed, url, *drawn(seed), nodes)
