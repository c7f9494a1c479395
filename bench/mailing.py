"""aiosmtplib alone, sending ready bytes over one connection. Run as a process, which prints its rate."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from aiosmtplib import SMTP


async def send(port: int, count: int, message: bytes) -> float:
    smtp = SMTP(hostname="127.0.0.1", port=port, start_tls=False)
    await smtp.connect()
    began = time.perf_counter()
    for number in range(count):
        await smtp.sendmail("ola@escola.example", [f"learner-{number}@aluna.example"], message)
    seconds = time.perf_counter() - began
    await smtp.quit()
    return count / seconds


def main() -> None:
    port, count, message = sys.argv[1:]
    print(asyncio.run(send(int(port), int(count), Path(message).read_bytes())))


if __name__ == "__main__":
    main()
