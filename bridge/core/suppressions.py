"""Who is not to be written to, and why; what messages are for, and links by which one unsubscribes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from datetime import datetime
from enum import StrEnum
from unicodedata import normalize

from msgspec import Struct

_SIZE = 16
_DOTS = re.compile("[\u3002\uff0e\uff61]")
"""Full stops of other scripts, which part domains too."""


class Purpose(StrEnum):
    """What a message is for, which decides whether people may do without it."""

    TRANSACTIONAL = "transactional"
    """What follows from something they did, such as a confirmation."""
    NUDGE = "nudge"
    """A reminder or an encouragement."""
    MARKETING = "marketing"
    """An offer."""

    @property
    def is_optional(self) -> bool:
        """Whether people may unsubscribe from it."""
        return self is not _TRANSACTIONAL


_TRANSACTIONAL = Purpose.TRANSACTIONAL  # asked of every message, see `core.outcomes.State`


class Source(StrEnum):
    """Who put an address on the list."""

    UNSUBSCRIBED = "unsubscribed"
    """The person, by a link of a message."""
    BOUNCED = "bounced"
    """A mail server, which knows no such address."""
    OPERATOR = "operator"
    """A person who runs the bridge."""


class Scope(StrEnum):
    """Which messages an address does not get."""

    OPTIONAL = "optional"
    """Those that people may do without: nudges and marketing."""
    EVERYTHING = "everything"


class Suppression(Struct, frozen=True, kw_only=True):
    """One reason for which an address gets no messages of a scope.

    `key` is its `address_key`. The address itself is there as long as somebody may need to read it. `why`
    holds the words of a mail server or of an operator; `delivery` is the message that led to it, if any.
    """

    key: bytes
    source: Source
    scope: Scope
    at: datetime
    address: str | None = None
    delivery: str | None = None
    why: str = ""

    @property
    def sentence(self) -> str:
        """Why nothing is sent, for the operator; it names no address."""
        day = f"{self.at:%Y-%m-%d}"
        match self.source:
            case Source.UNSUBSCRIBED if self.scope is Scope.EVERYTHING:
                told = f"this person wants no more messages at all, since {day}"
            case Source.UNSUBSCRIBED:
                told = f"this person unsubscribed from nudges and marketing on {day}"
            case Source.BOUNCED:
                told = f"the address bounced on {day}"
            case Source.OPERATOR:
                told = f"an operator took the address off on {day}"
        return f"suppressed: {told}" + (f": {self.why}" if self.why else "")


class Leaver(Struct, frozen=True):
    """Whom a link to unsubscribe is for, and which delivery it came with."""

    key: bytes
    delivery: str


def address_key(secret: bytes, address: str) -> bytes:
    """Return 16 bytes for an address, the same in capitals; keyed, so that they tell nobody the address.

    Its domain counts as it travels, in ASCII, and letters with accents count as one each.
    """
    local, at, domain = normalize("NFC", address.strip().lower()).rpartition("@")
    known = f"{local}{at}{domain if domain.isascii() else _in_ascii(domain)}"
    return _digest(secret, b"address", known.encode("utf-8", "surrogatepass"))


def _in_ascii(domain: str) -> str:
    """Return a domain in small letters as mail servers see it (RFC 5891; Unicode TS 46, non-transitional).

    Python's own codec is of 2003 and makes `ss` of `ß`; here any text comes to something, good or not.
    """
    labels = _DOTS.sub(".", normalize("NFKC", domain).lower()).split(".")
    return ".".join(
        each if each.isascii() else "xn--" + each.encode("punycode", "replace").decode() for each in labels
    )


def token_of(secret: bytes, delivery: str, address: str) -> str:
    """Return what a link to unsubscribe ends in: 64 characters that hold no address and cannot be made up."""
    said = bytes.fromhex(delivery) + address_key(secret, address)
    return base64.urlsafe_b64encode(said + _digest(secret, b"unsubscribe", said)).decode()


def read_token(secret: bytes, text: str) -> Leaver | None:
    """Return what a token of ours says, or None for any other text; compared in constant time."""
    try:
        raw = base64.b64decode(text.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    said, mark = raw[: 2 * _SIZE], raw[2 * _SIZE :]
    if not hmac.compare_digest(mark, _digest(secret, b"unsubscribe", said)):
        return None
    return Leaver(key=said[_SIZE:], delivery=said[:_SIZE].hex())


def _digest(secret: bytes, kind: bytes, data: bytes) -> bytes:
    """Return 16 bytes of BLAKE2b (RFC 7693), whose `person` parts addresses from links."""
    return hashlib.blake2b(data, digest_size=_SIZE, key=secret, person=kind).digest()
