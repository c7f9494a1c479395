"""Turns: so many at once, in order, and none is lost."""

from __future__ import annotations

import asyncio

from bridge.pipeline.turns import Turns


async def _has(turns: Turns, name: str, seen: list[str], ends: asyncio.Event) -> None:
    if not turns.take():
        await turns.wait()
    try:
        seen.append(name)
        await ends.wait()
    finally:
        turns.end()


async def _turned() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_so_many_have_a_turn_and_the_others_come_in_their_order() -> None:
    """One that came later does not overtake."""
    turns, seen = Turns(2), list[str]()
    ends = [asyncio.Event() for _ in range(4)]
    tasks = [
        asyncio.create_task(_has(turns, name, seen, end)) for name, end in zip("abcd", ends, strict=True)
    ]
    await _turned()
    assert seen == ["a", "b"]
    ends[1].set()
    assert not turns.take()
    await _turned()
    assert seen == ["a", "b", "c"]
    for end in ends:
        end.set()
    await asyncio.gather(*tasks)
    assert seen == ["a", "b", "c", "d"]
    assert turns.take()
    assert turns.take()
    assert not turns.take()


async def test_a_turn_that_comes_to_one_who_is_cancelled_goes_on() -> None:
    """Whether the cancellation comes while it waits or in the moment in which it has its turn."""
    turns, seen = Turns(1), list[str]()
    assert turns.take()
    ends = [asyncio.Event() for _ in range(3)]
    waits, given, last = [
        asyncio.create_task(_has(turns, name, seen, end)) for name, end in zip("abc", ends, strict=True)
    ]
    await _turned()
    waits.cancel()
    turns.end()  # to the first of them that is not cancelled
    given.cancel()
    await _turned()
    assert seen == ["c"]
    ends[2].set()
    await last
    assert turns.take()
