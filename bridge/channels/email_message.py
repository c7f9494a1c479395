"""Writes an e-mail as bytes: RFC 5322 with a text and an HTML part, the same bytes for the same letter.

Its structure is always the same, so it is written here rather than built and folded anew for each letter:
`email.message` takes fifty times as long.
"""

from __future__ import annotations

import binascii
import html
import re
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from urllib.parse import quote

from msgspec import Struct

from bridge.channels.email_address import Mailbox
from bridge.channels.email_headers import FOLD, field, listed, unstructured
from bridge.core.messages import Attachment, Runs

_PARAGRAPHS = re.compile(r"\n\s*\n")
_LINE_END = re.compile(rb"\r\n?|\n")
_GOES_ON = b"=\r\n"
"""A line break that is none (RFC 2045, section 6.7, rule 5)."""


class Letter(Struct, frozen=True, kw_only=True):
    """All that is in an e-mail; `id` is the part of its Message-ID before the @, an aware `date` its Date.

    `thread` is the same part of a message that began the conversation, which need not exist. `unsubscribe`
    is an address of the web. A part in runs is encoded by its pieces, those that it shares only once.
    """

    id: str
    date: datetime
    sender: Mailbox
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...] = ()
    reply_to: Mailbox | None = None
    subject: str
    text: str | Runs
    html: str | Runs
    lang: str = ""
    thread: str = ""
    unsubscribe: str = ""
    attachments: tuple[Attachment, ...] = ()


_PART = (
    b"\r\n--%b\r\n"
    b'Content-Type: text/%b; charset="utf-8"\r\n'
    b"Content-Transfer-Encoding: quoted-printable\r\n"
    b"\r\n"
)


def written(letter: Letter) -> bytes:
    """Return the e-mail with CRLF at the end of each line; ASCII but for names before an @ that are not."""
    boundary = f"=_{letter.id}"  # "=_" cannot stand in quoted-printable, nor in base64
    mark = boundary.encode()
    known: dict[str, bytes] = {}  # most of what one part says of its own, the other says too
    said = (
        *(_PART % (mark, b"plain"), quoted(letter.text, known)),
        *(_PART % (mark, b"html"), quoted(letter.html, known)),
        b"\r\n--%b--\r\n" % mark,
    )
    if not letter.attachments:
        return b"".join((_header(letter, f'multipart/alternative; boundary="{boundary}"'), *said))
    outer = f"=_mixed_{letter.id}"
    return b"".join(
        (
            _header(letter, f'multipart/mixed; boundary="{outer}"'),
            f'\r\n--{outer}\r\nContent-Type: multipart/alternative; boundary="{boundary}"\r\n'.encode(),
            *said,
            *(part for file in letter.attachments for part in _attached(file, outer)),
            f"\r\n--{outer}--\r\n".encode(),
        )
    )


def _attached(file: Attachment, boundary: str) -> tuple[bytes, bytes]:
    """Return a file's own header and its lines; a name beyond ASCII is encoded (RFC 2231)."""
    plain = file.name.isascii() and not set(file.name) & set('"\\')
    name = f'filename="{file.name}"' if plain else f"filename*=utf-8''{quote(file.name, safe='')}"
    head = (
        f"\r\n--{boundary}\r\n"
        f"Content-Type: {file.type}\r\n"
        f"Content-Disposition: attachment;{FOLD}{name}\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode(), file.encoded


def quoted(text: str | Runs, known: dict[str, bytes] | None = None) -> bytes:
    """Return a text as quoted-printable (RFC 2045, section 6.7); lines end with CRLF, the last one too.

    In `known` are pieces that were encoded for the same letter, and will be.
    """
    if isinstance(text, str):
        return _ended(_piece(text))
    if _may_part_a_line_end(text.shared):
        return quoted(str(text))
    known = {} if known is None else known
    first, *others = _pieces(text.shared)
    encoded = [first]
    for own, shared in zip(text.own, others, strict=True):
        piece = known.get(own)
        if piece is None:
            piece = known[own] = _piece(own)
        encoded += (piece, shared)
    return _ended(b"".join(encoded))


def _piece(text: str) -> bytes:
    """Return a piece as quoted-printable before any other: a line that has not ended goes on."""
    if not text:
        return b""
    raw = text.encode("utf-8", "replace")
    if "\n" in text or "\r" in text:
        raw = _LINE_END.sub(b"\r\n", raw)
    if raw.endswith(b"\n"):
        return binascii.b2a_qp(raw, istext=True)
    return binascii.b2a_qp(raw + b"\r\n", istext=True)[:-2] + _GOES_ON  # it writes CRLF where it reads one


@lru_cache(512)
def _may_part_a_line_end(shared: tuple[str, ...]) -> bool:
    """Return whether CR and LF may stand on both sides of what is of one message only, and empty."""
    return any(piece.endswith("\r") for piece in shared)


@lru_cache(512)
def _pieces(shared: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(map(_piece, shared))


def _ended(encoded: bytes) -> bytes:
    return encoded + b"\r\n" if not encoded or encoded.endswith(_GOES_ON) else encoded


def as_html(text: str) -> str:
    """Return plain text as HTML: paragraphs and line breaks, nothing else."""
    paragraphs = (part.strip("\n") for part in _PARAGRAPHS.split(text.replace("\r\n", "\n")))
    lines = (html.escape(part).replace("\n", "<br>\n") for part in paragraphs if part.strip())
    inner = "".join(f"<p>{part}</p>\n" for part in lines)
    return f'<!doctype html>\n<html><head><meta charset="utf-8"></head><body>\n{inner}</body></html>\n'


def _header(letter: Letter, content: str) -> bytes:
    domain, link = letter.sender.domain, letter.unsubscribe
    thread = f"<{letter.thread}@{domain}>" if letter.thread else ""
    one_click = link.startswith("https://")  # as RFC 8058 wants it
    return (
        f"From: {letter.sender}\r\n"
        f"To: {listed(letter.to) or 'undisclosed-recipients:;'}\r\n"
        f"{field('Cc', listed(letter.cc))}"
        f"{field('Reply-To', str(letter.reply_to or ''))}"
        f"Subject: {unstructured(letter.subject)}\r\n"
        f"Date: {format_datetime(letter.date)}\r\n"
        f"Message-ID: <{letter.id}@{domain}>\r\n"
        f"{field('In-Reply-To', thread)}"
        f"{field('References', thread)}"
        "Auto-Submitted: auto-generated\r\n"  # RFC 3834: other programs do not answer
        "X-Auto-Response-Suppress: OOF, AutoReply\r\n"  # the same for Exchange
        f"{field('List-Unsubscribe', link and f'<{link}>')}"  # RFC 2369
        f"{field('List-Unsubscribe-Post', 'List-Unsubscribe=One-Click' if one_click else '')}"
        f"{field('Content-Language', letter.lang)}"
        "MIME-Version: 1.0\r\n"
        f"Content-Type: {content}\r\n"
    ).encode()
