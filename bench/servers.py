"""The programs that are measured: started on a core of their own, waited for, and ended."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load import HOST

SECRET = "a-secret-for-the-benchmark"
ROOT = Path(__file__).parents[1]
MEASURED, OURS = 0, 1
"""Cores: the first for what is measured, the second for load and targets."""
PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Server:
    """A program at work."""

    pid: int
    port: int
    folder: Path
    started_at: float
    """By `time.monotonic`, when it was asked to start."""

    def kill(self) -> None:
        """End it without a chance to tidy up, as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def pin(*cores: int) -> None:
    """Keep this process on these cores, where the system can."""
    if cores and hasattr(os, "sched_setaffinity") and set(cores) <= set(range(os.cpu_count() or 1)):
        os.sched_setaffinity(0, cores)


@contextmanager
def on_cores(*cores: int) -> Iterator[None]:
    """Keep this process and what it starts on these cores for the block."""
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    pin(*cores)
    try:
        yield
    finally:
        pin(*before)


def pinned(*cores: int) -> Callable[[], None]:
    """Return what keeps a new process on these cores."""
    return lambda: pin(*cores)


@asynccontextmanager
async def server(
    *command: str | Path,
    folder: Path,
    port: int,
    environment: Mapping[str, str] | None = None,
    cores: Sequence[int] = (MEASURED,),
) -> AsyncIterator[Server]:
    """Run a program in `folder` until its port answers, and end it afterwards."""
    began = time.monotonic()
    with (folder / "program.log").open("ab") as log:
        started = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env=variables(environment),
            stdout=log,
            stderr=log,
            preexec_fn=pinned(*cores),
        )
    try:
        await _listening(started, port, folder)
        yield Server(started.pid, port, folder, began)
    finally:
        await _ended(started)


def python(*words: str) -> tuple[str, ...]:
    """Return a command of this Python."""
    return (sys.executable, *words)


def variables(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of what is measured, and of commands to it."""
    return {**os.environ, "EDUZZ_SECRET": SECRET, "PYTHONPATH": _path(), **(more or {})}


def _path() -> str:
    """Where programs import from: first `BENCH_TREE`, another copy of the project, to compare with."""
    return os.pathsep.join(filter(None, [os.environ.get("BENCH_TREE"), str(ROOT)]))


async def _ended(started: asyncio.subprocess.Process) -> None:
    if started.returncode is None:
        started.terminate()
        try:
            async with asyncio.timeout(20):
                await started.wait()
        except TimeoutError:
            started.kill()
    await started.wait()


async def _listening(started: asyncio.subprocess.Process, port: int, folder: Path) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if started.returncode is not None:
                raise RuntimeError((folder / "program.log").read_text("utf-8"))
            try:
                _, writer = await asyncio.open_connection(HOST, port)
            except OSError:
                await asyncio.sleep(0.005)
            else:
                writer.close()
                return
