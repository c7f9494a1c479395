"""A message's exact bytes for the terminal: an e-mail's head and text, a Slack message, a webhook's JSON."""

from __future__ import annotations

from collections.abc import Iterator

from bridge.cli.tables import aligned
from bridge.cli.text import one_line
from bridge.core.messages import Payload
from bridge.core.readable import Chat, Mail
from bridge.web.shown import shown_body, shown_message

HEADERS = ("from", "to", "cc", "reply-to", "subject")
"""The headers of an e-mail that are shown, in this order; the rest is for machines."""


def payload_lines(action: str, payload: Payload) -> Iterator[str]:
    """Yield what an action's delivery sends, as text."""
    shown = shown_message(action, payload)
    if shown.mail is not None:
        yield from _mail(shown.mail)
    elif shown.chat is not None:
        yield from _chat(shown.chat)
    else:
        yield shown_body(payload.body)
    for cut in payload.cuts:
        yield ""
        yield f"shortened: {one_line(cut)}"


def _mail(mail: Mail) -> Iterator[str]:
    rows = [(name.title(), one_line(mail.header(name))) for name in HEADERS if mail.header(name)]
    yield aligned([*rows, *(("With", one_line(str(file))) for file in mail.files)])
    yield ""
    yield mail.text.rstrip()


def _chat(chat: Chat) -> Iterator[str]:
    yield f"To  {one_line(chat.channel)}" if chat.channel else "To  the webhook's own channel"
    yield ""
    yield "\n\n".join(chat.paragraphs)
