"""The whole bridge as a process that ends itself, as by a power cut, at a named point of its work.

Each life is forked from a process that has imported everything, so that a matrix of them takes seconds.
"""

from __future__ import annotations

import asyncio
import ctypes
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from bridge import logs
from bridge.clock import SystemClock
from bridge.config.load import Broken, load
from bridge.config.origin import Origin
from bridge.pipeline.node import Point
from bridge.running.start import Running, run

START_DEADLINE_S = 50
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.support.life"])


@dataclass(frozen=True)
class Fate:
    """How a life goes: it ends when it comes by `point` for the `nth` time, or lives on without one."""

    point: Point | None = None
    nth: int = 1
    ahead: timedelta = timedelta()
    """How far its clock is ahead."""
    file_bytes: int | None = None
    """How large a file may become before the disk is full."""
    obeys_permissions: bool = False
    """Whether a read-only file is one for it, also when root runs the tests."""


@dataclass
class Life:
    """One process, which runs what `config.yaml` in a folder says; its log is `bridge.log` beside it."""

    folder: Path
    fate: Fate = field(default_factory=Fate)
    url: str = ""
    admin_url: str = ""

    async def start(self) -> bool:
        """Start, and return whether it came as far as listening."""
        ours, theirs = FORKS.Pipe()
        # A daemon ends with the tests, also when one of them failed.
        self._process: ForkServerProcess = FORKS.Process(
            target=_live, args=(self.folder, self.fate, theirs), daemon=True
        )
        self._process.start()
        theirs.close()
        try:
            async with asyncio.timeout(START_DEADLINE_S):
                self.url, self.admin_url = await asyncio.to_thread(ours.recv)
        except EOFError:
            await self.ended()
            return False
        finally:
            ours.close()
        return True

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    @property
    def over(self) -> bool:
        return not self._process.is_alive()

    async def ended(self) -> int:
        """Wait for its end and return the exit code, which is negative for a signal."""
        await asyncio.to_thread(self._process.join, START_DEADLINE_S)
        code = self._process.exitcode
        assert code is not None, f"it does not end:\n{self.log()}"
        return code

    async def stop(self) -> int:
        """Ask it to end, as an operator does, and return the exit code."""
        if not self.over:
            self._process.terminate()
        return await self.ended()

    def log(self) -> str:
        return (self.folder / "bridge.log").read_text("utf-8", "replace")


class Ahead(SystemClock):
    """The machine's clock, but later."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return super().now() + self._by


def _live(folder: Path, fate: Fate, told: Connection) -> None:
    os.chdir(folder)
    log = os.open("bridge.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if fate.obeys_permissions:
        _obey_permissions()
    if fate.file_bytes is not None:
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (fate.file_bytes, hard))
    asyncio.run(_run(folder, fate, told))


def _obey_permissions() -> None:
    """Give up root's right to write everywhere: see capabilities(7), CAP_DAC_OVERRIDE."""
    libc = ctypes.CDLL(None)
    header, rights = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, rights) == 0
    rights[0] &= ~(1 << 1)
    assert libc.capset(header, rights) == 0


async def _run(folder: Path, fate: Fate, told: Connection) -> None:
    loaded = load(folder / "config.yaml", os.environ)
    assert not isinstance(loaded, Broken), loaded.problems
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    def started(found: Running) -> None:
        told.send((found.public_url, found.admin_url))
        told.close()

    await run(
        loaded.config,
        Origin(loaded.path, lambda: loaded),
        log=logs.configure(),
        stop=stop,
        started=started,
        clock=Ahead(fate.ahead),
        reached=_end_at(fate),
    )


def _end_at(fate: Fate) -> Callable[[Point], None]:
    left = fate.nth

    def reached(point: Point) -> None:
        nonlocal left
        left -= point is fate.point
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached
