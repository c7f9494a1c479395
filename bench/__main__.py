"""`python3 x.py bench`: what a durable accept and a whole delivery cost, as ratios to a bare handler."""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from bench.load import post_all, request_bytes
from bench.servers import CONFIG, SECRET, Target, free_port, process, rules
from bridge.sources.eduzz import EduzzOptions, EduzzSource
from bridge.sources.registry import sample

COURSE = "c" * 40


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table: how the requests come, and whether each leads to a webhook."""

    name: str
    connections: int
    close: bool
    delivers: bool


CASES = (
    Case("durable accept, 32 connections", 32, close=False, delivers=False),
    Case("durable accept, 128 connections", 128, close=False, delivers=False),
    Case("durable accept, connection: close", 32, close=True, delivers=False),
    Case("end to end, one webhook per event", 32, close=False, delivers=True),
    Case("end to end, connection: close", 32, close=True, delivers=True),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="x.py bench", description=__doc__)
    parser.add_argument("--slices", type=int, default=5, help="pairs of slices per case")
    parser.add_argument("--requests", type=int, default=2000, help="requests per slice")
    parser.add_argument("--rules", type=int, default=100, help="rules loaded, of which at most one matches")
    given = parser.parse_args()
    asyncio.run(bench(given.slices, given.requests, given.rules))


async def bench(slices: int, count: int, rule_count: int) -> None:
    print(
        f"{slices} pairs of slices of {count} requests, {rule_count} rules; ratio to a bare aiohttp handler\n"
    )
    print(f"{'case':<38} {'bare/s':>8} {'bridge/s':>9} {'ratio':>6}  quartiles")
    for case in CASES:
        with tempfile.TemporaryDirectory(prefix="bridge-bench-") as folder:
            await _case(Path(folder), case, slices, count, rule_count)


async def _case(folder: Path, case: Case, slices: int, count: int, rule_count: int) -> None:
    bare_port, port = free_port(), free_port()
    async with Target().open() as target:
        config = CONFIG.format(
            store="sqlite:///bridge.db",
            public=port,
            target=target.port,
            rules=rules(rule_count, COURSE if case.delivers else None),
        )
        (folder / "config.yaml").write_text(config, "utf-8")
        async with (
            process("-m", "bench.bare", str(bare_port), folder=folder, port=bare_port),
            process("-m", "bridge", "run", folder=folder, port=port),
        ):
            pairs = [
                await _pair(case, slice_, count, (bare_port, port), target) for slice_ in range(slices + 1)
            ][1:]
    _print(case, pairs)


async def _pair(
    case: Case, slice_: int, count: int, ports: tuple[int, int], target: Target
) -> tuple[float, float]:
    """Measure one slice of each, bare first; returns requests per second of both."""
    rates = []
    for name, port in zip(("bare", "bridge"), ports, strict=True):
        url = f"http://127.0.0.1:{port}/hooks/eduzz"
        requests = _requests(url, f"{case.name}-{name}-{slice_}", count, close=case.close)
        before = target.count
        began = asyncio.get_running_loop().time()
        run = await post_all(url, requests, connections=case.connections, close=case.close)
        if run.failures:
            raise SystemExit(f"{run.failures} of {count} requests were not answered 200")
        seconds = run.seconds
        if name == "bridge" and case.delivers:
            await target.until(before + count)
            seconds = asyncio.get_running_loop().time() - began
        rates.append(count / seconds)
    return rates[0], rates[1]


def _requests(url: str, name: str, count: int, *, close: bool) -> list[bytes]:
    source = EduzzSource("eduzz", EduzzOptions(type="eduzz", secrets=(SecretStr(SECRET),)))
    body = json.loads(sample("nutror.module_completed") or b"{}")
    body["data"]["course"]["hash"] = COURSE
    made = []
    for index in range(count):
        # Each event has a learner of its own: one learner's messages keep their order, one after the other.
        body["data"]["learner"]["email"] = f"learner-{index}@aluna.example"
        raw = json.dumps({**body, "id": f"{name}-{index}"}, separators=(",", ":")).encode()
        made.append(request_bytes(url, source.outgoing_headers(raw), raw, close=close))
    return made


def _print(case: Case, pairs: Sequence[tuple[float, float]]) -> None:
    ratios = sorted(bridge / bare for bare, bridge in pairs)
    low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else (ratios[0],) * 3
    bare = statistics.median(bare for bare, _ in pairs)
    bridge = statistics.median(bridge for _, bridge in pairs)
    rates = f"{bare:>8.0f} {bridge:>9.0f} {statistics.median(ratios):>6.2f}"
    print(f"{case.name:<38} {rates}  {low:.2f} to {high:.2f}", flush=True)


if __name__ == "__main__":
    main()
