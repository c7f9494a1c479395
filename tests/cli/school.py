"""A school's folder: configuration, template, and a store with a history, made by the real pipeline."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from msgspec.structs import replace

from bridge.bootstrap import build_channels, open_services
from bridge.channels.base import Channel, ChannelPolicy, Limit
from bridge.channels.http import Shared
from bridge.config.load import Loaded, load
from bridge.core.messages import Message, Payload
from bridge.core.outcomes import Delivered, Outcome
from bridge.pipeline.engine import Engine
from bridge.pipeline.ingest import Ingest
from tests.support.clock import FakeClock
from tests.support.pipeline import RecordingLog

Body = Mapping[str, object] | bytes
Scripts = Mapping[str, Iterable[Outcome]]
SECRETS = {
    "EDUZZ_SECRET": "a-secret-for-tests",
    "SMTP_URL": "smtp://mail.escola.test:587",
    "SLACK_BOT_TOKEN": "xoxb-not-a-real-token",
}
CONFIG = """\
timezone: America/Sao_Paulo
store: sqlite:///bridge.db
listen: { public: "127.0.0.1:8080", admin: "127.0.0.1:8081" }
sources:
  eduzz: { type: eduzz, secrets: ["${EDUZZ_SECRET}"] }
channels:
  learners: { type: email, smtp: "${SMTP_URL}", from: "Escola Exemplo <ola@escola.example>" }
  wins: { type: slack, token: "${SLACK_BOT_TOKEN}", channel: "#conquistas" }
rules:
  - name: parabens
    on: module.completed
    when:
      course.title: { prefix: Python }
      learner.email: { not: { suffix: "@escola.example" } }
    once_per: [learner.email, module.id]
    send:
      - email: learners
        to: "{{ learner.email }}"
        template: parabens
        expires: 48h
      - slack: wins
        if: "{{ course.title != 'Python Secreto' }}"
        text: "*{{ learner.name }}* concluiu *{{ module.title }}*"
  - name: boas-vindas
    on: [enrollment.created, "nutror.inactive_*"]
    send:
      - slack: wins
        text: "{{ learner.name }} chegou"
"""
TEMPLATE = """\
---
subject: "Parabéns, {{ learner.name | first_name }}!"
---
Você concluiu **{{ module.title }}**.
"""


@dataclass
class Offline:
    """A real channel whose deliveries go nowhere: outcomes are those of a script, then all is delivered."""

    limits: ClassVar[tuple[Limit, ...]] = ()
    inner: Channel
    script: list[Outcome] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def policy(self) -> ChannelPolicy:
        return self.inner.policy

    def encode(self, message: Message, settings: Mapping[str, object]) -> Payload:
        return self.inner.encode(message, settings)

    async def send(self, payload: Payload, delivery_id: str) -> Outcome:
        return self.script.pop(0) if self.script else Delivered(200, "ok", reference=f"ref-{delivery_id[:4]}")

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""


def write_school(folder: Path, config: str = CONFIG) -> Path:
    """Write the configuration with its secrets in `.env`, and its template."""
    (folder / "templates/layouts").mkdir(parents=True, exist_ok=True)
    (folder / "templates/layouts/default.html").write_text("<html><body>{{ content }}</body></html>", "utf-8")
    (folder / "templates/parabens.md").write_text(TEMPLATE, "utf-8")
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()), "utf-8")
    path = folder / "config.yaml"
    path.write_text(config, "utf-8")
    return path


def live(config: Path, *bodies: Body, scripts: Scripts | None = None, then: timedelta = timedelta()) -> None:
    """Receive events one minute apart and do everything that is due, on a clock that begins in May 2026.

    At the end, so much time goes by.
    """
    asyncio.run(_live(config, bodies, scripts or {}, then))


async def _live(config: Path, bodies: Iterable[Body], scripts: Scripts, then: timedelta) -> None:
    loaded = load(config, {})
    assert isinstance(loaded, Loaded), loaded
    clock = FakeClock()
    async with open_services(loaded, log=RecordingLog(), clock=clock) as services:
        node = replace(services.node, chance=lambda: 0.0)
        real = build_channels(loaded, Shared(clock, "tests"))
        channels = {name: Offline(channel, list(scripts.get(name, ()))) for name, channel in real.items()}
        engine = Engine(
            node,
            sources=services.sources,
            rules=loaded.rules,
            channels=channels,
            rulebook=services.rulebook,
        )
        ingest = Ingest(node, services.sources, engine.inlet)
        for body in bodies:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers = services.sources["eduzz"].outgoing_headers(raw)
            assert (await ingest.receive("eduzz", headers, raw)).status == 200
            await engine.drain()
            clock.advance(minutes=1)
        clock.advance(seconds=then.total_seconds())
        await engine.drain()
