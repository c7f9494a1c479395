"""Stores entries from many tasks and prints the number of each one only after its commit, until killed."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys

from bridge.store import inbox
from bridge.store.database import Database
from tests.support.stored import new_entry


async def main(url: str) -> None:
    database = await Database.open(url)
    await database.hold_alone()
    numbers = itertools.count()

    async def sender() -> None:
        for number in numbers:
            accepted = await database.write(lambda c, n=number: inbox.accept(c, new_entry(n)))  # type: ignore[misc]
            os.write(1, f"{accepted.seq}\n".encode())

    await asyncio.gather(*(sender() for _ in range(32)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
