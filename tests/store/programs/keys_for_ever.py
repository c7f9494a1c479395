"""Stores the same entries from the first on, with few keys in memory; prints each after its commit.

A line is the entry's number, where it stands in the inbox, and whether it was there.
"""

from __future__ import annotations

import asyncio
import os
import sys

from sqlalchemy import Connection, func, select

from bridge.store import inbox, keys
from bridge.store.database import Database
from bridge.store.entries import Accepted
from bridge.store.schema import inbox as inbox_table
from tests.support.stored import new_entry


def accept(connection: Connection, number: int) -> Accepted:
    last = connection.scalar(select(func.max(inbox_table.c.seq))) or 0
    keys.stored(connection, [], last=last, most=40, step=8)
    return inbox.accept(connection, new_entry(number))


async def main(url: str) -> None:
    database = await Database.open(url)

    async def sender(first: int) -> None:
        for number in range(first, 10**9, 16):
            accepted = await database.write(lambda c, n=number: accept(c, n))  # type: ignore[misc]
            os.write(1, f"{number} {accepted.seq} {accepted.duplicate:d}\n".encode())

    await asyncio.gather(*(sender(first) for first in range(16)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
