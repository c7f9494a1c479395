"""How many machine instructions an event costs, counted by valgrind: a busy machine does not blur them.

`python -m bench.instructions [accept] [end-to-end] [backlog] [e-mail]`. The servers run under callgrind;
after a warm-up so many events go in. What an idle server spends in the same time, which valgrind makes
fifty times longer, is taken off. All threads count; what the kernel does for them does not. Of `backlog`,
the events come while the channel is paused, and only what it costs to send their messages afterwards is
counted.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from bench import events
from bench.case import Effort, Missing, Pair
from bench.configs import EMAIL, WEBHOOK, Ports, Setting
from bench.load import post_all
from bench.servers import MEASURED, OURS, Server, free_port, pin, python, server, variables
from bench.targets import Arrivals, smtp_target, webhook_target

CONNECTIONS = 32
WARM_UP = 200
COUNT = 400
FEW = 64
"""Also sent alone and taken off, with what opening the connections costs."""
IDLE_S = 3.0
PATIENCE_S = 180.0
AT_REST = 5_000_000
"""Instructions a second that a program spends at most when it has nothing to do."""
_STANDING = (
    "SELECT state, count(*), min(ready_at), min(lease), max(attempts) FROM deliveries GROUP BY state",
    "SELECT state, count(*), min(leased_until), max(tries) FROM inbox GROUP BY state",
    "SELECT outcome, reason, count(*) FROM attempts GROUP BY outcome, reason",
    "SELECT * FROM channel_states",
)
CASES = ("bare", "accept", "end-to-end", "backlog", "e-mail")
_bare: dict[tuple[int, int], float] = {}


@dataclass(frozen=True, slots=True)
class Counted:
    """What one server spent on each event, and in a second of doing nothing."""

    per_event: float
    idle_per_s: float
    profile: str


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.instructions", description=__doc__)
    parser.add_argument("case", nargs="*", default=list(CASES), help=f"of {', '.join(CASES)}; default: all")
    parser.add_argument("--count", type=int, default=COUNT, help=f"events counted (default {COUNT})")
    parser.add_argument("--top", type=int, default=0, metavar="N", help="also list the N dearest C functions")
    given = parser.parse_args()
    pin(OURS)
    asyncio.run(_print(given.case, given.count, given.top))


async def _print(cases: list[str], count: int, top: int) -> None:
    bare = (await counted("bare", count, top)).per_event
    print(f"{'bare':<12} {bare:>12,.0f} instructions per event", flush=True)
    for case in cases:
        if case != "bare":
            found = await counted(case, count, top)
            ratio = found.per_event / bare
            print(f"{case:<12} {found.per_event:>12,.0f} instructions per event, {ratio:.2f} of bare; "
                  f"{found.idle_per_s:,.0f} a second at rest", flush=True)  # fmt: skip
            print(found.profile, end="")


async def counted_in_turns(case: str, effort: Effort) -> AsyncGenerator[Pair, None]:
    """Yield bare's figure and the bridge's; they hardly differ from slice to slice, so there are few."""
    if not shutil.which("valgrind"):
        raise Missing("valgrind is not installed")
    count = effort.of(COUNT, least=300)
    for turn in range(max(1, effort.slices // 3)):
        key = (turn, count)
        if key not in _bare:  # the same for both cases of a run
            _bare[key] = (await counted("bare", count)).per_event
        yield Pair(_bare[key], (await counted(case, count)).per_event)


async def counted(case: str, count: int, top: int = 0) -> Counted:
    """Count one of `CASES` over so many events."""
    with tempfile.TemporaryDirectory(prefix="bridge-bench-") as name:
        folder = Path(name)
        serving = smtp_target() if case == "e-mail" else webhook_target()
        async with serving as target, _server(case, folder, target.port) as running:
            counting = _counting(case, running, target)
            await _callgrind("-i", "on", running)
            await counting(WARM_UP)
            await _rested(running)
            rest = await _spent(running, asyncio.sleep(IDLE_S))
            await _callgrind("-z", "", running)
            few, many = await counting(FEW), await counting(FEW + count)
            profile = await _profile(running, folder, top) if top else ""
    idle_per_s = rest.instructions / rest.seconds
    busy = (many.instructions - few.instructions) - idle_per_s * (many.seconds - few.seconds)
    return Counted(busy / count, idle_per_s, profile)


@dataclass(frozen=True, slots=True)
class _Spent:
    instructions: int
    seconds: float


def _counting(case: str, running: Server, target: Arrivals) -> Callable[[int], Awaitable[_Spent]]:
    """Return what takes so many events as far as the case goes, and says what was spent on that."""
    if case == "backlog":
        return lambda count: _drained(running, count, target)
    arriving = target if case in ("end-to-end", "e-mail") else None
    return lambda count: _spent(running, _send(running, count, arriving))


async def _drained(running: Server, count: int, target: Arrivals) -> _Spent:
    wanted = target.count + count
    await _channel("pause", running)
    await _send(running, count, None)
    await _rested(running)

    async def drain() -> None:
        await _channel("resume", running)
        await target.until(wanted, patience_s=PATIENCE_S)

    return await _spent(running, drain())


async def _channel(command: str, running: Server) -> None:
    words = python("-m", "bridge", "channels", command, "crm")
    process = await asyncio.create_subprocess_exec(
        *words, cwd=running.folder, env=variables(), stdout=subprocess.DEVNULL
    )
    if await process.wait():
        raise SystemExit(f"the channel could not be told to {command}")


async def _spent(running: Server, work: Awaitable[object]) -> _Spent:
    before, began = await _total(running), time.monotonic()
    await work
    return _Spent(await _total(running) - before, time.monotonic() - began)


async def _rested(running: Server) -> None:
    """Wait until the program hardly computes: it goes on starting after it has begun to listen."""
    for _ in range(120):
        spent = await _spent(running, asyncio.sleep(0.5))
        if spent.instructions < AT_REST * spent.seconds:
            return


async def _send(running: Server, count: int, target: Arrivals | None) -> None:
    """Send, and wait for the messages where there is a target for them."""
    wanted = target.count + count if target else 0
    run = await post_all(running.port, events.requests(running.port, count), connections=CONNECTIONS)
    if run.failures:
        raise SystemExit(f"{_last_words(running)}\n{run.failures} of {count} requests were not taken")
    if target:
        try:
            await target.until(wanted, patience_s=PATIENCE_S)
        except TimeoutError:
            missing = wanted - target.count
            raise SystemExit(
                f"{_last_words(running)}\n{_stored(running)}\n"
                f"{missing} of {count} messages did not come within {PATIENCE_S:g} seconds"
            ) from None


def _last_words(running: Server) -> str:
    return (running.folder / "program.log").read_text("utf-8")[-2000:]


def _stored(running: Server) -> str:
    """Return what the store says of deliveries and entries: where something stands still, and since when."""
    with closing(sqlite3.connect(running.folder / "bridge.db")) as connection:
        found = [connection.execute(question).fetchall() for question in _STANDING]
    return f"at {time.time():.0f}, by the clock of the day: " + "; ".join(map(str, found))


@asynccontextmanager
async def _server(case: str, folder: Path, target: int) -> AsyncIterator[Server]:
    valgrind = ("valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", "--fair-sched=try")
    output = f"--callgrind-out-file={folder}/callgrind"
    if case == "bare":
        port = free_port()
        command = python("-m", "bench.bare", str(port))
    else:
        port = _setting(case, target).write(folder)
        command = python("-m", "bridge", "run")
    same = {"PYTHONHASHSEED": "0"}
    async with server(
        *valgrind, output, *command, folder=folder, port=port, environment=same, cores=(MEASURED,)
    ) as running:
        yield running


def _setting(case: str, target: int) -> Setting:
    if case == "e-mail":
        return Setting(Ports(smtp=target), [EMAIL])
    return Setting(Ports(webhook=target), [WEBHOOK], matches=case != "accept")


async def _callgrind(option: str, word: str, running: Server) -> str:
    words = [each for each in (option, word, str(running.pid)) if each]
    return await _said("callgrind_control", *words)


async def _said(*command: str | Path) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out, _ = await process.communicate()
    return out.decode()


async def _total(running: Server) -> int:
    """Return the instructions of all threads since the counts were last zeroed."""
    said = await _callgrind("-e", "", running)
    return sum(
        int(count.replace(",", "")) for count in re.findall(r"^ +Th +\d+ +([\d,]+)", said, re.MULTILINE)
    )


async def _profile(running: Server, folder: Path, top: int) -> str:
    """Return the dearest libraries and the dearest C functions, each by what it spent itself."""
    await _callgrind("-d", "", running)
    listing = await _said("callgrind_annotate", "--threshold=100", folder / "callgrind.1")
    found = re.findall(r"^ *([\d,]+) \([ \d.]+%\) +\S*:(\S+)(?: \[(.*)\])?$", listing, re.MULTILINE)
    functions: Counter[str] = Counter()
    libraries: Counter[str] = Counter()
    for count, function, library in found:
        spent = int(count.replace(",", ""))
        functions[function.removesuffix("'2")] += spent
        libraries[Path(library).name or "inlined"] += spent
    total = sum(functions.values())
    lines = [*libraries.most_common(8), *functions.most_common(top)]
    return "".join(f"  {count / total:6.1%}  {name}\n" for name, count in lines)


if __name__ == "__main__":
    main()
