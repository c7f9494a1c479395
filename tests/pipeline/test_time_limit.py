"""One timer for many tasks that each have a time limit."""

from __future__ import annotations

import asyncio

import pytest

from bridge.pipeline.time_limit import TimeLimit


async def _within(limit: TimeLimit, seconds: float) -> str:
    try:
        with limit:
            await asyncio.sleep(seconds)
    except TimeoutError:
        return "late"
    await asyncio.sleep(0)  # nothing of it is left
    return "done"


async def test_who_takes_too_long_is_stopped_and_the_others_are_not() -> None:
    """Whenever each began."""
    limit = TimeLimit(0.05)
    early = [asyncio.create_task(_within(limit, seconds)) for seconds in (0.0, 30.0, 0.01)]
    await asyncio.sleep(0.03)
    later = [asyncio.create_task(_within(limit, seconds)) for seconds in (0.03, 30.0)]
    assert await asyncio.gather(*early, *later) == ["done", "late", "done", "done", "late"]


async def test_a_task_may_have_one_limit_after_the_other() -> None:
    """The first one's end is not the second one's."""
    limit = TimeLimit(0.1)
    for _ in range(5):
        assert await _within(limit, 0.03) == "done"


async def test_a_cancellation_from_elsewhere_goes_its_way() -> None:
    """It is none of ours, also when the time is over in the same moment."""
    limit = TimeLimit(0.02)
    task = asyncio.create_task(_within(limit, 30))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    both = asyncio.create_task(_within(limit, 30))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_at(asyncio.get_running_loop().time() + 0.02, both.cancel)
    with pytest.raises(asyncio.CancelledError):
        await both


async def test_what_raises_raises() -> None:
    """The block's own error is the caller's."""
    limit = TimeLimit(1)
    with pytest.raises(LookupError), limit:
        raise LookupError
