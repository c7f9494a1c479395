"""Turns a message's bytes back into what a person reads, for the terminal, the admin pages and the sandbox.

Nothing here trusts its bytes: what cannot be read as mail or JSON is shown as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage

from msgspec import Struct

TEXT_LIMIT = 200_000
"""Characters of one part that are shown."""
_DEPTH = 20
_ENTITIES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
_FILES = 50


class Enclosed(Struct, frozen=True):
    """A file that goes with an e-mail: its name, its media type, and its size in bytes."""

    name: str
    type: str
    size: int

    def __str__(self) -> str:
        return f"{self.name} ({self.type}, {self.size / 1024:,.0f} KB)"


class Mail(Struct, frozen=True, kw_only=True):
    """An e-mail: its headers in order and decoded, and its text and HTML part, empty where there is none.

    `files` is what goes with it.
    """

    headers: tuple[tuple[str, str], ...]
    text: str
    html: str
    files: tuple[Enclosed, ...] = ()

    def header(self, name: str) -> str:
        """Return a header's value by its lower-case name, or an empty string."""
        return next((value for key, value in self.headers if key.lower() == name), "")


class Chat(Struct, frozen=True, kw_only=True):
    """A Slack message: mrkdwn in paragraphs, where it goes, and how often it was edited."""

    paragraphs: tuple[str, ...]
    channel: str = ""
    thread: str = ""
    edits: int = 0


def read_mail(message: bytes) -> Mail:
    """Read an e-mail (RFC 5322)."""
    parsed = message_from_bytes(message, policy=policy.default)
    headers = tuple((name, _one_line(parsed, name)) for name in dict.fromkeys(parsed.keys()))
    files = tuple(enclosed for enclosed, _ in _enclosed(parsed))
    return Mail(headers=headers, text=_part(parsed, "plain"), html=_part(parsed, "html"), files=files)


def enclosed(message: bytes) -> tuple[tuple[Enclosed, bytes], ...]:
    """Return the files that go with an e-mail, each with its content."""
    return tuple(_enclosed(message_from_bytes(message, policy=policy.default)))


def read_chat(body: Mapping[str, object]) -> Chat:
    """Read the body of `chat.postMessage` or of an incoming webhook; blocks win over `text`, as in Slack."""
    blocks = body.get("blocks")
    shown = [words for words in _block_words(blocks, _DEPTH) if words.strip()]
    if not shown:
        shown = [str(body.get("text") or "")]
    return Chat(
        paragraphs=tuple(words[:TEXT_LIMIT] for words in shown),
        channel=str(body.get("channel") or ""),
        thread=str(body.get("thread_ts") or ""),
    )


def read_json(body: bytes) -> str:
    """Return JSON on several lines, and anything else as text."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return body[:TEXT_LIMIT].decode("utf-8", "replace")
    return _shown(json.dumps(value, indent=2, ensure_ascii=False))


def _shown(text: str) -> str:
    """Cut, with plain line ends, and without the lone halves of characters that UTF-8 cannot write."""
    return text[:TEXT_LIMIT].replace("\r\n", "\n").encode("utf-8", "replace").decode()


def _one_line(message: EmailMessage, name: str) -> str:
    try:
        return _shown(str(message[name]))
    except (ValueError, LookupError, AttributeError, TypeError, IndexError):
        return "(unreadable)"


def _part(message: EmailMessage, subtype: str) -> str:
    try:
        part = message.get_body(preferencelist=(subtype,))
        return _shown(str(part.get_content())) if part is not None else ""
    except (ValueError, LookupError, AttributeError, TypeError):
        return message.as_bytes()[:TEXT_LIMIT].decode("utf-8", "replace") if subtype == "plain" else ""


def _enclosed(message: EmailMessage) -> Iterator[tuple[Enclosed, bytes]]:
    try:
        parts = [part for part in message.walk() if part.get_content_disposition() == "attachment"]
        for part in parts[:_FILES]:
            content = part.get_payload(decode=True)
            held = content if isinstance(content, bytes) else b""
            name = _shown(str(part.get_filename() or "(without a name)"))
            yield Enclosed(name, _shown(part.get_content_type()), len(held)), held
    except (ValueError, LookupError, AttributeError, TypeError):
        return  # what cannot be read as mail has no files either


def _block_words(value: object, depth: int) -> Iterator[str]:
    """Yield the mrkdwn of every block, one paragraph each, whatever blocks Slack invents next."""
    for block in value if isinstance(value, list) and depth > 0 else ():
        if isinstance(block, dict):
            yield _words(block, depth)


def _words(block: Mapping[str, object], depth: int) -> str:
    match block.get("type"):
        case "header":
            return f"*{_inner(block, depth)}*"
        case "divider":
            return "———"
        case "button":
            label, url = _inner(block, depth), block.get("url")
            return f"<{url}|{label}>" if isinstance(url, str) else f"[{label}]"
        case "image":
            return f"[{_inert(str(block.get('alt_text') or 'image'))}]"
        case _:
            return _inner(block, depth)


def _inner(block: Mapping[str, object], depth: int) -> str:
    text = block.get("text")
    if isinstance(text, str):
        return text if block.get("type") == "mrkdwn" else _inert(text)
    parts = [_words(text, depth - 1)] if isinstance(text, dict) and depth > 0 else []
    for name in ("fields", "elements"):
        parts += _block_words(block.get(name), depth - 1)
    return "  ".join(part for part in parts if part)


def _inert(text: str) -> str:
    """Return plain text as mrkdwn: a name in it calls nobody where notifications show it."""
    return text.translate(_ENTITIES)
