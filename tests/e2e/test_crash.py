"""The promise that counts: what was answered 200 arrives, whatever happens to the process."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr
from pytest_aiohttp import AiohttpServer

from bridge.sources.eduzz import EduzzOptions, EduzzSource
from tests.support.pipeline import SECRET, completion
from tests.support.program import News, Program

CONFIG = """
timezone: America/Sao_Paulo
locale: pt_BR
store: sqlite:///bridge.db
listen: {{ public: "127.0.0.1:{public}", admin: "127.0.0.1:{admin}" }}
sources:
  eduzz: {{ type: eduzz, secrets: ["${{EDUZZ_SECRET}}"] }}
channels:
  crm:
    type: webhook
    url: {target}
    allow_private: true
rules:
  - name: completions
    on: module.completed
    send:
      - webhook: crm
        json: {{ event: "{{{{ id }}}}" }}
"""
EVENTS = 120
KILLS = 3


class Target:
    """Counts what arrives, by event and by delivery id."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self.deliveries: Counter[str] = Counter()
        self.requests = 0
        self.news = News()

    async def handle(self, request: web.Request) -> web.Response:
        self.requests += 1
        self.events[(await request.json())["event"]] += 1
        self.deliveries[request.headers["Idempotency-Key"]] += 1
        self.news.tell()
        return web.Response(status=200)


@pytest.mark.timeout(120)
async def test_no_accepted_event_is_lost_by_kill_9(
    tmp_path: Path, aiohttp_server: AiohttpServer, ports: tuple[int, int]
) -> None:
    """Killed while it receives and delivers, then restarted: every event answered 200 arrives.

    A message may arrive twice only if the kill fell between the target's answer and our record of it,
    and then under the same delivery id.
    """
    target = Target()
    app = web.Application()
    app.router.add_post("/", target.handle)
    server = await aiohttp_server(app)
    port, admin = ports
    config = CONFIG.format(public=port, admin=admin, target=str(server.make_url("/")))
    (tmp_path / "config.yaml").write_text(config, "utf-8")
    program = Program(tmp_path, port, {"EDUZZ_SECRET": SECRET})

    accepted = await post_through_kills(program)
    try:
        async with asyncio.timeout(60):
            await target.news.until(lambda: accepted <= target.events.keys())
    finally:
        assert await program.stop() == 0, program.log()

    assert len(accepted) == EVENTS
    assert len(target.deliveries) == len(target.events)
    print(
        f"{EVENTS} events, {KILLS} kills, {target.requests} requests, "
        f"{sum(target.deliveries.values()) - len(target.deliveries)} repeated under the same id"
    )


async def post_through_kills(program: Program) -> set[str]:
    """Post every event until it is answered 200, killing and restarting the program on the way."""
    source = EduzzSource("eduzz", EduzzOptions(type="eduzz", secrets=(SecretStr(SECRET),)))
    waiting = [f"event-{index}" for index in range(EVENTS)]
    accepted: set[str] = set()
    news = News()

    async def sender(session: aiohttp.ClientSession) -> None:
        while waiting:
            name = waiting.pop()
            body = json.dumps(completion(name)).encode()
            try:
                async with session.post(
                    f"{program.url}/hooks/eduzz", data=body, headers=source.outgoing_headers(body)
                ) as answer:
                    assert answer.status == 200
                accepted.add(name)
                news.tell()
            except aiohttp.ClientError:
                waiting.append(name)
                await asyncio.sleep(0.02)

    async def killer() -> None:
        for kill in range(1, KILLS + 1):
            share = EVENTS * kill // (KILLS + 1)
            await news.until(lambda: len(accepted) >= share)  # noqa: B023  # awaited within its turn
            await program.kill()
            await program.start()

    await program.start()
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        group.create_task(killer())
        for _ in range(8):
            group.create_task(sender(session))
    return accepted
