"""Hears what the other nodes on a PostgreSQL tell (`LISTEN`), over a connection of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bridge.clock import Clock
from bridge.logs import Log
from bridge.store import news
from bridge.store.news import EVERYTHING, News

if TYPE_CHECKING:
    from psycopg import AsyncConnection

AGAIN_S = 2.0
"""Seconds until a connection that was lost, or could not be made, is tried anew."""


class Ear(Struct, frozen=True):
    """How to reach the database that is listened to, and the name under which this process tells others."""

    arguments: Sequence[Any]
    options: Mapping[str, Any]
    teller: str


class Listener:
    """Calls `heard` with what other processes tell, until cancelled.

    Nobody depends on it: while there is no connection, work is found by the looks that are taken anyway. When
    there is one again, everything may have happened meanwhile, and that is what `heard` is told.
    """

    def __init__(self, ear: Ear, heard: Callable[[News], None], *, clock: Clock, log: Log) -> None:
        self._ear = ear
        self._heard = heard
        self._clock = clock
        self._log = log
        self._deaf = False

    async def run(self) -> None:
        """Listen, and connect again whenever the connection is lost."""
        # Only PostgreSQL needs its driver, which may not be installed.
        from psycopg import Error  # noqa: PLC0415

        while True:
            try:
                await self._listen()
            except (Error, OSError) as error:
                self._note(error)
            await self._clock.sleep(AGAIN_S)

    async def _listen(self) -> None:
        """Pass on what is heard; returns or raises when the connection ends."""
        from psycopg import AsyncConnection  # noqa: PLC0415

        arguments, options = self._ear.arguments, self._ear.options
        async with await AsyncConnection.connect(*arguments, **options, autocommit=True) as connection:
            await self._subscribe(connection)
            async for note in connection.notifies():
                told = news.read(note.payload, but=self._ear.teller)
                if told is not None:
                    self._heard(told)

    async def _subscribe(self, connection: AsyncConnection[Any]) -> None:
        found = await (await connection.execute(news.NAME)).fetchone()
        name = str(found[0]) if found else ""
        await connection.execute(f"LISTEN {name}".encode())
        if self._deaf:
            self._log.info("other nodes are heard again")
        self._deaf = False
        self._heard(EVERYTHING)

    def _note(self, error: Exception) -> None:
        """Log the first failure of a row."""
        if not self._deaf:
            why = str(error).strip().partition("\n")[0] or type(error).__name__
            self._log.warning("other nodes are not heard, their work is found within a second", why=why)
        self._deaf = True
