"""What happened in a story: each delivery as its reader sees it, with what became of it and when."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from email.utils import getaddresses

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.messages import Payload
from bridge.core.outcomes import State
from bridge.core.rules import kind_of
from bridge.store.details import DeliveryDetails
from bridge.web.shown import shown_message


class Happened(Struct, frozen=True, kw_only=True):
    """One delivery at the end of the story; `at` is when it came to its state, or is due if it waits.

    What its message says is empty where the channel has no such thing, or no message was made.
    """

    at: datetime
    channel: str
    kind: str
    rule: str
    state: State
    event: int
    to: tuple[str, ...] = ()
    subject: str = ""
    text: str = ""
    structure: object = None
    why: str = ""

    @property
    def matters(self) -> bool:
        """Whether it must be expected: a message that arrived, or one that is lost unless somebody acts."""
        return self.state in (State.DELIVERED, State.DEAD, State.PARKED, State.KEPT)


def happened(deliveries: Iterable[DeliveryDetails], begins: datetime) -> Iterator[Happened]:
    """Yield what came to an end from the beginning of the story on, or waits, in order of time."""
    found = [_happened(each) for each in deliveries]
    yield from sorted((each for each in found if each.at >= begins), key=lambda each: each.at)


def _happened(details: DeliveryDetails) -> Happened:
    row = details.row
    waits = row.state in (State.PENDING, State.SENDING)
    bare = Happened(
        at=row.due_at if waits else row.updated_at,
        channel=row.channel,
        kind=kind_of(row.action),
        rule=row.rule,
        state=State.PENDING if waits else row.state,
        event=row.inbox_seq,
        why=row.why or row.last_answer or "",
    )
    return bare if details.payload is None else _with_message(bare, row.action, details.payload)


def _with_message(bare: Happened, action: str, payload: Payload) -> Happened:
    shown = shown_message(action, payload)
    if shown.mail is not None:
        addresses = getaddresses([shown.mail.header("to")])
        to = tuple(address for _, address in addresses if address)
        return replace(bare, to=to, subject=shown.mail.header("subject"), text=shown.mail.text)
    if shown.chat is not None:
        to = (shown.chat.channel,) if shown.chat.channel else ()
        return replace(bare, to=to, text="\n\n".join(shown.chat.paragraphs))
    return replace(bare, text=shown.raw, structure=_structure(payload.body))


def _structure(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
