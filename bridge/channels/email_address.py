"""Mailboxes: one person's name and address from one text, and as they are written into a header.

A text is one mailbox, never a list: what stands in a person's name cannot add a recipient.
"""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from bridge.channels.email_headers import FOLD, MARK, encoded, one_line

NAME_LIMIT = 100
"""Characters of a name that are kept, so that header lines stay far below their limit."""
_HOUSE = (".local", ".localhost", "@localhost", ".test")
"""Names for private use (RFC 6761, 6762), which email-validator refuses however it is asked."""
_STAND_IN = ".example"
_SHORT = 40
_LOCAL_LIMIT, _DOMAIN_LIMIT = 60, 150
"""Within these no limit of an address can be passed (RFC 5321, section 4.5.3.1)."""
_PLAIN = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*")
"""What may stand before the @ without a second look; capitals get one, since some names have none."""
_BARE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")


class Mailbox(Struct, frozen=True):
    """A checked address, its domain in ASCII, and a name that may be empty."""

    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        """What stands behind the @."""
        return self.address.rpartition("@")[2]

    def __str__(self) -> str:
        """Return the mailbox as a header holds it (RFC 5322, section 3.4)."""
        if not self.name:
            return self.address
        phrase = _phrase(self.name)
        return f"{phrase}{FOLD if FOLD in phrase or len(phrase) > _SHORT else ' '}<{self.address}>"


def mailbox(text: str) -> Mailbox | None:
    """Return the mailbox in `maria@aluna.example` or `Maria <maria@aluna.example>`, or None.

    The last pair of angle brackets holds the address; whatever stands before them is the name.
    """
    text = one_line(text)
    name, bracket, rest = text.rpartition("<")
    if not bracket:
        name, rest = "", text
    elif not rest.endswith(">"):
        return None
    address = _checked(rest.removesuffix(">").strip() if bracket else rest)
    return Mailbox(address, _name(name)) if address else None


def _checked(address: str) -> str | None:
    """Return the address with its domain in ASCII.

    Most are plain, and of few domains; only domains are remembered, since people are not ours to keep.
    """
    local, _, domain = address.rpartition("@")
    if len(local) > _LOCAL_LIMIT or len(domain) > _DOMAIN_LIMIT or not _PLAIN.fullmatch(local):
        return validated(address)
    known = _known(domain)
    return f"{local}@{known}" if known else None


@lru_cache(1024)
def _known(domain: str) -> str | None:
    found = validated(f"x@{domain}")
    return found.removeprefix("x@") if found else None


def validated(address: str) -> str | None:
    """Return the address with its domain in ASCII, or None for what is none. No network is asked.

    Domains that exist only inside a house are good; names without a dot are not, but for this machine's.
    """
    # It takes as long to import as a whole database driver, and is not needed where nothing goes by mail.
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415

    suffix = _STAND_IN if address.lower().endswith(_HOUSE) else ""
    try:
        found = validate_email(
            address + suffix, check_deliverability=False, globally_deliverable=False, strict=True
        )
    except (EmailNotValidError, UnicodeError):
        return None
    domain = found.ascii_domain.lower().removesuffix(suffix)
    return f"{found.local_part}@{domain}" if "." in domain or domain == "localhost" else None


def _name(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    return text if len(text) <= NAME_LIMIT else text[: NAME_LIMIT - 1].rstrip() + MARK


def _phrase(name: str) -> str:
    """Return a name as a header holds it: bare, in quotes, or encoded. A quote is an escaped one."""
    if _BARE.fullmatch(name) and "=?" not in name:
        return name
    if name.isascii() and name.isprintable() and "=?" not in name:
        return '"' + name.replace("\\", r"\\").replace('"', r"\"") + '"'
    return encoded(name)
