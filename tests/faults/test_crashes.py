"""Whatever point the process ends at: nothing is lost, and nothing that was recorded is repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.pipeline.node import Point
from tests.faults.crashes import POINTS, Case, Counted
from tests.support.databases import postgres_server, schema_of
from tests.support.destinations import KINDS, destination
from tests.support.life import Fate

__all__ = ["postgres_server"]

MAY_REPEAT = {Point.SENT: 1, Point.RECORDING: 1}
"""The one window: the destination has accepted, and that is not recorded."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("point", POINTS)
async def test_a_crash_loses_nothing(point: Point, kind: str, tmp_path: Path) -> None:
    """Stopped the second time it comes by, and started again: each message once, but for the one window."""
    async with destination(kind) as target:
        counted = await Case(tmp_path, sqlite(tmp_path), target).run(Fate(point, nth=2))
    kept(counted, repeated=MAY_REPEAT.get(point, 0))


@pytest.mark.parametrize("point", POINTS)
async def test_a_crash_loses_nothing_on_postgresql(
    point: Point, tmp_path: Path, postgres_server: str
) -> None:
    """What the process held is taken up by another when its leases have run out."""
    with schema_of(postgres_server) as store:
        async with destination("webhook") as target:
            counted = await Case(tmp_path, store, target).run(Fate(point, nth=2))
    kept(counted, repeated=MAY_REPEAT.get(point, 0))


@pytest.mark.parametrize("point", POINTS)
async def test_a_crash_under_load_loses_nothing(point: Point, tmp_path: Path) -> None:
    """With many events and messages under way at the same time, what was recorded is not repeated."""
    async with destination("webhook") as target:
        case = Case(tmp_path, sqlite(tmp_path), target, events=60, at_once=20)
        counted = await case.run(Fate(point, nth=8))
    kept(counted, repeated=counted.repeated)


def kept(counted: Counted, *, repeated: int) -> None:
    """Check the promises against what was counted."""
    assert counted.crashed
    assert counted.lost == 0
    assert counted.repeated == repeated
    assert counted.repeated_under_another_id == 0
    assert counted.repeated_though_recorded == 0
    assert counted.more_than_once_per == 0


def sqlite(folder: Path) -> str:
    """Return the URL of a store in a folder."""
    return f"sqlite:///{folder / 'bridge.db'}"
