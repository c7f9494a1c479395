"""`python -m bench.channels`: what sending costs, beside libraries that send ready bytes to the same servers.

Rates and processor time are of this process alone; the servers are another one.
With `--instructions`, valgrind counts what one message takes, whatever else the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import aiosmtplib
from aiohttp import ClientSession

from bridge.channels.base import Channel
from bridge.channels.http import Shared
from bridge.channels.registry import OPTIONS, build
from bridge.clock import SystemClock
from bridge.core.messages import Document, Message
from bridge.core.outcomes import Delivered

DELIVERY = "0123456789abcdef0123456789abcdef"
JSON = {"event": DELIVERY, "who": "Maria da Silva"}
PARAGRAPH = '<p style="margin:0 0 16px">Parabéns, Márcia! Você concluiu o módulo <b>Introdução</b>.</p>\n'
LETTER = Message(
    delivery_id=DELIVERY,
    at=datetime(2026, 5, 4, 12, tzinfo=UTC),
    fields={
        "to.0": "Márcia da Silva <marcia@aluna.example>",
        "subject": "Parabéns, você concluiu Introdução!",
        "body": Document(html=PARAGRAPH * 20, text="Parabéns, Márcia! Você concluiu o módulo.\n\n" * 10),
    },
)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 04 May 2026 12:00:00 GMT\r\n"
    b"Content-Type: application/json\r\nContent-Length: 11\r\nConnection: keep-alive\r\n\r\n" + b'{"ok":true}'
)
FEW, MANY = 100, 1100
"""How many messages valgrind watches in two runs; the difference is what it counts."""

Once = Callable[[], Awaitable[object]]


class WebSink(asyncio.Protocol):
    """Answers 200 to each POST."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            length = re.search(rb"(?i)content-length: *(\d+)", self.buffer[:end])
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self.buffer) < whole:
                return
            self.buffer = self.buffer[whole:]
            self.transport.write(ANSWER)


class MailSink(asyncio.Protocol):
    """Takes every message."""

    def __init__(self, *, pipelining: bool) -> None:
        self.hello = b"250-sink\r\n" + (b"250-PIPELINING\r\n" if pipelining else b"") + b"250 8BITMIME\r\n"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer, self.in_data = transport, b"", False
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        self.buffer += data
        said = []
        while (end := self.buffer.find(mark := b"\r\n.\r\n" if self.in_data else b"\r\n")) >= 0:
            line, self.buffer = self.buffer[:end], self.buffer[end + len(mark) :]
            said.append(self._answer(line[:4].upper()))
        if said:
            self.transport.write(b"".join(said))

    def _answer(self, command: bytes) -> bytes:
        if self.in_data:
            self.in_data = False
            return b"250 2.0.0 OK: queued\r\n"
        self.in_data = command == b"DATA"
        return {b"DATA": b"354 go on\r\n", b"EHLO": self.hello}.get(command, b"250 OK\r\n")


async def sinks() -> None:
    """Listen until the process is ended; the ports are printed."""
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(WebSink, "127.0.0.1", 0),
        await loop.create_server(lambda: MailSink(pipelining=False), "127.0.0.1", 0),
        await loop.create_server(lambda: MailSink(pipelining=True), "127.0.0.1", 0),
    ]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await servers[0].serve_forever()


@asynccontextmanager
async def channel(kind: str, **raw: object) -> AsyncIterator[Channel]:
    shared = Shared(SystemClock(), "course-bridge/bench")
    options = OPTIONS[kind].model_validate({"type": kind, "allow_private": True, **raw})
    made = build("bench", options, shared)
    try:
        yield made
    finally:
        await made.close()
        await shared.close()


@asynccontextmanager
async def webhook(port: int, **raw: object) -> AsyncIterator[Once]:
    """Send a stored payload, as the pipeline does."""
    async with channel("webhook", url=f"http://127.0.0.1:{port}/hooks", **raw) as made:
        payload = made.encode(Message(delivery_id=DELIVERY, at=LETTER.at, fields={"json": JSON}), {})

        async def once() -> None:
            assert isinstance(await made.send(payload, DELIVERY), Delivered)

        yield once


@asynccontextmanager
async def signed_webhook(port: int) -> AsyncIterator[Once]:
    async with webhook(port, signing_secret="a-secret-for-the-benchmark") as once:
        yield once


@asynccontextmanager
async def aiohttp_post(port: int) -> AsyncIterator[Once]:
    async with ClientSession() as session:

        async def once() -> None:
            async with session.post(f"http://127.0.0.1:{port}/hooks", data=b"x" * 80) as response:
                await response.read()

        yield once


@asynccontextmanager
async def mail(port: int) -> AsyncIterator[Once]:
    """Encode a rendered message and send it."""
    raw = {"smtp": f"smtp://127.0.0.1:{port}", "from": "Escola Exemplo <ola@escola.example>"}
    async with channel("email", **raw) as made:

        async def once() -> None:
            assert isinstance(await made.send(made.encode(LETTER, {}), DELIVERY), Delivered)

        yield once


@asynccontextmanager
async def aiosmtplib_ready(port: int) -> AsyncIterator[Once]:
    """Send bytes that are ready."""
    async with channel("email", **{"smtp": "smtp://127.0.0.1", "from": "ola@escola.example"}) as made:
        ready = made.encode(LETTER, {}).body
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as smtp:

        async def once() -> None:
            await smtp.sendmail("ola@escola.example", ["marcia@aluna.example"], ready)

        yield once


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table: ours, theirs, at which sink, and how many at a time."""

    name: str
    ours: str
    theirs: str
    sink: int
    at_once: int


SENDERS = {
    sender.__name__: sender for sender in (webhook, signed_webhook, aiohttp_post, mail, aiosmtplib_ready)
}
CASES = (
    Case("webhook / aiohttp's session", "webhook", "aiohttp_post", 0, 32),
    Case("signed webhook / aiohttp's session", "signed_webhook", "aiohttp_post", 0, 32),
    Case("e-mail, one connection / aiosmtplib", "mail", "aiosmtplib_ready", 1, 1),
    Case("the same, with PIPELINING", "mail", "aiosmtplib_ready", 2, 1),
)


async def sent(once: Once, count: int, at_once: int) -> tuple[float, float]:
    """Send so many; returns messages per second, and microseconds of processor time for each."""

    async def worker() -> None:
        for _ in range(count // at_once):
            await once()

    began, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    seconds, used = time.perf_counter() - began, time.process_time() - used
    return count / seconds, used / count * 1e6


async def compared(case: Case, port: int, slices: int, count: int) -> None:
    async with SENDERS[case.ours](port) as ours, SENDERS[case.theirs](port) as theirs:
        rows = [
            (await sent(theirs, count, case.at_once), await sent(ours, count, case.at_once))
            for _ in range(slices + 1)
        ]
    ratios = sorted(us[0] / them[0] for them, us in rows[1:])
    costs = [statistics.median(row[side][1] for row in rows[1:]) for side in (0, 1)]
    print(
        f"{case.name:<38} {statistics.median(ratios):>6.2f}  {ratios[0]:.2f} to {ratios[-1]:.2f}"
        f" {costs[0]:>9.0f} {costs[1]:>9.0f}",
        flush=True,
    )


def instructions(sender: str, port: int, at_once: int) -> float:
    """Return how many instructions one message takes in this process, by callgrind."""
    totals = []
    for count in (FEW, MANY):
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable]
        words = ["-m", "bench.channels", "one", sender, f"{port}", f"{count}", f"{at_once}"]
        told = subprocess.run([*command, *words], check=True, capture_output=True, text=True).stderr
        found = re.search(r"Collected : (\d+)", told)
        assert found, told
        totals.append(int(found[1]))
    return (totals[1] - totals[0]) / (MANY - FEW)


async def one(sender: str, port: int, count: int, at_once: int) -> None:
    async with SENDERS[sender](port) as once:
        await sent(once, count, at_once)


def main() -> None:
    words = sys.argv[1:]
    if words[:1] == ["sinks"]:
        asyncio.run(sinks())
    elif words[:1] == ["one"]:
        asyncio.run(one(words[1], *map(int, words[2:])))
    else:
        table()


def table() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.channels", description=__doc__)
    parser.add_argument("--slices", type=int, default=7, help="pairs of slices per case")
    parser.add_argument("--count", type=int, default=1600, help="messages per slice")
    parser.add_argument("--instructions", action="store_true", help="count with valgrind instead")
    given = parser.parse_args()
    command = [sys.executable, "-m", "bench.channels", "sinks"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as servers:
        assert servers.stdout
        ports = [int(port) for port in servers.stdout.readline().split()]
        try:
            _counted(ports) if given.instructions else _timed(ports, given.slices, given.count)
        finally:
            servers.terminate()


def _timed(ports: list[int], slices: int, count: int) -> None:
    print(f"{'ours / theirs':<38} {'ratio':>6}  {'range':<12} {'µs theirs':>9} {'µs ours':>9}")
    for case in CASES:
        asyncio.run(compared(case, ports[case.sink], slices, count))


def _counted(ports: list[int]) -> None:
    print(f"{'instructions per message':<38} {'theirs':>10} {'ours':>10}")
    for case in CASES:
        theirs, ours = (
            instructions(sender, ports[case.sink], case.at_once) for sender in (case.theirs, case.ours)
        )
        print(f"{case.name:<38} {theirs:>10,.0f} {ours:>10,.0f}", flush=True)


if __name__ == "__main__":
    main()
