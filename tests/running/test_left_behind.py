"""What a process that died has left is taken back, counted, and at last put aside."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.bootstrap import open_node
from bridge.core.outcomes import State
from bridge.pipeline.trials import MOST, WORN
from bridge.store import incidents, views
from bridge.store.views import DeliveryFilter
from tests.support.clock import FakeClock
from tests.support.pipeline import RecordingLog
from tests.support.stored import NOW, claim_due, store_delivery


@pytest.mark.parametrize("ends", [MOST - 1, MOST])
async def test_a_start_counts_what_was_under_way(tmp_path: Path, ends: int) -> None:
    """Four ends of the process are bad luck, the fifth puts it aside; a person reads it in the log."""
    url, log, clock = f"sqlite:///{tmp_path}/bridge.db", RecordingLog(), FakeClock(NOW)
    async with open_node(url, log=log, clock=clock, alone=True) as node:
        made = await node.database.write(lambda c: store_delivery(c, 1))
    for _ in range(ends):
        async with open_node(url, log=log, clock=clock, alone=True) as node:
            (due,) = await node.database.write(claim_due)
            assert due.id == made.id
    async with open_node(url, log=log, clock=clock, alone=True) as node:
        (row,) = await node.database.read(lambda c: views.list_deliveries(c, DeliveryFilter()))
        found = await node.database.read(incidents.lasting)
    if ends < MOST:
        assert (row.state, found, log.lines) == (State.PENDING, [], [])
        return
    assert (row.state, row.why) == (State.PARKED, WORN)
    assert [(each.subject, each.why) for each in found] == [("parabens", WORN)]
    assert log.events("warning") == ["delivery parked"]
