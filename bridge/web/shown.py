"""What a stored event or message looks like to a person: without secrets, and as its readers see it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from io import StringIO
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from bridge.core.identity import ID_SHOWN
from bridge.core.messages import Payload
from bridge.core.outcomes import State
from bridge.core.readable import TEXT_LIMIT, Chat, Mail, read_chat, read_json, read_mail
from bridge.core.redact import HIDDEN, hide_secrets, names_secret
from bridge.core.rules import kind_of
from bridge.store.details import DeliveryDetails
from bridge.store.entries import Entry

_LINK = re.compile(r"(?<=/unsubscribe/)[A-Za-z0-9_-]{64}(?![A-Za-z0-9_-])")


class Shown(Struct, frozen=True, kw_only=True):
    """A message as its channel's reader sees it; `raw` is its bytes as text, of a mail its text."""

    kind: Literal["mail", "chat", "text"]
    mail: Mail | None = None
    chat: Chat | None = None
    raw: str = ""


def shown_message(action: str, payload: Payload) -> Shown:
    """Return the message that every attempt of an action's delivery sends."""
    match kind_of(action):
        case "email":
            mail = _without_links(read_mail(payload.body))
            return Shown(kind="mail", mail=mail, raw=mail.text)
        case "slack":
            chat = read_chat(_object(payload.body))
            return Shown(kind="chat", chat=chat, raw=read_json(payload.body))
        case _:
            return Shown(kind="text", raw=read_json(payload.body))


def _without_links(mail: Mail) -> Mail:
    """Return a mail without the links by which its reader unsubscribes: whoever has one decides for them."""
    return replace(
        mail,
        headers=tuple((name, _LINK.sub(HIDDEN, value)) for name, value in mail.headers),
        text=_LINK.sub(HIDDEN, mail.text),
        html=_LINK.sub(HIDDEN, mail.html),
    )


def items_headline(found: DeliveryDetails) -> str:
    """Return what the list of those that go out together is about."""
    more = f"; the first {len(found.items)} are" if found.item_count > len(found.items) else ":"
    if found.head is None:
        return f"It waits with others; {found.item_count} events are in the message so far{more}"
    if found.head == found.row.id:
        return f"The message is about {found.item_count} events{more}"
    return f"The message of delivery {found.head[:ID_SHOWN]} is about {found.item_count} events{more}"


def shares(found: DeliveryDetails) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return who has a message and who is still to get it, if only some of its people have it."""
    if found.payload is None or found.row.state is State.DELIVERED or not found.payload.taken:
        return (), ()
    return found.payload.taken, found.payload.recipients


def shown_body(body: bytes) -> str:
    """Return an event's body on several lines; members with a secret's name are hidden."""
    value = body_value(body)
    if isinstance(value, str):
        return read_json(body)
    return _indented(value)


def body_value(body: bytes) -> object:
    """Return an event's body as JSON with secrets hidden, or as text if it is no JSON."""
    try:
        return hide_secrets(json.loads(body))
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")


def shown_headers(entry: Entry) -> dict[str, str]:
    """Return the stored headers; those with a secret's name are hidden."""
    return {name: HIDDEN if names_secret(name) else value for name, value in entry.headers.items()}


def _indented(value: object) -> str:
    """Return JSON on several lines as far as it is shown: the rest of a large one is not even written."""
    lines = StringIO()
    for part in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(value):
        lines.write(part)
        if lines.tell() >= TEXT_LIMIT:
            break
    text = lines.getvalue()[:TEXT_LIMIT]
    return text.encode("utf-8", "replace").decode()


def _object(body: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = {"text": body.decode("utf-8", "replace")}
    return value if isinstance(value, dict) else {}
