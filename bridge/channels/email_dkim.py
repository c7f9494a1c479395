"""DKIM signatures (RFC 6376), where the mail server makes none; by dkimpy, which is an extra.

Signing takes milliseconds of arithmetic, so it is done in a thread, and anew for each attempt: the message
that is stored has none, since a signature says when it was made.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SecretStr

from bridge.channels.options import Strict

MISSING = (
    "needs the package dkimpy, which is an extra; install it with `pip install 'course-bridge[dkim]'`, "
    "or let the mail server sign"
)
_SIGNED = (
    *("from", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references"),
    *("list-unsubscribe", "list-unsubscribe-post", "content-language", "mime-version", "content-type"),
)
"""RFC 6376, section 5.4.1, and both headers of RFC 8058, section 4."""
_TWICE = ("from", "to", "subject", "date", "reply-to")
"""Signed once more than they stand there, so that nobody can add another (RFC 6376, section 8.15)."""


def _library() -> Any:  # noqa: ANN401 - it has no types
    try:
        import dkim  # noqa: PLC0415 - an extra
        import dkim.crypto  # noqa: PLC0415
    except ImportError:
        raise ValueError(MISSING) from None
    return dkim


def _usable_key(key: SecretStr) -> SecretStr:
    library = _library()
    try:
        library.crypto.parse_pem_private_key(key.get_secret_value().encode())
    except (library.crypto.UnparsableKeyError, ValueError, KeyError, TypeError):
        raise ValueError("expected a private RSA key in PEM; `openssl genrsa 2048` makes one") from None
    return key


def _usable_domain(name: str) -> str:
    labels = name.split(".")
    good = all(0 < len(label) < 64 and label.replace("-", "").replace("_", "").isalnum() for label in labels)
    if not good or not name.isascii() or len(name) > 253:
        raise ValueError("expected a name as it stands in the DNS, such as escola.example")
    return name.lower()


class DkimOptions(Strict):
    """Signs each message; the public key is in the DNS, at SELECTOR._domainkey.DOMAIN."""

    domain: Annotated[str, AfterValidator(_usable_domain)] = Field(
        description="Who signs: the domain of `from`, or one above it."
    )
    selector: Annotated[str, AfterValidator(_usable_domain)] = Field(
        description="Which of the domain's keys: the name before `._domainkey` in the DNS."
    )
    key: Annotated[SecretStr, AfterValidator(_usable_key)] = Field(
        description="The private RSA key in PEM: ${file:/run/secrets/dkim.pem}; never shown."
    )


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs as one domain."""

    domain: str
    selector: str
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, options: DkimOptions) -> Signer:
        """Return what signs as the options say."""
        return cls(options.domain, options.selector, options.key.get_secret_value().encode())

    async def signed(self, message: bytes) -> bytes:
        """Return the message with its signature on top."""
        return await asyncio.to_thread(self._sign, message)

    def _sign(self, message: bytes) -> bytes:
        present = _names(message)
        signed = [name for name in _SIGNED if name in present]
        signature: bytes = _library().sign(
            message,
            self.selector.encode(),
            self.domain.encode(),
            self.key,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[name.encode() for name in (*signed, *_TWICE)],
        )
        return signature + message


def _names(message: bytes) -> frozenset[str]:
    """Return the names of a message's header fields."""
    header = message.partition(b"\r\n\r\n")[0]
    lines = [line for line in header.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    return frozenset(line.partition(b":")[0].decode("ascii", "replace").lower() for line in lines)
