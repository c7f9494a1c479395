"""What an SMTP server's answers, and errors on the way to it, mean for a delivery.

4xx passes and 5xx stays (RFC 5321, section 4.2.1), where the answer is about the message; an answer about
the connection is tried again whatever its number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponse,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)
from msgspec import Struct
from msgspec.structs import replace

from bridge.channels.answers import failure, shown, spellings
from bridge.core.outcomes import ANSWER_LIMIT, Delivered, Outcome, Partly, Reason, Rejected, Retry

_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b(?!\.)")
_UNKNOWN = frozenset(("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"))
"""No such mailbox, host or syntax, moved, a host that takes no mail, a mailbox that is closed."""
_OF_THE_MAILBOX = (".1.", ".2.")
"""What is about an address or its mailbox, whatever class a server puts before it (RFC 3463, section 3)."""
_UNKNOWN_WORDS = re.compile(
    r"(?:user|recipient|mailbox|address|account)\b[^.;]{0,60}\b(?:unknown|not exist|not found|disabled)"
    r"|\b(?:unknown|no such) (?:local |virtual )?(?:user|recipient|mailbox|address|account|person)",
    re.IGNORECASE,
)
_SENDER = re.compile(r"\b(?:sender|mail from|rate)\b(?![\w.-]*@)", re.IGNORECASE)
"""Words by which a server speaks of whoever writes, whatever its status code says."""
_ABOUT_US = re.compile(
    r"\b(?:sending|your account|verif\w+|authent\w+|spf|dkim|dmarc|helo|ehlo|spam\w*|relay\w*(?! recipient))"
    r"\b(?![\w.-]*@)",
    re.IGNORECASE,
)
"""More of them, for answers without a status code, though these say `unknown` or `disabled`."""
_LOGIN = "the mail server refuses the login; check user and password in `smtp`"


class Hidden(Struct, frozen=True):
    """What must not be shown of an answer: the login's password, in its `spellings`, and the recipients."""

    login: tuple[str, ...]
    recipients: tuple[str, ...]

    def readable(self, answer: str) -> str:
        """Return the beginning of an answer as one line for people."""
        if "@" not in answer and "%40" not in answer:  # as in most: every spelling of an address has one
            return shown(answer, self.login)
        hidden = {*spellings(self.recipients), *self.login}
        return shown(answer, sorted(hidden, key=len, reverse=True))


class NoTls(SMTPException):
    """The server offers no STARTTLS where it may not be left out."""

    def __init__(self) -> None:
        super().__init__("the mail server offers no encryption (STARTTLS); use smtps://, or another port")


class Insecure(SMTPException):
    """A login would travel in clear."""

    def __init__(self) -> None:
        super().__init__("user and password are not sent without encryption; remove `tls: none`")


class NotUtf8(SMTPException):
    """The server cannot handle an address with letters beyond ASCII before the @."""

    def __init__(self) -> None:
        super().__init__(
            "the mail server cannot handle foreign letters before the @ of an address (no SMTPUTF8)"
        )


class LostAfterData(SMTPException):
    """The connection was lost after the message was handed over, before the server took it."""

    def __init__(self) -> None:
        super().__init__("the connection was lost while the message was handed over; it may arrive twice")


def accepted(
    response: SMTPResponse, refusals: Sequence[SMTPRecipientRefused], recipients: int, hidden: Hidden
) -> Delivered | Retry:
    """Return the outcome of a message that the server took, for some of its recipients at least.

    From then on it answers for these (RFC 5321, section 6.1), so only those may be tried again whom it
    refused for now. They are named by their place among the recipients.
    """
    text = hidden.readable(response.message)
    if not refusals:
        return Delivered(response.code, text[:ANSWER_LIMIT])
    later = [refusal for refusal in refusals if refusal.code < 500]
    final = [refusal for refusal in refusals if refusal.code >= 500]
    said = [_told(later, "refused for now", recipients, hidden), _told(final, "refused", recipients, hidden)]
    text = "; ".join(filter(None, (*said, f"the others: {text}")))[:ANSWER_LIMIT]
    if not later:
        return Delivered(response.code, text, bounced=bounced(final))
    left = tuple(refusal.recipient for refusal in later)
    away = {refusal.recipient for refusal in refusals}
    partly = Partly(tuple(each for each in hidden.recipients if each not in away), left)
    return Retry(Reason.SERVER, _status(later[0]), text, partly=partly, bounced=bounced(final))


def _told(refusals: Sequence[SMTPRecipientRefused], verb: str, recipients: int, hidden: Hidden) -> str:
    """Return how many were refused, which of the recipients they are, and what was said to the first."""
    if not refusals:
        return ""
    places = ", ".join(str(hidden.recipients.index(each.recipient) + 1) for each in refusals)
    number = "number" if len(refusals) == 1 else "numbers"
    answer = hidden.readable(f"{refusals[0].code} {refusals[0].message}")
    return f"{verb} for {len(refusals)} of {recipients} recipients, {number} {places} ({answer})"


def refused(refusals: Sequence[SMTPRecipientRefused], hidden: Hidden) -> Retry | Rejected:
    """Return the outcome of a message that no recipient may get; one who may get it later is enough."""
    later = [refusal for refusal in refusals if refusal.code < 500]
    outcome = _about_message(later[0] if later else refusals[0], hidden)
    if isinstance(outcome, Retry):
        return replace(outcome, own=all(map(_is_of_the_mailbox, later)))
    return replace(outcome, bounced=bounced(refusals))


def refused_whole(error: SMTPDataError, recipients: Sequence[str], hidden: Hidden) -> Retry | Rejected:
    """Return the outcome of a message that was refused as a whole; its only recipient may be the cause.

    Only a status code says so: words are about the message by then, or about us.
    """
    outcome = _about_message(error, hidden)
    coded = _ENHANCED.search(error.message) is not None
    if isinstance(outcome, Rejected) and len(recipients) == 1 and coded and _is_unknown(error):
        return replace(outcome, bounced=tuple(recipients))
    return outcome


def bounced(refusals: Sequence[SMTPRecipientRefused]) -> tuple[str, ...]:
    """Return the addresses, among those refused, that do not exist by the server's word."""
    return tuple(refusal.recipient for refusal in refusals if _is_unknown(refusal))


def _is_unknown(error: SMTPResponseException) -> bool:
    """Return whether a server says that there is no such address, and not that it dislikes the message.

    By the enhanced status code (RFC 3463), or without one by the words of a 550, 551 or 553: `5.7.1` with
    "user unknown" in it is a policy. What it says of our own address or account would otherwise keep
    messages from everybody we write to.
    """
    if not 500 <= error.code < 600 or _SENDER.search(error.message):
        return False
    enhanced = _ENHANCED.search(error.message)
    if enhanced is not None:
        return enhanced[0] in _UNKNOWN
    told = error.code in (550, 551, 553) and _UNKNOWN_WORDS.search(error.message) is not None
    return told and _ABOUT_US.search(error.message) is None


def _is_of_the_mailbox(error: SMTPResponseException) -> bool:
    """Return whether a server refuses a recipient for now because of the mailbox, and is there for others.

    By the enhanced status code, or without one by a 450 (RFC 5321, section 4.2.3), unless it speaks of us.
    """
    if error.code == 421 or _SENDER.search(error.message):
        return False
    enhanced = _ENHANCED.search(error.message)
    if enhanced is not None:
        return enhanced[0].startswith(_OF_THE_MAILBOX, 1)
    return error.code == 450 and _ABOUT_US.search(error.message) is None


def outcome_of_error(error: Exception, hidden: Hidden) -> Outcome:
    """Return what an error means."""
    match error:
        case NoTls() | LostAfterData():
            return Retry(Reason.CONNECTION, answer=error.message)
        case Insecure() | NotUtf8():
            insecure = isinstance(error, Insecure)
            return Rejected(Reason.AUTH if insecure else Reason.INVALID, answer=error.message, gone=insecure)
        case SMTPResponseException():
            return _answered(error, hidden)
        case OSError(__cause__=OSError() as cause):
            return failure(cause)
        case SMTPServerDisconnected():
            return Retry(Reason.CONNECTION, answer="the connection was lost")
        case SMTPException() if not isinstance(error, OSError):
            return Rejected(Reason.AUTH, answer=f"{_LOGIN}: no method of login in common", gone=True)
        case _:
            return failure(error)


def _answered(error: SMTPResponseException, hidden: Hidden) -> Outcome:
    match error:
        case SMTPAuthenticationError(code=code):
            text = f"{_LOGIN}: {hidden.readable(error.message)}"[:ANSWER_LIMIT]
            return (
                Retry(Reason.AUTH, code, text) if code < 500 else Rejected(Reason.AUTH, code, text, gone=True)
            )
        case SMTPSenderRefused() | SMTPDataError() | SMTPRecipientRefused():
            return _about_message(error, hidden)
        case _:
            return Retry(Reason.SERVER, _status(error), hidden.readable(error.message))


def _about_message(error: SMTPResponseException, hidden: Hidden) -> Retry | Rejected:
    text = hidden.readable(error.message)
    if error.code == 530:
        return Rejected(Reason.AUTH, error.code, text, gone=True)
    if 500 <= error.code < 600:
        return Rejected(Reason.CLIENT, error.code, text)
    return Retry(Reason.SERVER, _status(error), text)


def _status(error: SMTPResponseException) -> int | None:
    return error.code if error.code > 0 else None  # aiosmtplib gives what is no answer a negative number
