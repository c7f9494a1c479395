"""From a due delivery to the exact bytes of every attempt: event, template, channel's encoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from bridge.channels.base import Channel, Unencodable
from bridge.core.events import Event, Facts
from bridge.core.formers import every_name, instead_names
from bridge.core.messages import (
    PURPOSE,
    UNSUBSCRIBE_HERE,
    UNSUBSCRIBE_NAME,
    Message,
    Payload,
    RenderFailure,
)
from bridge.core.rules import Action, Rule
from bridge.core.threads import counted
from bridge.pipeline.house import ANYWHERE, House
from bridge.sources.base import Malformed, Request, Source, Unsupported
from bridge.store.entries import Entry


class Unready(Struct, frozen=True):
    """A delivery that cannot be composed. `mendable` by a changed configuration or template: it is parked.

    `by_template` says that its event is there and a template failed on it.
    """

    why: str
    mendable: bool = True
    by_template: bool = False


Actions = Mapping[tuple[str, str], Action]


def actions_of(rules: Sequence[Rule]) -> Actions:
    """Return all actions by rule and action name, those of an `else:` among them.

    What waits under a name of before finds its action, too.
    """
    own = [action for rule in rules for action in rule.actions]
    instead = [(parent, each) for parent in own for each in parent.otherwise]
    return {
        **{names: each for parent, each in instead for names in instead_names(parent, each)},
        **{names: action for action in own for names in every_name(action)},
    }


def compose(
    *,
    action: Action,
    channel: Channel,
    facts: Facts,
    delivery_id: str,
    at: datetime,
    house: House = ANYWHERE,
    counts: Mapping[str, int] | None = None,
) -> Payload | Unready:
    """Render an action's content for an event's facts and encode it for its channel.

    `facts` are an event's, or those of several as `together` returns them. `counts` is what a message counts
    that is edited in place; without them it is the first of its kind.
    """
    if action.thread is not None:
        facts = {**facts, **counted(action.thread, counts)}
    is_optional = action.purpose.is_optional
    unsubscribe = house.unsubscribe(action, delivery_id) if is_optional else None
    names = {**facts, UNSUBSCRIBE_NAME: UNSUBSCRIBE_HERE} if unsubscribe else facts
    rendered = action.content.render(names)
    if isinstance(rendered, RenderFailure):
        line = f":{rendered.line}" if rendered.line is not None else ""
        return Unready(f"{rendered.where}{line}: {rendered.why}", by_template=True)
    thread = house.thread(action, facts) if action.conversation else ""
    message = Message(delivery_id=delivery_id, at=at, fields=rendered, thread=thread, unsubscribe=unsubscribe)
    try:
        payload = channel.encode(message, action.settings)
    except Unencodable as error:
        return Unready(str(error), mendable=False)
    if not is_optional:
        return payload
    return replace(payload, meta={**payload.meta, PURPOSE: str(action.purpose)})


def together(items: Sequence[Facts], count: int) -> Facts:
    """Return what a message about several events is made of, in the order in which they happened.

    Those of the newest, all of them as `items`, and as `count` how many there are, if there are more.
    """
    return {**items[-1], "items": list(items), "count": count}


def event_of(entry: Entry, index: int, sources: Mapping[str, Source]) -> Event | Unready:
    """Return one event of a stored entry, parsed again from its raw bytes."""
    source = sources.get(entry.source)
    if source is None:
        return Unready(f"source '{entry.source}' is no longer in the configuration; add it and retry")
    parsed = source.parse(Request(entry.headers, entry.body, entry.received_at))
    if isinstance(parsed, Malformed | Unsupported):
        return Unready(parsed.why)
    if index >= len(parsed):
        return Unready(f"the entry has {len(parsed)} events now, and this delivery is for number {index + 1}")
    return parsed[index]
