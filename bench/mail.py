"""E-mail over one connection, beside the library it is sent with, which is given the very bytes."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from bench.case import Case, Effort, Pair, at_least
from bench.configs import EMAIL, Ports, Setting
from bench.pairs import bridge, delivered, folder, in_turns
from bench.servers import MEASURED, ROOT, pinned, python
from bench.targets import smtp_target

COUNT = 500
BASE = "aiosmtplib sending ready bytes"
SLOW_S = 0.005


def _mail(seconds: float, amount: int) -> Callable[[Effort], AsyncGenerator[Pair, None]]:
    """`seconds` is what the server takes to accept a message."""

    async def measure(effort: Effort) -> AsyncGenerator[Pair, None]:
        count = effort.of(amount)
        async with (
            smtp_target(seconds) as target,
            folder() as place,
            bridge(Setting(Ports(smtp=target.port), [EMAIL])) as running,
        ):
            await delivered(running, 20, target)
            message = place / "message"
            message.write_bytes(target.came[-1][1])
            async for pair in in_turns(
                effort,
                lambda: _alone(target.port, count, message),
                lambda: delivered(running, count, target),
            ):
                yield pair

    return measure


async def _alone(port: int, count: int, message: Path) -> float:
    process = await asyncio.create_subprocess_exec(
        *python("-m", "bench.mailing", str(port), str(count), str(message)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        preexec_fn=pinned(MEASURED),
    )
    out, _ = await process.communicate()
    return float(out)


CASES = (
    Case(
        "mail",
        "e-mail over one connection, end to end",
        BASE,
        "messages/s",
        _mail(0.0, COUNT),
        at_least(0.85),
        "the mail server answers at once, and both run on one core",
    ),
    Case(
        "mail-5ms",
        "e-mail over one connection to a server that takes 5 ms for each, end to end",
        BASE,
        "messages/s",
        _mail(SLOW_S, 200),
    ),
)
