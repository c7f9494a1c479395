"""What most cases share: a bridge beside something else, asked in turns while the other one rests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import events
from bench.case import Effort, Pair
from bench.configs import Setting
from bench.load import Run, post_all
from bench.servers import MEASURED, Server, free_port, python, server
from bench.targets import Arrivals

CONNECTIONS = 32
QUIET_SHARE = 0.05
LOOK_S = 0.1
PATIENCE_S = 60.0


@asynccontextmanager
async def folder() -> AsyncIterator[Path]:
    """Give a folder of its own for the block."""
    with TemporaryDirectory(prefix="bridge-bench-") as name:
        yield Path(name)


@asynccontextmanager
async def bridge(
    setting: Setting,
    place: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    cores: Sequence[int] = (MEASURED,),
) -> AsyncIterator[Server]:
    """Run the whole program, in `place` or in a folder of its own."""
    async with folder() as own:
        where = place or own
        port = setting.write(where)
        command = python("-m", "bridge", "run")
        async with server(*command, folder=where, port=port, environment=environment, cores=cores) as running:
            yield running


@asynccontextmanager
async def script(
    name: str, *words: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Server]:
    """Run `bench.<name> PORT words…`."""
    async with folder() as place:
        port = free_port()
        command = python("-m", f"bench.{name}", str(port), *words)
        async with server(*command, folder=place, port=port, environment=environment) as running:
            yield running


async def in_turns(
    effort: Effort, base: Callable[[], Awaitable[float]], ours: Callable[[], Awaitable[float]]
) -> AsyncGenerator[Pair, None]:
    """Yield a pair for every slice, after one that warms both up and is thrown away."""
    for slice_ in range(effort.slices + 1):
        pair = Pair(await base(), await ours())
        if slice_:
            yield pair


async def accepted(
    running: Server, count: int, *, connections: int = CONNECTIONS, close: bool = False
) -> Run:
    """Post so many events and check that all were taken; then wait until the program rests."""
    requests = events.requests(running.port, count, close=close)
    run = checked(await post_all(running.port, requests, connections=connections, close=close), running)
    await quiet(running)
    return run


async def delivered(
    running: Server, count: int, target: Arrivals, *, until: int | None = None, close: bool = False
) -> float:
    """Post so many events and wait for their messages; return messages per second, from end to end.

    `until` is how many the target must have in all, if more are on their way than belong to these events.
    """
    requests = events.requests(running.port, count, close=close)
    before = target.count
    began = time.perf_counter()
    checked(await post_all(running.port, requests, connections=CONNECTIONS, close=close), running)
    await target.until(until or before + count)
    rate = (target.count - before) / (time.perf_counter() - began)
    await quiet(running)
    return rate


def checked(run: Run, running: Server) -> Run:
    """Return the run if every request was taken; raises `RuntimeError` with the program's last words."""
    if run.failures:
        log = (running.folder / "program.log").read_text("utf-8")[-2000:]
        raise RuntimeError(f"{log}\n{run.failures} of {len(run.latencies)} requests were not taken")
    return run


async def quiet(running: Server) -> None:
    """Return when the program hardly computes, so that it does not disturb what is measured next."""
    before = cpu_s(running.pid)
    for _ in range(round(PATIENCE_S / LOOK_S)):
        await asyncio.sleep(LOOK_S)
        now = cpu_s(running.pid)
        if now - before <= QUIET_SHARE * LOOK_S:
            return
        before = now


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process; /proc counts it in hundredths of a second, or schedstat in ns."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text("ascii").split()[0])
    return total / 1e9
