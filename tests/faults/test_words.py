"""Each word with a memory or a clock keeps its promise, whatever goes wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.pipeline.node import Point
from tests.faults import giving
from tests.faults.giving import Given, sqlite
from tests.faults.plays import PLAYS
from tests.faults.words import Play
from tests.support.clock import START
from tests.support.databases import postgres_server, schema_of

__all__ = ["postgres_server"]

PAGE = Path(__file__).parents[2] / "docs/explanation/promises.md"
every_play = pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.word)
every_way = pytest.mark.parametrize("at_once", [False, True], ids=["in turn", "at once"])
every_store = pytest.mark.parametrize("store", ["sqlite", "postgresql"])


@every_play
@every_way
async def test_calm(play: Play, tmp_path: Path, *, at_once: bool) -> None:
    """The messages of the play, at their times, and no other."""
    given = await giving.calmly(play, tmp_path, sqlite(tmp_path), at_once=at_once)
    assert [(came.at - START, came.text) for came in given.came] == list(play.arrives)


@every_play
@every_store
async def test_restart(play: Play, store: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The same with a restart between any two steps."""
    with store_of(store, tmp_path, request) as url:
        kept(await giving.with_restarts(play, tmp_path, url))


@every_play
@every_way
@pytest.mark.parametrize("point", Point)
async def test_crash(play: Play, point: Point, tmp_path: Path, *, at_once: bool) -> None:
    """The same with an end at each time that work comes by a point, and a message once but for the window."""
    crashes = [given async for given in giving.with_crashes(play, tmp_path, point, at_once=at_once)]
    for given in crashes:
        kept(given)
    assert crashes or not play.arrives or point is Point.GATHERED  # what goes out alone is not gathered


@every_play
@every_store
async def test_duplicate(play: Play, store: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The same with every event three times."""
    with store_of(store, tmp_path, request) as url:
        kept(await giving.with_duplicates(play, tmp_path, url))


@every_play
async def test_duplicate_at_once(play: Play, tmp_path: Path) -> None:
    """The same where events are decided before they are stored."""
    kept(await giving.with_duplicates(play, tmp_path, sqlite(tmp_path), at_once=True))


@every_play
@pytest.mark.parametrize("hours", [1, -1])
async def test_clock_change(play: Play, hours: int, tmp_path: Path) -> None:
    """The same messages with a clock that is an hour off whenever an event comes."""
    kept(await giving.with_wrong_clock(play, tmp_path, sqlite(tmp_path), timedelta(hours=hours)))


@every_play
async def test_two_nodes(play: Play, tmp_path: Path, postgres_server: str) -> None:
    """The same with two nodes that share the work."""
    with schema_of(postgres_server) as url:
        kept(await giving.on_two_nodes(play, tmp_path, url))


def test_the_table_in_the_documentation_has_every_word() -> None:
    """Whoever adds a play makes the table anew: `python -m tests.faults.table`."""
    table = PAGE.read_text("utf-8").partition("| words | restart |")[2]
    assert re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE) == [play.word for play in PLAYS]


@contextmanager
def store_of(store: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of an empty store."""
    if store == "sqlite":
        yield sqlite(folder)
        return
    with schema_of(request.getfixturevalue("postgres_server")) as url:
        yield url


def kept(given: Given) -> None:
    """Check that what should arrive did, and when."""
    assert given.is_kept, given.came
