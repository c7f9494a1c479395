"""`bridge run` as a process: where it listens, how it stops, and what keeps it from starting."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from bridge.cli.exits import ExitCode
from tests.cli.school import CONFIG, write_school
from tests.faults.crashes import event, post

ANY_PORT = CONFIG.replace("127.0.0.1:8080", "127.0.0.1:0").replace("127.0.0.1:8081", "127.0.0.1:0")
START_S = 50
STOP_S = 50


@asynccontextmanager
async def started(folder: Path, *words: str) -> AsyncIterator[Process]:
    """Start `bridge …` in a folder and end it at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bridge", *words, cwd=folder, stdout=PIPE, stderr=PIPE, env=dict(os.environ)
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: Process) -> str:
    """Return the next line of standard output."""
    assert process.stdout
    async with asyncio.timeout(START_S):
        return (await process.stdout.readline()).decode()


async def end(process: Process) -> tuple[int, str, str]:
    """Return the exit code and what else was printed."""
    async with asyncio.timeout(STOP_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_it_says_where_it_listens(tmp_path: Path) -> None:
    """The addresses are on standard output, the log on standard error; both listeners answer."""
    write_school(tmp_path, ANY_PORT)
    async with started(tmp_path, "run") as process:
        first, second = await line(process), await line(process)
        assert first.startswith("receiving eduzz on http://127.0.0.1:")
        assert first.endswith("/hooks/eduzz\n")
        assert second.startswith("admin pages on http://127.0.0.1:")
        port = first.partition("127.0.0.1:")[2].partition("/")[0]
        async with started(tmp_path, "health", "--url", f"http://127.0.0.1:{port}") as asking:
            assert (await end(asking))[0] == ExitCode.OK
        process.terminate()
        code, _, err = await end(process)
    assert code == ExitCode.OK
    assert "bridge: stopping when what is under way is finished" in err
    assert "Traceback" not in err


async def test_ctrl_c_stops_it_quietly(tmp_path: Path) -> None:
    write_school(tmp_path, ANY_PORT)
    async with started(tmp_path, "run") as process:
        await line(process)
        process.send_signal(signal.SIGINT)
        code, _, err = await end(process)
    assert code == ExitCode.INTERRUPTED
    assert "Traceback" not in err


class Hanging:
    """A server that takes requests and never answers."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def take(self, _: web.Request) -> web.Response:
        self.asked.set()
        await asyncio.Event().wait()
        return web.Response()


@pytest.fixture
async def hanging(aiohttp_server: AiohttpServer) -> tuple[Hanging, str]:
    made = Hanging()
    app = web.Application()
    app.router.add_post("/{path:.*}", made.take)
    server = await aiohttp_server(app, shutdown_timeout=0.1)
    return made, f"http://127.0.0.1:{server.port}/"


async def test_a_second_signal_stops_at_once(tmp_path: Path, hanging: tuple[Hanging, str]) -> None:
    """What hangs is waited for after the first signal, and no longer after the second."""
    server, url = hanging
    webhook = f'  wins: {{ type: webhook, url: "{url}", allow_private: true }}\n'
    config = re.sub(r"  wins: \{ type: slack.*\n", webhook, ANY_PORT)
    config = re.sub(
        r'slack: wins\n( +if: .*\n)? +text: (".*")', r"webhook: wins\n        json: { text: \2 }", config
    )
    write_school(tmp_path, config)
    async with started(tmp_path, "run") as process:
        receiver = (await line(process)).split()[-1]
        async with started(tmp_path, "send", "nutror.enrollment_created", "--url", receiver) as sending:
            assert (await end(sending))[0] == ExitCode.OK
        async with asyncio.timeout(START_S):
            await server.asked.wait()
        process.terminate()
        assert process.stderr
        while b"once more stops at once" not in await process.stderr.readline():
            pass
        process.terminate()
        assert (await end(process))[0] == 128 + signal.SIGTERM


async def test_a_log_that_nobody_reads_keeps_nobody_waiting(tmp_path: Path) -> None:
    """As a supervisor that hangs, or Ctrl-S on a terminal: senders are answered, and a stop stops."""
    write_school(tmp_path, ANY_PORT)
    reading, writing = os.pipe()
    if sys.platform == "linux":
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bridge", "run", cwd=tmp_path, stdout=PIPE, stderr=writing, env=dict(os.environ)
    )
    os.close(writing)
    try:
        receiver = (await line(process)).split()[-1].removesuffix("/hooks/eduzz")
        async with aiohttp.ClientSession() as session, asyncio.timeout(START_S):
            for number in range(200 if sys.platform == "linux" else 1000):
                assert await post(session, receiver, event(number)) == 200
        process.terminate()
        async with asyncio.timeout(STOP_S):
            assert await process.wait() == ExitCode.OK
        first, *_ = os.read(reading, 4096).splitlines()
        assert json.loads(first)["event"]
    finally:
        os.close(reading)
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_ctrl_c_ends_any_command_with_one_quiet_line(
    tmp_path: Path, hanging: tuple[Hanging, str]
) -> None:
    server, url = hanging
    write_school(tmp_path)
    async with started(tmp_path, "send", "ping", "--url", url) as process:
        async with asyncio.timeout(START_S):
            await server.asked.wait()
        process.send_signal(signal.SIGINT)
        assert await end(process) == (ExitCode.INTERRUPTED, "", "bridge: interrupted\n")


async def test_the_sandbox_runs_with_nothing_set(tmp_path: Path) -> None:
    """No secret, no account: an event that is sent to the sandbox leads to messages in its own store."""
    write_school(tmp_path, ANY_PORT)
    (tmp_path / ".env").unlink()
    async with started(tmp_path, "run", "--sandbox") as process:
        url = (await line(process)).split()[-1]
        assert "with everything that is sent" in await line(process)
        async with started(tmp_path, "send", "nutror.module_completed", "--url", url) as sending:
            code, out, _ = await end(sending)
            assert (code, out[:4]) == (ExitCode.OK, "200 ")
        async with asyncio.timeout(START_S):
            while True:
                async with started(tmp_path, "deliveries", "list", "--sandbox", "--json") as listing:
                    if (await end(listing))[1].count('"delivered"') == 2:
                        break
        process.terminate()
        assert (await end(process))[0] == ExitCode.OK
    assert not (tmp_path / "bridge.db").exists()


async def test_a_broken_configuration_does_not_start(tmp_path: Path) -> None:
    write_school(tmp_path, ANY_PORT.replace("prefix:", "prefx:"))
    async with started(tmp_path, "run") as process:
        code, out, err = await end(process)
    assert (code, out) == (ExitCode.PROBLEMS, "")
    assert err.startswith("bridge: config.yaml has 1 problem\nconfig.yaml:13:23: ")


async def test_a_port_that_is_taken_is_exit_code_4(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        write_school(tmp_path, ANY_PORT.replace("127.0.0.1:0", f"127.0.0.1:{port}", 1))
        async with started(tmp_path, "run") as process:
            code, out, err = await end(process)
    assert (code, out) == (ExitCode.UNAVAILABLE, "")
    sentence = f"bridge: port {port} is in use; stop the other program or change `listen.public`\n"
    assert sentence in err
    assert "Traceback" not in err


async def test_two_on_one_store_are_one_too_many(tmp_path: Path) -> None:
    """SQLite has one bridge; the second is told which process was first."""
    write_school(tmp_path, ANY_PORT)
    async with started(tmp_path, "run") as first:
        await line(first)
        async with started(tmp_path, "run") as second:
            code, out, err = await end(second)
        assert (code, out) == (ExitCode.UNAVAILABLE, "")
        assert f"another bridge (process {first.pid}) is running on" in err


@pytest.mark.parametrize("word", ["run", "check"])
async def test_no_configuration_is_exit_code_3(tmp_path: Path, word: str) -> None:
    async with started(tmp_path, word) as process:
        code, _, err = await end(process)
    assert code == ExitCode.NOT_FOUND
    assert "`bridge init` writes one" in err
