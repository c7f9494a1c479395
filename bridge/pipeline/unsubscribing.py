"""What people decide about messages to them, by the link in each, and what operators do about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from bridge.core.suppressions import Leaver, Scope, Source, Suppression, address_key, read_token
from bridge.pipeline.node import Node
from bridge.pipeline.told import Told
from bridge.store import suppressions
from bridge.store.database import Connection

_ADDRESS = re.compile(r"[^@\s<>,;]{1,64}@[^@\s<>,;]{1,255}")


class Wish(Struct, frozen=True):
    """What a person gets: everything, all but what they may do without (`optional`), or nothing at all."""

    without: Scope | None = None


class Preferences:
    """What a link to unsubscribe shows and changes."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def leaver(self, token: str) -> Leaver | None:
        """Return whom a link is for; None for what is no link of ours."""
        return read_token(self._node.database.secret, token)

    async def wish(self, leaver: Leaver) -> Wish:
        """Return what this person has decided so far. Raises `StoreUnavailable`."""
        found = await self._node.database.read(lambda c: suppressions.of_address(c, leaver.key))
        return Wish(next((each.scope for each in found if each.source is Source.UNSUBSCRIBED), None))

    async def decide(self, leaver: Leaver, wish: Wish) -> Wish:
        """Store what a person decides, and return what stands then. Raises `StoreUnavailable`.

        The same decision again changes nothing; who wanted nothing at all does not get more by unsubscribing
        from one message.
        """
        now, secret = self._node.clock.now(), self._node.database.secret
        stands = await self._node.database.write(lambda c: _decide(c, secret, leaver, wish, now))
        self._node.log.info("person decided what to get", delivery=leaver.delivery, without=stands.without)
        return stands


class Suppressor:
    """What an operator does with the list of addresses that get no messages."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def key(self, address: str) -> bytes:
        """Return the key under which an address is on the list."""
        return address_key(self._node.database.secret, address)

    async def add(self, address: str, why: str, scope: Scope = Scope.EVERYTHING) -> Told:
        """Put an address on the list."""
        if not is_address(address):
            return Told(done=False, sentence=f"'{address.strip()[:80]}' is no e-mail address")
        await self.add_all([address], why, scope)
        what = "nothing" if scope is Scope.EVERYTHING else "no nudges and no marketing"
        return Told(done=True, sentence=f"{address.strip()} gets {what} from now on")

    async def add_all(self, addresses: Sequence[str], why: str, scope: Scope = Scope.EVERYTHING) -> None:
        """Put addresses on the list, in one transaction."""
        now = self._node.clock.now()
        new = [
            Suppression(
                key=self.key(address),
                source=Source.OPERATOR,
                scope=scope,
                at=now,
                address=address.strip().lower(),
                why=why,
            )
            for address in addresses
        ]
        await self._node.database.write(lambda c: suppressions.add_all(c, new))
        self._node.log.info("addresses suppressed", scope=scope, addresses=len(new))

    async def remove(self, address: str, source: Source | None = None) -> Told:
        """Take an address off the list, for one reason or for all."""
        key = self.key(address)
        lifted = await self._node.database.write(lambda c: suppressions.lift(c, key, source))
        self._node.log.info("address no longer suppressed", sources=[str(each) for each in lifted])
        address = address.strip()
        if not lifted:
            return Told(done=False, sentence=f"{address[:80]} is not on the list")
        was = " and ".join(str(each) for each in lifted)
        return Told(done=True, sentence=f"{address} is off the list, where it was as {was}")


def is_address(text: str) -> bool:
    """Return whether a text looks like the address of a person; mail servers know more."""
    return _ADDRESS.fullmatch(text.strip()) is not None


def _decide(connection: Connection, secret: bytes, leaver: Leaver, wish: Wish, now: datetime) -> Wish:
    """Write down a decision unless it stands already: its time is that of the first."""
    scopes = {each.source: each.scope for each in suppressions.of_address(connection, leaver.key)}
    before = Wish(scopes.get(Source.UNSUBSCRIBED))
    if before == wish or (wish.without is not None and before.without is Scope.EVERYTHING):
        return before
    if wish.without is None:
        suppressions.lift(connection, leaver.key, Source.UNSUBSCRIBED)
        return wish
    people = suppressions.addressees(connection, leaver.delivery)
    decided = Suppression(
        key=leaver.key,
        source=Source.UNSUBSCRIBED,
        scope=wish.without,
        at=now,
        address=_whose(secret, leaver.key, people),
        delivery=leaver.delivery,
    )
    suppressions.add(connection, decided)
    return wish


def _whose(secret: bytes, key: bytes, people: Sequence[str]) -> str | None:
    return next((each.lower() for each in people if address_key(secret, each) == key), None)
