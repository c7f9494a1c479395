"""What arrives before the bridge is ready is stored, and dispatched when it is."""

from __future__ import annotations

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
    lobby.lead_to(pipeline.engine.inlet, pipeline.engine.alarm.refused)
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
    lobby.lead_to(Pipeline(database, [], {}).engine.inlet, hear)
    await lobby.refused("eduzz", "late")
    assert heard == [("eduzz", "late")]
