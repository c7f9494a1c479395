"""Memory: the proportional share (PSS) that Linux tells of a process."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

from bench.accept import BARE
from bench.case import Case, Effort, Missing, Pair, at_most
from bench.configs import Ports, Setting
from bench.pairs import accepted, bridge, delivered, script
from bench.servers import Server
from bench.targets import webhook_target

WARM_UP = 2000
COUNT = 100_000
SLICE = 5000


async def _idle(effort: Effort) -> AsyncGenerator[Pair, None]:
    """Both have answered once and then nothing more; a figure hardly differs, so there are few."""
    for _ in range(min(effort.slices, 3)):
        async with (
            webhook_target() as target,
            script("bare") as bare,
            bridge(Setting(Ports(webhook=target.port))) as running,
        ):
            await accepted(bare, 1)
            await delivered(running, 1, target)
            yield Pair(_pss_mb(bare), _pss_mb(running))


async def _growth(effort: Effort) -> AsyncGenerator[Pair, None]:
    async with webhook_target() as target, bridge(Setting(Ports(webhook=target.port))) as running:
        await delivered(running, effort.of(WARM_UP), target)
        first = _pss_mb(running)
        left = effort.of(COUNT)
        while left > 0:
            await delivered(running, min(left, SLICE), target)
            target.forget()
            left -= SLICE
        yield Pair(first, _pss_mb(running))


def _pss_mb(running: Server) -> float:
    try:
        text = Path(f"/proc/{running.pid}/smaps_rollup").read_text("ascii")
    except OSError:
        raise Missing("the memory of a process is read from Linux's /proc/PID/smaps_rollup") from None
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


CASES = (
    Case("memory", "memory at rest", BARE, "MB", _idle, at_most(2)),
    Case(
        "memory-growth",
        "memory after 100,000 delivered events",
        "after 2,000",
        "MB",
        _growth,
        at_most(1.03),
    ),
)
