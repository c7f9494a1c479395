"""Gives plays over a real store: calmly, with restarts, crashes, duplicates, a wrong clock, on two nodes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bridge.pipeline.node import Point
from tests.faults.words import Came, Play, Stage
from tests.faults.world import Trouble
from tests.support.clock import START

MOST_POINTS = 90
MOST_MOMENTS = 500
SOON = timedelta(minutes=5)
"""How much later than it should a message may come: a lease has to run out where several nodes work."""
WINDOW = (Point.SENT, Point.RECORDING)
"""Where the destination has accepted what is not recorded: the one message may come again, under its id."""


@dataclass(frozen=True)
class Given:
    """What came of giving a play: the messages, in how many lives, and how many of them may come again.

    With a clock that is not `right`, when they come says nothing.
    """

    play: Play
    came: tuple[Came, ...]
    lives: int
    may_repeat: int = 0
    right: bool = True

    @property
    def first(self) -> list[Came]:
        """Each message, when it came first."""
        return sorted({came.id: came for came in reversed(self.came)}.values(), key=lambda came: came.at)

    @property
    def repeats(self) -> int:
        """How many came again, under their own ids."""
        return len(self.came) - len(self.first)

    @property
    def is_kept(self) -> bool:
        """Whether what should arrive did, and nothing else, once but for the window, and in time."""
        wanted = Counter(text for _, text in self.play.arrives)
        complete = Counter(came.text for came in self.first) == wanted
        return complete and self.repeats <= self.may_repeat and (self._in_time() or not self.right)

    def _in_time(self) -> bool:
        """Return whether each came in its order, not before its time and not much later."""
        late = [came.at - START - at for (at, _), came in zip(self.play.arrives, self.first, strict=True)]
        return all(timedelta() <= each <= SOON for each in late)


Way = Callable[[Play, Path, str], Awaitable[Given]]
"""How a play may be given: with its folder and the URL of an empty store."""


async def calmly(play: Play, folder: Path, url: str, *, at_once: bool = False) -> Given:
    """Give a play with nothing going wrong; `at_once` on the short way."""
    return await _given(play, folder, url, at_once=at_once)


async def with_restarts(play: Play, folder: Path, url: str) -> Given:
    """Give it with a restart between any two steps."""

    async def restart(stage: Stage) -> None:
        await stage.restart(stage.rules, kill=False)

    return await _given(play, folder, url, between=restart)


async def with_crashes(
    play: Play, folder: Path, point: Point, *, at_once: bool = False
) -> AsyncIterator[Given]:
    """Give it on SQLite as often as work comes by a point, ending there one time later each time."""
    for nth in range(1, MOST_POINTS):
        own = folder / f"{point}-{nth}-{at_once}"
        own.mkdir()
        trouble = Trouble(point=point, countdown=nth, ends=True)
        given = await _given(
            play, own, sqlite(own), trouble=trouble, may_repeat=int(point in WINDOW), at_once=at_once
        )
        if given.lives == 1:  # it never came by so often
            return
        yield given
    raise AssertionError("it goes on for ever")


async def with_duplicates(play: Play, folder: Path, url: str, *, at_once: bool = False) -> Given:
    """Give it with each event twice at the same moment, and once more when what it led to is done."""
    return await _given(play, folder, url, again=True, at_once=at_once)


async def with_wrong_clock(play: Play, folder: Path, url: str, off: timedelta) -> Given:
    """Give it with a clock that is wrong by so much whenever an event comes, and is set right after it."""
    return await _given(play, folder, url, off=off)


async def on_two_nodes(play: Play, folder: Path, url: str) -> Given:
    """Give it on two nodes that get the events in turn, and look for work at the same moment."""
    return await _given(play, folder, url, nodes=2)


async def _given(
    play: Play,
    folder: Path,
    url: str,
    *,
    nodes: int = 1,
    trouble: Trouble | None = None,
    may_repeat: int = 0,
    between: Callable[[Stage], Awaitable[None]] | None = None,
    again: bool = False,
    off: timedelta = timedelta(),
    at_once: bool = False,
) -> Given:
    async with staged(play, folder, url, nodes=nodes, at_once=at_once) as stages:
        stages[0].trouble = trouble or Trouble()
        await give(play, stages, between=between, again=again, off=off)
    return Given(play, tuple(stages[0].came), stages[0].life, may_repeat, right=not off)


@asynccontextmanager
async def staged(
    play: Play, folder: Path, url: str, *, nodes: int = 1, at_once: bool = False
) -> AsyncIterator[Sequence[Stage]]:
    """Open a play on so many nodes."""
    loaded = play.load(folder)
    stages: list[Stage] = []
    try:
        for _ in range(nodes):
            beside = stages[0] if stages else None
            stages.append(await Stage.opened(url, loaded, beside, at_once=at_once))
            stages[-1].moods.update(play.moods)
        yield stages
    finally:
        for stage in stages:
            await stage.close()


def sqlite(folder: Path) -> str:
    """Return the URL of an empty file."""
    return f"sqlite:///{folder / 'bridge.db'}"


async def give(
    play: Play,
    stages: Sequence[Stage],
    *,
    between: Callable[[Stage], Awaitable[None]] | None = None,
    again: bool = False,
    off: timedelta = timedelta(),
) -> None:
    """Give a play to its end: each event at its time, and everything else when it is due.

    `between` is done before each step; with `again` each event comes three times; `off` is how wrong the
    clock is while an event comes.
    """
    clock = stages[0].clock
    for number, comes in enumerate(play.comes):
        await go_on(stages, START + comes.after, between)
        clock.jump(seconds=off.total_seconds())
        stage, body = stages[number % len(stages)], comes.body(number)
        await stage.take(*([body] * (2 if again else 1)))
        await work(stages)
        if again:
            await stage.take(body)
            await work(stages)
        clock.jump(seconds=-off.total_seconds())
    await go_on(stages, START + play.until, between)


async def go_on(
    stages: Sequence[Stage], until: datetime, between: Callable[[Stage], Awaitable[None]] | None
) -> None:
    """Go from one moment of work to the next, and to `until` at last."""
    for _ in range(MOST_MOMENTS):
        found = [moment for stage in stages if (moment := await stage.next_at()) is not None]
        moment = min([until, *found])
        wait = (moment - stages[0].clock.now()).total_seconds()
        stages[0].clock.advance(seconds=max(wait, 0))
        for stage in stages if between else ():
            assert between
            await between(stage)
        await work(stages)
        if moment == until:
            return
    raise AssertionError("there is no end of it")


async def work(stages: Sequence[Stage]) -> None:
    """Let all nodes do what is due, side by side."""
    if len(stages) == 1:
        await stages[0].work()
    else:
        await asyncio.gather(*(stage.work() for stage in stages))
