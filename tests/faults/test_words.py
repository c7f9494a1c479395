"""Each word with a memory or a clock keeps its promise, whatever goes wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.pipeline.node import Point
from tests.faults.plays import PLAYS
from tests.faults.words import Play, Stage, give
from tests.faults.world import Trouble
from tests.support.clock import START
from tests.support.databases import postgres_server, schema_of

__all__ = ["postgres_server"]

SOON = timedelta(minutes=5)
"""How much later than it should a message may come: a lease has to run out where several nodes work."""
WINDOW = (Point.SENT, Point.RECORDING)
"""Where the destination has accepted what is not recorded: the one message may come again, under its id."""
MOST_POINTS = 60

every_play = pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.word)
every_store = pytest.mark.parametrize("store", ["sqlite", "postgresql"])


@every_play
async def test_calm(play: Play, tmp_path: Path) -> None:
    """The messages of the play, at their times, and no other."""
    async with staged(play, tmp_path, sqlite(tmp_path)) as (stage,):
        await give(play, [stage])
    assert [(came.at - START, came.text) for came in stage.came] == list(play.arrives)


@every_play
@every_store
async def test_restart(play: Play, store: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The same with a restart between any two steps."""

    async def restart(stage: Stage) -> None:
        await stage.restart(stage.rules, kill=False)

    with store_of(store, tmp_path, request) as url:
        async with staged(play, tmp_path, url) as (stage,):
            await give(play, [stage], between=restart)
    kept(play, stage)


@every_play
@pytest.mark.parametrize("point", Point)
async def test_crash(play: Play, point: Point, tmp_path: Path) -> None:
    """The same with an end at each time that work comes by a point, and a message once but for the window."""
    for nth in range(1, MOST_POINTS):
        folder = tmp_path / str(nth)
        folder.mkdir()
        async with staged(play, folder, sqlite(folder)) as (stage,):
            stage.trouble = Trouble(point=point, countdown=nth, ends=True)
            await give(play, [stage])
        kept(play, stage, repeats=int(point in WINDOW))
        if stage.life == 1:  # it never came by so often
            assert nth > 1 or not play.arrives or point is Point.GATHERED  # by what goes out together
            return
    pytest.fail("it goes on for ever")


@every_play
@every_store
async def test_duplicate(play: Play, store: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The same with every event twice at the same moment, and once more when what it led to is done."""
    with store_of(store, tmp_path, request) as url:
        async with staged(play, tmp_path, url) as (stage,):
            await give(play, [stage], again=True)
    kept(play, stage)


@every_play
@pytest.mark.parametrize("hours", [1, -1])
async def test_clock_change(play: Play, hours: int, tmp_path: Path) -> None:
    """The same with a clock that is an hour off whenever an event comes, and is set right after it."""
    async with staged(play, tmp_path, sqlite(tmp_path)) as (stage,):
        await give(play, [stage], off=timedelta(hours=hours))
    assert Counter(came.text for came in stage.came) == Counter(text for _, text in play.arrives)
    assert len({came.id for came in stage.came}) == len(stage.came)


@every_play
async def test_two_nodes(play: Play, tmp_path: Path, postgres_server: str) -> None:
    """The same with two nodes that get the events in turn, and look for work at the same moment."""
    with schema_of(postgres_server) as url:
        async with staged(play, tmp_path, url, nodes=2) as stages:
            await give(play, stages)
    kept(play, stages[0])


@asynccontextmanager
async def staged(play: Play, folder: Path, url: str, *, nodes: int = 1) -> AsyncIterator[Sequence[Stage]]:
    """Open a play on so many nodes."""
    loaded = play.load(folder)
    stages: list[Stage] = []
    try:
        for _ in range(nodes):
            stages.append(await Stage.opened(url, loaded, beside=stages[0] if stages else None))
            stages[-1].moods.update(play.moods)
        yield stages
    finally:
        for stage in stages:
            await stage.close()


@contextmanager
def store_of(store: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of an empty store."""
    if store == "sqlite":
        yield sqlite(folder)
        return
    with schema_of(request.getfixturevalue("postgres_server")) as url:
        yield url


def sqlite(folder: Path) -> str:
    """Return the URL of an empty file."""
    return f"sqlite:///{folder / 'bridge.db'}"


def kept(play: Play, stage: Stage, *, repeats: int = 0) -> None:
    """Check that what should arrive did: once, in its order, not before its time and not much later.

    Up to `repeats` messages may have come again, under their own ids.
    """
    first = list({came.id: came for came in reversed(stage.came)}.values())[::-1]
    assert len(stage.came) - len(first) <= repeats
    assert Counter(came.text for came in first) == Counter(text for _, text in play.arrives)
    for (at, _), came in zip(play.arrives, sorted(first, key=lambda each: each.at), strict=True):
        assert timedelta() <= came.at - START - at <= SOON
