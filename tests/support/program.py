"""The installed program as a process of its own: started, asked, killed, started again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

START_DEADLINE_S = 50


@contextmanager
def kept_port() -> Iterator[int]:
    """Yield a loopback port that nobody else is given meanwhile: it is bound here, and never listened on."""
    with socket.socket() as place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", 0))
        port: int = place.getsockname()[1]
        yield port


class News:
    """Lets a test wait until something that it counts has come true."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    def tell(self) -> None:
        """Say that something changed."""
        self._news.set()

    async def until(self, true: Callable[[], bool]) -> None:
        """Return once `true()` holds; it is asked again after every `tell`."""
        while not true():
            self._news.clear()
            await self._news.wait()


@dataclass
class Program:
    """`bridge run` in a folder with a `config.yaml`."""

    folder: Path
    port: int
    env: Mapping[str, str] = field(default_factory=dict)
    process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start and wait until the public listener answers."""
        with (self.folder / "bridge.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bridge", "run",
                cwd=self.folder, env={**os.environ, **self.env}, stdout=log, stderr=log,
            )  # fmt: skip
        async with asyncio.timeout(START_DEADLINE_S):
            while not await self._answers():
                if self.process.returncode is not None:
                    raise AssertionError(f"bridge ended at once:\n{self.log()}")
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """End the process as a power cut would."""
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """Ask the process to end and return its exit code."""
        assert self.process
        if self.process.returncode is None:
            self.process.terminate()
        return await self.process.wait()

    def log(self) -> str:
        return (self.folder / "bridge.log").read_text("utf-8", "replace")

    async def _answers(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/healthz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False
