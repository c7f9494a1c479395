"""What an HTTP answer, or what came instead, means for a delivery: the table of statuses and errors."""

from __future__ import annotations

import email.utils
import re
import socket
import ssl
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from aiohttp import ClientConnectorError, ClientError, ClientPayloadError, InvalidURL

from bridge.channels.guard import Blocked
from bridge.core.outcomes import ANSWER_LIMIT, Delivered, Outcome, Reason, Rejected, Retry
from bridge.core.redact import HIDDEN

BLOCKED = (
    "the host has a private, loopback or reserved address, which channels do not reach; "
    "if that is right, give the channel `allow_private: true`, or a list with the host's name"
)
NO_REDIRECTS = "the destination redirects, and redirects are not followed; configure the final address"
GONE = "the destination is gone for good"
LONGEST_WAIT = timedelta(days=366)
"""What a `Retry-After` beyond all reason counts as, so that it can be added to a date."""
_DELAY = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_AUTH = frozenset({401, 403, 407})
_LOOKED_AT = 32 * ANSWER_LIMIT
_SECRET_LENGTH = 16
"""Parts of an address that are at least this long are taken for keys and hidden."""


class RedirectRefused(ClientError):
    """The destination answered with a redirect, which is not followed."""

    def __init__(self, status: int) -> None:
        super().__init__(f"redirect {status}")
        self.status = status


class NoAnswer(ClientError):
    """The connection was lost after it was made and before the answer came."""


class NotHttp(ClientError):
    """What came over the connection is no answer of HTTP, or one that does not end."""


class Answer(NamedTuple):
    """A status with its `Retry-After` header and the beginning of its text, which holds no secret."""

    status: int
    retry_after: str | None = None
    text: str = ""


def outcome_of(answer: Answer, now: datetime) -> Outcome:
    """Return what a status means: RFC 9110, section 15, and what webhooks made of it."""
    status, text = answer.status, answer.text
    if 200 <= status < 300:
        return Delivered(status, text)
    after = retry_after(answer.retry_after, now)
    match status:
        case 408:
            return Retry(Reason.TIMEOUT, status, text, after)
        case 425:
            return Retry(Reason.SERVER, status, text, after)
        case 429:
            return Retry(Reason.RATE_LIMITED, status, text, after)
        case 410:
            return Rejected(Reason.CLIENT, status, _joined(GONE, text), gone=True)
        case _ if 300 <= status < 400:
            return Rejected(Reason.CLIENT, status, NO_REDIRECTS)
        case _ if 400 <= status < 500:
            return Rejected(
                Reason.AUTH if status in _AUTH else Reason.CLIENT, status, text or _phrase(status)
            )
        case _:
            return Retry(Reason.SERVER, status, text or _phrase(status), after)


def failure(error: Exception) -> Retry | Rejected:
    """Return what an error of the network means, in words that never hold an address or a header."""
    cause = error.os_error if isinstance(error, ClientConnectorError) else error
    match cause:
        case RedirectRefused():
            return Rejected(Reason.CLIENT, cause.status, NO_REDIRECTS)
        case Blocked():
            return Rejected(Reason.BLOCKED, answer=BLOCKED)
        case TimeoutError():
            return Retry(Reason.TIMEOUT, answer="no answer within the time limit")
        case OSError() | ClientError() if not isinstance(cause, InvalidURL):
            return Retry(Reason.CONNECTION, answer=_said(cause))
        case _:
            return Rejected(
                Reason.INVALID, answer="the request cannot be built; check the address and the headers"
            )


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Return how long a `Retry-After` asks to wait (RFC 9110, section 10.2.3), or None for none or nonsense.

    A date in the past asks for no wait; fractions of a second are accepted, since some vendors send them.
    """
    text = (value or "").strip()
    if not text:
        return None
    if _DELAY.fullmatch(text):
        return min(timedelta(seconds=float(text)), LONGEST_WAIT)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    wait = (date if date.tzinfo else date.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta(0)), LONGEST_WAIT)


def readable(body: bytes | str, secrets: Iterable[str] = ()) -> str:
    """Return the beginning of an answer as one line for people, without the secrets it repeats."""
    return shown(body, spellings(secrets))


def shown(body: bytes | str, hidden: Sequence[str]) -> str:
    """Return what `readable` does, given the `spellings` of the secrets."""
    if not body:
        return ""
    raw = body if isinstance(body, bytes) else body.encode("utf-8", "replace")
    text = raw.decode("utf-8", "replace")[:_LOOKED_AT]
    for spelling in hidden:
        text = text.replace(spelling, HIDDEN)
    text = text[: ANSWER_LIMIT * 2]
    if not text.isprintable():
        text = _CONTROLS.sub(" ", text)
    return text.strip()[:ANSWER_LIMIT]


def spellings(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return the spellings in which an answer may repeat secrets, the longest first."""
    return tuple(sorted({shape for secret in secrets for shape in _shapes(secret)}, key=len, reverse=True))


def secrets_of(address: str) -> Iterator[str]:
    """Yield what must not be shown of an address: the whole, its password, long parts that may be keys."""
    yield address
    parts = urlsplit(address)
    values = [*parts.path.split("/"), *(value for _, value in parse_qsl(parts.query))]
    yield from (value for value in values if len(value) >= _SECRET_LENGTH)
    if parts.password:
        yield parts.password


def _shapes(secret: str) -> Iterator[str]:
    """Yield the spellings in which an answer may repeat a secret: plain, in JSON, percent-encoded."""
    if secret:
        yield secret
        yield secret.replace("/", r"\/")
        yield quote(secret, safe="")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"status {status}"


def _joined(ours: str, theirs: str) -> str:
    return f"{ours}: {theirs}"[:ANSWER_LIMIT] if theirs else ours


def _said(error: Exception) -> str:
    match error:
        case ConnectionRefusedError():
            return "the connection was refused"
        case NotHttp():
            return "what came back is no answer of HTTP; is the port right?"
        case NoAnswer() | ConnectionResetError() | BrokenPipeError() | ClientPayloadError():
            return "the connection was lost before the answer was complete"
        case socket.gaierror():
            return "the host name cannot be resolved; is it written correctly?"
        case ssl.SSLCertVerificationError(verify_message=why):
            return f"the server's certificate was not accepted: {why}"
        case ssl.SSLError():
            return "no secure connection could be made (TLS)"
        case OSError(strerror=str() as text) if error.errno is not None:
            return f"no connection: {text}"
        case _:
            return "the connection failed"
