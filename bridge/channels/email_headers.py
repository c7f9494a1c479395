"""The header of an e-mail, written by hand: the same bytes from every Python, and nothing a value can break.

`email.policy` of Python 3.11 unquotes a long name when it folds it, so that `<` and `,` in a person's
name become structure, and reads `=?` in a value as an encoding.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator

MARK = "…"
FOLD = "\r\n "
"""Where a header goes on in the next line."""
_CONTROLS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")
_WORD_BYTES = 39
"""UTF-8 bytes in one encoded word; its line, with the header's name, stays below 76 (RFC 2047, section 2)."""
_PLAIN_LENGTH = 60


def one_line(text: str) -> str:
    """Return a text without line breaks, control characters, and what UTF-8 cannot hold.

    And without marks that turn the direction of the text behind them.
    """
    if text.isprintable() and "  " not in text:
        return text.strip()
    return _CONTROLS.sub(" ", text.encode("utf-8", "replace").decode()).strip()


def unstructured(text: str) -> str:
    """Return a text as the value of a header such as Subject (RFC 5322, section 2.2.1), folded."""
    text = one_line(text)
    if text.isascii() and len(text) <= _PLAIN_LENGTH and "=?" not in text:
        return text
    return encoded(text)


def encoded(text: str) -> str:
    """Return a text as encoded words on lines of their own (RFC 2047)."""
    return FOLD.join([f"=?utf-8?b?{base64.b64encode(word).decode()}?=" for word in _words(text)])


def field(name: str, value: str) -> str:
    """Return a header field, or nothing where it has no value."""
    return f"{name}: {value}\r\n" if value else ""


def listed(values: Iterable[object]) -> str:
    """Return values on lines of their own, with commas between."""
    return f",{FOLD}".join(map(str, values))


def _words(text: str) -> Iterator[bytes]:
    """Cut a text into words that each are whole characters of UTF-8."""
    whole, start = text.encode(), 0
    while start < len(whole):
        end = start + _WORD_BYTES
        while end < len(whole) and whole[end] & 0xC0 == 0x80:  # in the middle of a character
            end -= 1
        yield whole[start:end]
        start = end
