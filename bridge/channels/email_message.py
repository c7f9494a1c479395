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
from bridge.channels.email_headers import FOLD, header_block, listed, unstructured
from bridge.core.messages import Attachment, Runs

_PARAGRAPHS = re.compile(r"\n\s*\n")


class Letter(Struct, frozen=True, kw_only=True):
    """All that is in an e-mail; `id` is the part of its Message-ID before the @, an aware `date` its Date.

    `thread` is the same part of a message that began the conversation, which need not exist. `unsubscribe`
    is an address of the web. `html_runs` are as in `Document`; without them `html` is encoded as a whole.
    """

    id: str
    date: datetime
    sender: Mailbox
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...] = ()
    reply_to: Mailbox | None = None
    subject: str
    text: str
    html: str
    lang: str = ""
    thread: str = ""
    unsubscribe: str = ""
    attachments: tuple[Attachment, ...] = ()
    html_runs: Runs = ()


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
    said = (
        *(_PART % (mark, b"plain"), quoted(letter.text)),
        *(_PART % (mark, b"html"), _page(letter)),
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
    head = header_block(
        [
            ("Content-Type", file.type),
            ("Content-Disposition", f"attachment;{FOLD}{name}"),
            ("Content-Transfer-Encoding", "base64"),
        ]
    )
    return f"\r\n--{boundary}\r\n".encode() + head + b"\r\n", file.encoded


def quoted(text: str) -> bytes:
    """Return a text as quoted-printable (RFC 2045, section 6.7); lines end with CRLF, the last one too."""
    return _lines(text) or b"\r\n"


def _page(letter: Letter) -> bytes:
    """Return the HTML as quoted-printable; each of its lines is encoded by itself, many of them only once."""
    if not letter.html_runs:
        return quoted(letter.html)
    encoded: list[bytes] = []
    for shared, own in letter.html_runs:
        encoded += (_shared_lines(shared), _lines(own))
    return b"".join(encoded) or b"\r\n"


def _lines(text: str) -> bytes:
    lines = text.encode("utf-8", "replace").splitlines()
    return binascii.b2a_qp(b"".join([line + b"\r\n" for line in lines]), istext=True)


_shared_lines = lru_cache(512)(_lines)
"""For the lines that the messages of a template share."""


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
    return header_block(
        [
            ("From", str(letter.sender)),
            ("To", listed(letter.to) or "undisclosed-recipients:;"),
            ("Cc", listed(letter.cc)),
            ("Reply-To", str(letter.reply_to or "")),
            ("Subject", unstructured(letter.subject)),
            ("Date", format_datetime(letter.date)),
            ("Message-ID", f"<{letter.id}@{domain}>"),
            ("In-Reply-To", thread),
            ("References", thread),
            ("Auto-Submitted", "auto-generated"),  # RFC 3834: other programs do not answer
            ("X-Auto-Response-Suppress", "OOF, AutoReply"),  # the same for Exchange
            ("List-Unsubscribe", f"<{link}>" if link else ""),  # RFC 2369
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click" if one_click else ""),
            ("Content-Language", letter.lang),
            ("MIME-Version", "1.0"),
            ("Content-Type", content),
        ]
    )
