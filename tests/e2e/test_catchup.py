"""A catch-up beside a running bridge, killed again and again: each message once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr
from pytest_aiohttp import AiohttpServer

from bridge.sources.eduzz import EduzzOptions, EduzzSource
from tests.e2e.test_crash import CONFIG, Target
from tests.support.pipeline import SECRET, completion
from tests.support.program import Program

EVENTS = 60
NEW = """\
  - name: late
    on: module.completed
    send:
      - webhook: crm
        json: {{ event: "late {{{{ id }}}}" }}
"""


async def post_all(program: Program) -> None:
    source = EduzzSource("eduzz", EduzzOptions(type="eduzz", secrets=(SecretStr(SECRET),)))
    async with aiohttp.ClientSession() as session:
        for number in range(EVENTS):
            body = json.dumps(completion(f"e{number}")).encode()
            headers = source.outgoing_headers(body)
            async with session.post(f"{program.url}/hooks/eduzz", data=body, headers=headers) as answer:
                assert answer.status == 200


async def catchup(folder: Path, *words: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bridge", "catchup", *words, "--json",
        cwd=folder, env={**os.environ, "EDUZZ_SECRET": SECRET}, stdout=PIPE,
    )  # fmt: skip


async def ended(process: Process, *, by: signal.Signals, after: int) -> dict[str, object]:
    """Read so many lines of what it says, end it, and return the last one."""
    line = b"{}"
    assert process.stdout
    for _ in range(after):
        line = await process.stdout.readline() or line
    process.send_signal(by)
    rest = await process.stdout.read()
    await process.wait()
    found: dict[str, object] = json.loads((rest.splitlines() or [line])[-1])
    return found


@pytest.mark.timeout(120)
async def test_kills_lose_and_repeat_nothing(
    tmp_path: Path, aiohttp_server: AiohttpServer, ports: tuple[int, int]
) -> None:
    """By Ctrl-C, by kill -9, with the bridge killed as well; what it has made arrives, and the rest later."""
    target = Target()
    app = web.Application()
    app.router.add_post("/", target.handle)
    server = await aiohttp_server(app)
    port, admin = ports
    given = {"public": port, "admin": admin, "target": str(server.make_url("/"))}
    (tmp_path / "config.yaml").write_text(CONFIG.format(**given), "utf-8")
    program = Program(tmp_path, port, {"EDUZZ_SECRET": SECRET})
    await program.start()
    try:
        await post_all(program)
        async with asyncio.timeout(60):
            await target.news.until(lambda: len(target.events) == EVENTS)
        assert await program.stop() == 0, program.log()
        (tmp_path / "config.yaml").write_text((CONFIG + NEW).format(**given), "utf-8")
        await program.start()

        first = await catchup(tmp_path, "late", "--since", "1d", "--rate", "10/s", "--yes")
        await ended(first, by=signal.SIGINT, after=8)
        assert first.returncode == 130
        await ended(await catchup(tmp_path, "resume"), by=signal.SIGKILL, after=8)
        await program.kill()
        with sqlite3.connect(tmp_path / "bridge.db") as store:  # as if a minute had passed
            store.execute("UPDATE catchups SET leased_until = 0, rate = '200/s'")
        store.close()
        await program.start()
        last = await catchup(tmp_path, "resume")
        done = await ended(last, by=signal.SIGCONT, after=1)
        assert (last.returncode, done["state"], done["messages"]) == (0, "done", EVENTS)
        async with asyncio.timeout(60):
            await target.news.until(lambda: len(target.events) == 2 * EVENTS)
    finally:
        await program.stop()
    late = {name: count for name, count in target.events.items() if name.startswith("late")}
    assert len(late) == EVENTS
    assert len(target.deliveries) == 2 * EVENTS
    assert sum(target.deliveries.values()) - 2 * EVENTS <= 4  # sent as the bridge was killed; the same ids
