"""One timer for many tasks that each have a time limit."""

from __future__ import annotations

import asyncio

import pytest

from bridge.time_limit import TimeLimit
from tests.support.loop_time import pass_time


async def _within(limit: TimeLimit, seconds: float) -> str:
    try:
        with limit:
            await asyncio.sleep(seconds)
    except TimeoutError:
        return "late"
    await asyncio.sleep(0)  # nothing of it is left
    return "done"


async def _passed(seconds: float) -> None:
    """Let so much time pass, and whoever is woken by it run."""
    for _ in range(5):  # whoever began has come to its wait
        await asyncio.sleep(0)
    pass_time(seconds)
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_takes_too_long_is_stopped_and_the_others_are_not() -> None:
    """Whenever each began."""
    limit = TimeLimit(500)
    early = [asyncio.create_task(_within(limit, seconds)) for seconds in (0, 30_000, 100)]
    await _passed(300)
    later = [asyncio.create_task(_within(limit, seconds)) for seconds in (300, 30_000)]
    await _passed(210)
    assert [task.done() for task in (*early, *later)] == [True, True, True, False, False]
    await _passed(100)
    assert [task.done() for task in later] == [True, False]
    await _passed(200)
    assert await asyncio.gather(*early, *later) == ["done", "late", "done", "done", "late"]


async def test_a_task_may_have_one_limit_after_the_other() -> None:
    """The first one's end is not the second one's."""
    limit = TimeLimit(500)
    for _ in range(5):
        task = asyncio.create_task(_within(limit, 300))
        await _passed(310)
        assert await task == "done"


async def test_a_cancellation_from_elsewhere_goes_its_way() -> None:
    """It is none of ours, also when the time is over in the same moment."""
    limit = TimeLimit(500)
    task = asyncio.create_task(_within(limit, 30))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    both = asyncio.create_task(_within(limit, 30))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(500, both.cancel)
    pass_time(501)
    with pytest.raises(asyncio.CancelledError):
        await both


async def test_what_has_come_by_the_time_it_is_looked_for_is_not_late() -> None:
    """A process that stood still for longer than the limit finds the answer beside the end of its time."""
    limit, loop = TimeLimit(500), asyncio.get_running_loop()
    answers: list[asyncio.Future[str]] = [loop.create_future() for _ in range(2)]

    async def heard(answer: asyncio.Future[str]) -> str:
        with limit:
            return await answer

    tasks = [asyncio.create_task(heard(answer)) for answer in answers]
    for _ in range(5):  # both wait
        await asyncio.sleep(0)
    loop.call_soon(answers[0].set_result, "an answer")  # as a socket does, in the turn of the timer
    pass_time(501)
    for _ in range(5):
        await asyncio.sleep(0)
    assert [task.done() for task in tasks] == [True, True]
    assert await tasks[0] == "an answer"
    with pytest.raises(TimeoutError):
        await tasks[1]


async def test_what_raises_raises() -> None:
    """The block's own error is the caller's."""
    limit = TimeLimit(1)
    with pytest.raises(LookupError), limit:
        raise LookupError
