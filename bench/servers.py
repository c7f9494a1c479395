"""The processes that are measured, and the target that counts what reaches it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

SECRET = "a-secret-for-the-benchmark"
CONFIG = """\
store: {store}
listen: {{ public: "127.0.0.1:{public}", admin: "127.0.0.1:0" }}
sources:
  eduzz: {{ type: eduzz, secrets: ["${{EDUZZ_SECRET}}"] }}
channels:
  crm: {{ type: webhook, url: "http://127.0.0.1:{target}/", allow_private: true, concurrency: 32 }}
rules:
{rules}"""
RULE = """\
  - name: rule-{index}
    on: module.completed
    when: {{ course.id: "{course}" }}
    send: [{{ webhook: crm, json: {{ event: "{{{{ id }}}}", who: "{{{{ learner.name }}}}" }} }}]
"""


def rules(count: int, matching_course: str | None) -> str:
    """Return the YAML of `count` rules, of which the last one matches if a course is given."""
    courses = [f"{index:040x}" for index in range(count - 1)] + [matching_course or "f" * 40]
    return "".join(RULE.format(index=index, course=course) for index, course in enumerate(courses))


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def process(*command: str, folder: Path, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program until its port answers, and end it afterwards."""
    environment = {
        **os.environ,
        "EDUZZ_SECRET": SECRET,
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    with (folder / "program.log").open("ab") as log:
        started = await asyncio.create_subprocess_exec(
            sys.executable, *command, cwd=folder, env=environment, stdout=log, stderr=log
        )
    try:
        await _listening(started, port, folder)
        yield started
    finally:
        if started.returncode is None:
            started.terminate()
        await started.wait()


@dataclass
class Target:
    """Answers every POST with 204 at little cost, and counts."""

    port: int = 0
    count: int = 0
    wanted: int = 0
    reached: asyncio.Event | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Target]:
        """Listen while the block runs."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def until(self, count: int) -> None:
        """Return once so many requests came in all."""
        self.wanted, self.reached = count, asyncio.Event()
        if self.count < count:
            await self.reached.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(_length(head.lower().split(b"\r\n")))
                self.count += 1
                if self.reached is not None and self.count >= self.wanted:
                    self.reached.set()
                writer.write(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def _length(lines: Sequence[bytes]) -> int:
    return next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)


async def _listening(started: asyncio.subprocess.Process, port: int, folder: Path) -> None:
    async with asyncio.timeout(30):
        while True:
            if started.returncode is not None:
                raise RuntimeError((folder / "program.log").read_text("utf-8"))
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
