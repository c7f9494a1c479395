"""The claim loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from bridge.pipeline.worker import Worker
from bridge.store.database import StoreUnavailable
from tests.support.clock import FakeClock
from tests.support.pipeline import RecordingLog


class Bench:
    """Items that wait, and a worker that takes them."""

    def __init__(
        self,
        handle: Callable[[int], Awaitable[None]],
        *,
        hands: int = 2,
        together: int = 1,
        least: int = 1,
    ) -> None:
        async def handle_all(items: Sequence[int]) -> None:
            self.together.append(len(items))
            for item in items:
                await handle(item)

        self.together: list[int] = []
        self.waiting: list[int] = []
        self.claims = 0
        self.busy: Sequence[int] = ()
        self.away = False
        self.open = asyncio.Event()
        self.open.set()
        self.clock = FakeClock()
        self.log = RecordingLog()
        self.worker = Worker(
            "test",
            claim=self.claim,
            handle=handle_all,
            hands=hands,
            together=together,
            least=least,
            clock=self.clock,
            log=self.log,
        )

    async def claim(self, limit: int, busy: Sequence[int]) -> Sequence[int]:
        self.claims += 1
        self.busy = busy
        if self.away:
            raise StoreUnavailable("away")
        await self.open.wait()
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken


async def _nothing(_: int) -> None:
    """Do nothing."""


async def settle() -> None:
    """Let everything that can run, run."""
    for _ in range(20):
        await asyncio.sleep(0)


async def running(bench: Bench) -> asyncio.Task[None]:
    task = asyncio.create_task(bench.worker.run())
    await settle()
    return task


async def test_a_wake_up_brings_work_at_once_and_the_poll_brings_it_anyway() -> None:
    """A lost wake-up costs a poll, not an item."""
    done: list[int] = []

    async def handle(item: int) -> None:
        done.append(item)

    bench = Bench(handle)
    task = await running(bench)
    bench.waiting = [1]
    bench.worker.wake()
    await settle()
    assert done == [1]
    bench.waiting = [2]
    await settle()
    assert done == [1]
    bench.clock.advance(seconds=1)
    await settle()
    assert done == [1, 2]
    await bench.worker.stop(1)
    await task


async def test_no_more_is_claimed_than_there_are_free_hands() -> None:
    """What nobody can work on stays in the store, for other nodes."""
    gate = asyncio.Event()
    started: list[int] = []

    async def handle(item: int) -> None:
        started.append(item)
        await gate.wait()

    bench = Bench(handle, hands=2)
    bench.waiting = [1, 2, 3, 4]
    task = await running(bench)
    assert (started, bench.waiting) == ([1, 2], [3, 4])
    gate.set()
    await settle()
    assert started == [1, 2, 3, 4]
    await bench.worker.stop(1)
    await task


async def test_nothing_is_claimed_for_a_few_free_hands_while_others_are_at_work() -> None:
    """Nor at a poll: what is at work is enough to go on with. Whoever is idle takes a single item at once."""
    gates = {number: asyncio.Event() for number in range(8)}

    async def handle(item: int) -> None:
        await gates[item].wait()

    bench = Bench(handle, hands=4, least=2)
    task = await running(bench)
    bench.waiting = [0]
    bench.worker.wake()
    await settle()
    assert bench.worker.is_idle is False
    bench.waiting = [1, 2, 3, 4, 5, 6]
    bench.worker.wake()
    await settle()
    claims = bench.claims
    assert bench.waiting == [4, 5, 6]
    gates[0].set()
    await settle()
    bench.clock.advance(seconds=1)
    await settle()
    assert (bench.claims, bench.waiting) == (claims, [4, 5, 6])
    gates[1].set()
    await settle()
    assert (bench.claims, bench.waiting) == (claims + 1, [6])
    for gate in gates.values():
        gate.set()
    await settle()
    assert bench.waiting == []
    await bench.worker.stop(1)
    await task


async def test_a_claim_is_told_what_is_being_worked_on() -> None:
    """What is in somebody's hands here is not taken a second time, even when its lease has run out."""
    gate = asyncio.Event()

    async def handle(item: int) -> None:
        await gate.wait()

    bench = Bench(handle, hands=3)
    bench.waiting = [1, 2]
    task = await running(bench)
    bench.clock.advance(seconds=1)
    await settle()
    assert list(bench.busy) == [1, 2]
    gate.set()
    await settle()
    bench.clock.advance(seconds=1)
    await settle()
    assert list(bench.busy) == []
    await bench.worker.stop(1)
    await task


async def test_the_loop_outlives_a_store_that_is_away() -> None:
    """It tries again at the next poll."""
    done: list[int] = []

    async def handle(item: int) -> None:
        done.append(item)

    bench = Bench(handle)
    bench.away = True
    bench.waiting = [1]
    task = await running(bench)
    assert done == []
    bench.away = False
    bench.clock.advance(seconds=1)
    await settle()
    assert done == [1]
    assert bench.log.events("warning") == ["no work taken, the store cannot be used"]
    await bench.worker.stop(1)
    await task


async def test_stop_lets_work_finish_until_the_deadline_then_cancels_it() -> None:
    """A cancelled item's lease is given back; it is done again, not lost."""
    gate = asyncio.Event()
    ended: list[str] = []

    async def handle(item: int) -> None:
        try:
            await (gate.wait() if item == 1 else asyncio.Event().wait())
            ended.append(f"{item} finished")
        except asyncio.CancelledError:
            ended.append(f"{item} cancelled")
            raise

    bench = Bench(handle)
    bench.waiting = [1, 2, 3]
    task = await running(bench)
    gate.set()
    await bench.worker.stop(0.01)
    await task
    assert ended == ["1 finished", "2 cancelled"]
    assert bench.waiting == [3]


async def test_what_is_claimed_while_stopping_is_not_started() -> None:
    """Its lease is given back by the owner; starting it would outlive the store."""
    done: list[int] = []
    answer = asyncio.Event()

    async def handle(items: Sequence[int]) -> None:
        done.extend(items)

    async def slow_claim(limit: int, busy: Sequence[int]) -> Sequence[int]:
        await answer.wait()
        return [1]

    bench = Bench(_nothing)
    worker = Worker("test", claim=slow_claim, handle=handle, hands=1, clock=bench.clock, log=bench.log)
    task = asyncio.create_task(worker.run())
    await settle()
    await worker.stop(0)
    answer.set()
    await task
    assert done == []


async def test_drain_returns_when_nothing_is_due() -> None:
    """Commands that run once end by themselves, with everything done."""
    done: list[int] = []

    async def handle(item: int) -> None:
        await asyncio.sleep(0)
        done.append(item)

    bench = Bench(handle)
    bench.waiting = list(range(7))
    assert await bench.worker.drain()
    assert sorted(done) == list(range(7))
    assert not await bench.worker.drain()


async def test_a_look_at_the_store_that_nobody_asked_for_sends_no_new_item_the_long_way() -> None:
    """Otherwise, with items coming all the time, one look would lead to the next for as long as they come."""
    done: list[int] = []

    async def handle(item: int) -> None:
        done.append(item)

    bench = Bench(handle)
    task = await running(bench)
    bench.open.clear()
    bench.waiting = [1]
    bench.clock.advance(seconds=1)
    await settle()
    assert bench.claims == 2
    assert bench.worker.reserve()
    bench.worker.begin(2)
    await settle()
    bench.open.set()
    await settle()
    assert done == [2, 1]
    assert bench.worker.is_quiet
    await bench.worker.stop(1)
    await task


async def test_what_is_known_to_wait_has_its_turn_first() -> None:
    """Whoever is refused stores without a lease, and is claimed behind what waited."""
    gate = asyncio.Event()

    async def handle(item: int) -> None:
        await gate.wait()

    bench = Bench(handle, hands=2)
    bench.waiting = [1, 2, 3]
    task = await running(bench)
    assert not bench.worker.reserve()
    gate.set()
    await settle()
    assert bench.waiting == []
    assert bench.worker.reserve()
    bench.worker.let_go()
    bench.worker.wake()
    assert not bench.worker.reserve()
    await settle()
    await bench.worker.stop(1)
    await task


async def test_where_order_counts_nothing_passes_a_look_but_it_is_waited_for() -> None:
    """The look mostly finds nothing; if it does find something, that is finished first."""
    gate = asyncio.Event()

    async def handle(item: int) -> None:
        await gate.wait()

    bench = Bench(handle)
    task = await running(bench)
    bench.open.clear()
    bench.clock.advance(seconds=1)
    await settle()
    assert bench.worker.settles
    settled = asyncio.create_task(bench.worker.settled(60))
    await settle()
    bench.waiting = [1]
    bench.open.set()
    await settle()
    assert not settled.done()
    gate.set()
    await settle()
    assert settled.done()
    assert bench.worker.is_quiet
    bench.open.clear()
    bench.clock.advance(seconds=1)
    await settle()
    assert not bench.worker.reserve(in_order=True)
    bench.open.set()
    await settle()
    await bench.worker.stop(1)
    await task


async def test_nobody_waits_for_what_waits_in_the_store() -> None:
    """A backlog is worked off for long; what comes meanwhile goes behind it at once."""

    async def handle(item: int) -> None:
        await asyncio.Event().wait()

    bench = Bench(handle)
    bench.waiting = [1]
    task = await running(bench)
    settled = asyncio.create_task(bench.worker.settled(60))
    await settle()
    assert not settled.done()
    bench.waiting = [2, 3]
    bench.worker.wake()
    await settle()
    assert settled.done()
    assert not bench.worker.settles
    await bench.worker.stop(0)
    await task


async def test_nothing_overtakes_what_waits_while_what_was_claimed_is_got_ready() -> None:
    """What is got ready has its hands already; what is not ready then, or after a stop, is not started."""
    handled, may_end = list[int](), asyncio.Event()

    async def handle(item: int) -> None:
        handled.append(item)

    async def prepare(items: Sequence[int]) -> Sequence[int]:
        await may_end.wait()
        return [item for item in items if item != 2]

    bench = Bench(handle, hands=2)
    bench.worker.prepare = prepare
    bench.waiting = [1, 2, 3]
    task = await running(bench)
    assert (bench.waiting, handled) == ([3], [])
    assert not bench.worker.is_idle
    assert not bench.worker.reserve(), "older items wait in the store"
    may_end.set()
    await settle()
    assert handled == [1, 3]
    assert bench.worker.is_quiet, "the hand of what was not ready is free again"
    may_end.clear()
    bench.waiting = [4]
    bench.worker.wake()
    await settle()
    await bench.worker.stop(0)
    may_end.set()
    await task
    assert handled == [1, 3]
