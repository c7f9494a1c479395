"""A message's exact bytes as a person reads them: an e-mail's text, a Slack message, a webhook's JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from bridge.cli.tables import aligned
from bridge.cli.text import one_line
from bridge.core.messages import Payload
from bridge.core.mrkdwn import plain
from bridge.core.readable import Chat, Mail, read_chat, read_json, read_mail
from bridge.core.redact import hide_secrets

HEADERS = ("from", "to", "cc", "reply-to", "subject")
"""The headers of an e-mail that are shown, in this order; the rest is for machines."""


def payload_lines(kind: str, payload: Payload) -> Iterator[str]:
    """Yield a payload of an `email`, `slack` or `webhook` action as text."""
    match kind:
        case "email":
            yield from _mail(read_mail(payload.body))
        case "slack":
            yield from _chat(read_chat(object_of(payload.body)))
        case _:
            yield body_text(payload.body)
    for cut in payload.cuts:
        yield ""
        yield f"shortened: {one_line(cut)}"


def payload_json(kind: str, payload: Payload) -> dict[str, object]:
    """Return a payload as plain values."""
    base: dict[str, object] = {"meta": hide_secrets(payload.meta), "cuts": list(payload.cuts)}
    match kind:
        case "email":
            mail = read_mail(payload.body)
            return {
                **base,
                "headers": {name.lower(): value for name, value in mail.headers},
                "text": mail.text,
                "html": mail.html,
            }
        case "slack":
            body = object_of(payload.body)
            return {
                **base,
                "text": "\n\n".join(map(plain, read_chat(body).paragraphs)),
                "body": hide_secrets(body),
            }
        case _:
            return {**base, "body": hide_secrets(json_of(payload.body))}


def body_text(body: bytes) -> str:
    """Return a body as indented JSON with its secrets hidden, or as text."""
    value = json_of(body)
    return (
        read_json(json.dumps(hide_secrets(value)).encode())
        if isinstance(value, dict | list)
        else read_json(body)
    )


def json_of(body: bytes) -> object:
    """Return the JSON a body holds, or its text."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")


def object_of(body: bytes) -> Mapping[str, object]:
    """Return the object a body holds, or an empty one."""
    value = json_of(body)
    return value if isinstance(value, dict) else {}


def _mail(mail: Mail) -> Iterator[str]:
    rows = [(name.title(), one_line(mail.header(name))) for name in HEADERS if mail.header(name)]
    yield aligned(rows)
    yield ""
    yield mail.text.rstrip()


def _chat(chat: Chat) -> Iterator[str]:
    yield f"To  {one_line(chat.channel)}" if chat.channel else "To  the webhook's own channel"
    yield ""
    yield "\n\n".join(chat.paragraphs)
