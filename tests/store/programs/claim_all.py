"""Claims and finishes entries and deliveries until none is left; prints the number of each one it got."""

from __future__ import annotations

import asyncio
import sys

from bridge.core.outcomes import State
from bridge.store import outbox
from bridge.store.database import Database
from tests.support.stored import attempt, claim_due, claim_entries, finish_entry


async def main(url: str, lease: str) -> None:
    database = await Database.open(url)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.gather(*(claim_inbox(database, lease) for _ in range(4)))
    await asyncio.gather(*(claim_outbox(database, lease) for _ in range(4)))
    await database.close()


async def claim_inbox(database: Database, lease: str) -> None:
    while entries := await database.write(lambda c: claim_entries(c, lease=lease, limit=7)):
        for entry in entries:
            print("entry", entry.seq)
            await database.write(
                lambda c, seq=entry.seq: finish_entry(c, seq, lease=lease)  # type: ignore[misc]
            )


async def claim_outbox(database: Database, lease: str) -> None:
    while dues := await database.write(lambda c: claim_due(c, lease=lease, limit=7)):
        for due in dues:
            print("delivery", due.seq)
            await database.write(
                lambda c, seq=due.seq: outbox.record(  # type: ignore[misc]
                    c, seq, lease=lease, attempt=attempt(), state=State.DELIVERED
                )
            )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
