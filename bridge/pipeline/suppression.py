"""Keeps messages from people who must not get them, and learns of addresses that do not exist.

Asked when what a message says is stored, and again before every later attempt: between the two lie days, or
a click.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.messages import PURPOSE, RECIPIENTS, Payload
from bridge.core.outcomes import State
from bridge.core.suppressions import Purpose, Scope, Source, Suppression, address_key
from bridge.store import suppressions
from bridge.store.database import Connection
from bridge.store.deliveries import Attempt, Due, NewDelivery


class Allowed(Struct, frozen=True):
    """Whom of a message's people it may reach, and why not the others."""

    to: tuple[str, ...]
    kept_from: Mapping[str, Suppression]

    @property
    def why(self) -> str:
        """The first reason for which one does not get it."""
        return next((found.sentence for found in self.kept_from.values()), "")


def has_people(payload: Payload) -> bool:
    """Return whether a message is for addresses of people."""
    return bool(payload.meta.get(RECIPIENTS))


def listed(connection: Connection, secret: bytes, payloads: Iterable[Payload]) -> Collection[str]:
    """Return which people of these messages are on the list at all; the others may get them."""
    keys = {address: address_key(secret, address) for payload in payloads for address in payload.recipients}
    found = suppressions.listed(connection, list(keys.values()))
    return {address for address, key in keys.items() if key in found}


def is_for_any(payload: Payload, addresses: Collection[str]) -> bool:
    """Return whether a message is for any of these people."""
    return any(address in addresses for address in payload.recipients)


def allowed(connection: Connection, secret: bytes, payload: Payload) -> Allowed:
    """Ask for each of a message's people whether it may reach them."""
    optional = Purpose(str(payload.meta.get(PURPOSE, Purpose.TRANSACTIONAL))).is_optional
    to, kept_from = [], {}
    for address in payload.recipients:
        found = suppressions.find(connection, address_key(secret, address), optional=optional)
        if found is None:
            to.append(address)
        else:
            kept_from[address] = found
    return Allowed(tuple(to), kept_from)


def is_for_all(connection: Connection, secret: bytes, payload: Payload) -> bool:
    """Return whether all of a message's people may get it."""
    return not (has_people(payload) and allowed(connection, secret, payload).kept_from)


def only_for(payload: Payload, to: Sequence[str]) -> Payload:
    """Return the message for fewer people; its header still names all of them."""
    return replace(payload, meta={**payload.meta, RECIPIENTS: list(to)})


def suppressed(new: NewDelivery, why: str) -> NewDelivery:
    """Return a delivery that is shown with the reason for which it is not sent."""
    return replace(new, state=State.SUPPRESSED, why=why)


def note_bounces(
    connection: Connection, secret: bytes, due: Due, attempt: Attempt, addresses: Sequence[str]
) -> None:
    """Put addresses that do not exist on the list, with what the mail server said."""
    for address in addresses:
        bounced = Suppression(
            key=address_key(secret, address),
            source=Source.BOUNCED,
            scope=Scope.EVERYTHING,
            at=attempt.started_at,
            address=address.lower(),
            delivery=due.id,
            why=f"{attempt.status or ''} {attempt.answer}".strip(),
        )
        suppressions.add(connection, bounced)
