"""What is sent to the team in the place of a message that could not be made, while that one is parked."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from bridge.channels.base import Channel, Unencodable
from bridge.core.identity import delivery_id
from bridge.core.messages import Message, Payload
from bridge.core.rules import Action
from bridge.core.unmade import Unmade, unmade_name, unmade_text
from bridge.store.deliveries import Due, NewDelivery


class Instead(Struct, frozen=True):
    """A delivery with its message, which no template makes."""

    delivery: NewDelivery
    payload: Payload


def instead_of(due: Due, action: Action | None, channel: Channel, why: str, now: datetime) -> Instead | None:
    """Return what the team gets; None where the message is for somebody else, such as a learner.

    Its id is the same however often the message fails in one run, so it is sent once.
    """
    if action is None or action.unmade is None:
        return None
    name = unmade_name(action.name)
    made = delivery_id(due.entry.key, due.entry.received_at, due.event_index, due.rule, name, due.run)
    text = unmade_text(Unmade(rule=due.rule, event=due.entry.seq, why=why, delivery=due.id), action.unmade)
    message = Message(delivery_id=made, at=now, fields={"text": text})
    place = {key: value for key, value in action.settings.items() if key == "channel"}
    try:
        payload = channel.encode(message, place)
    except Unencodable:
        return None
    new = NewDelivery(
        id=made,
        entry_seq=due.entry.seq,
        event_index=due.event_index,
        run=due.run,
        rule=due.rule,
        action=name,
        channel=due.channel,
        created_at=now,
        due_at=now,
    )
    return Instead(new, payload)
