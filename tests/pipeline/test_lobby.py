"""What arrives before the bridge is ready is stored, and dispatched when it is."""

from __future__ import annotations

import asyncio

from bridge.pipeline.ingest import Ingest
from bridge.pipeline.lobby import Lobby
from bridge.store.database import Database
from tests.support.pipeline import Pipeline, ScriptedChannel, action, channels, completion, rule, until


async def test_what_came_first_goes_first(database: Database) -> None:
    """Entries that waited in the store are dispatched before those that come when the engine is there."""
    wins = ScriptedChannel("wins")
    pipeline = Pipeline(database, [rule("r", action("r", "wins"))], channels(wins), of_node={"alone": True})
    lobby = Lobby()
    pipeline.ingest = Ingest(pipeline.node, {"eduzz": pipeline.source}, lobby, lobby.refused)
    assert await pipeline.receive(completion("e1"), completion("e2")) == [200, 200]
    assert wins.sent == []
    alarm = pipeline.engine.alarm
    lobby.lead_to(pipeline.engine.inlet, alarm.refused, alarm.unstored)
    await pipeline.engine.start()
    assert await pipeline.receive(completion("e3"), completion("e3")) == [200, 200]
    await until(lambda: len(wins.sent) == 3)
    await pipeline.engine.stop()
    assert [text.rpartition(" ")[2] for text in wins.texts] == ["e1", "e2", "e3"]


async def test_wrong_signatures_are_told_once_somebody_hears(database: Database) -> None:
    """Before that they are refused and logged like any other."""
    lobby = Lobby()
    heard: list[tuple[str, str]] = []

    async def hear(source: str, why: str) -> None:
        heard.append((source, why))

    await lobby.refused("eduzz", "early")
    lobby.unstored("early")
    unstored: list[str] = []
    lobby.lead_to(Pipeline(database, [], {}).engine.inlet, hear, unstored.append)
    await lobby.refused("eduzz", "late")
    lobby.unstored("late")
    assert heard == [("eduzz", "late")]
    assert unstored == ["late"]


async def test_one_engine_follows_another(database: Database) -> None:
    """What is decided goes on where it was decided, what comes while neither is there waits for the next."""
    first, second = ScriptedChannel("wins"), ScriptedChannel("wins")
    of_node = {"alone": True}
    before = Pipeline(database, [rule("r", action("r", "wins"))], channels(first), of_node=of_node)
    after = Pipeline(database, [rule("r", action("r", "wins"))], channels(second), of_node=of_node)
    lobby = Lobby()
    ingest = before.ingest = Ingest(before.node, {"eduzz": before.source}, lobby, lobby.refused)
    lobby.lead_to(before.engine.inlet, before.engine.alarm.refused, before.engine.alarm.unstored)
    await before.engine.start()
    assert await before.receive(completion("e0")) == [200]
    await until(lambda: before.engine.is_idle)
    under_way = asyncio.create_task(before.receive(completion("e1"), completion("e2")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    lobby.hold()
    await ingest.settled()
    await before.engine.stop()
    assert await under_way == [200, 200]
    assert await before.receive(completion("e3")) == [200]
    sent = len(first.sent)
    lobby.lead_to(after.engine.inlet, after.engine.alarm.refused, after.engine.alarm.unstored)
    await after.engine.start()
    assert await before.receive(completion("e4")) == [200]
    await until(lambda: len(first.sent) + len(second.sent) == 5)
    await after.engine.stop()
    assert len(first.sent) == sent
    assert [text.rpartition(" ")[2] for text in (*first.texts, *second.texts)] == [
        "e0",
        "e1",
        "e2",
        "e3",
        "e4",
    ]
