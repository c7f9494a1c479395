"""E-mail through an SMTP server: one message for one person, or for a few who may see each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from bridge.channels.base import ChannelPolicy, Limit, Unencodable
from bridge.channels.email_address import Mailbox, mailbox
from bridge.channels.email_dkim import Signer
from bridge.channels.email_headers import MARK, one_line
from bridge.channels.email_message import Letter, as_html, written
from bridge.channels.email_options import ADDRESSED, RECIPIENT_LIMIT, EmailOptions
from bridge.channels.http import Shared
from bridge.channels.smtp import Heard, Relay
from bridge.channels.smtp_session import Envelope
from bridge.core.messages import (
    CLIPPED,
    CLIPPED_FROM,
    RECIPIENTS,
    UNSUBSCRIBE_HERE,
    Attachment,
    Document,
    Message,
    Payload,
    Runs,
)
from bridge.core.outcomes import Outcome

SUBJECT_LIMIT = Limit(
    "characters of a subject",
    255,
    "https://learn.microsoft.com/en-us/exchange/client-developer/web-service-reference/subject",
)
HTML_LIMIT = Limit(
    "bytes of HTML",
    CLIPPED_FROM,
    "https://mailchimp.com/help/gmail-is-clipping-my-email/",
)
LINE_LIMIT = Limit("bytes of a line", 998, "https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1")


class EmailChannel:
    """Sends through one mail server."""

    limits: ClassVar[tuple[Limit, ...]] = (SUBJECT_LIMIT, RECIPIENT_LIMIT, HTML_LIMIT, LINE_LIMIT)

    def __init__(self, name: str, options: EmailOptions, shared: Shared) -> None:
        self.name = name
        self._options = options
        self._sender = _mailbox(options.from_, "from")
        self._reply_to = _mailbox(options.reply_to, "reply_to") if options.reply_to else None
        self._signer = Signer.of(options.dkim) if options.dkim else None
        self._relay = Relay(
            options.server(),
            shared,
            options.allow_private,
            size=options.concurrency,
            limit_s=options.timeout.total_seconds(),
        )

    @property
    def policy(self) -> ChannelPolicy:
        """Retries, time limit and concurrency."""
        return self._options.policy()

    def encode(self, message: Message, settings: Mapping[str, object]) -> Payload:  # noqa: ARG002  # has none
        """Return the e-mail's bytes; raises `Unencodable` for bad addresses and empty parts."""
        fields, body = message.fields, message.fields["body"]
        to, cc, bcc = _people(fields)
        if not to:
            raise Unencodable("there is no recipient: 'to' came out empty for this event")
        recipients = list(dict.fromkeys([each.address for each in (*to, *cc, *bcc)]))
        if len(recipients) > RECIPIENT_LIMIT.value:
            raise Unencodable(f"there are more than {RECIPIENT_LIMIT.value} recipients; use a mailing list")
        reply_to = str(fields.get("reply_to") or "")
        subject, cuts = _subject(fields)
        text, html = _parts(body)
        link = ""
        if message.unsubscribe is not None:
            link = message.unsubscribe(recipients[0]) if len(recipients) == 1 else ""
            text, html = _linked(text, link), _linked(html, link)
        letter = Letter(
            id=message.delivery_id,
            date=message.at,
            sender=self._sender,
            to=to,
            cc=cc,
            reply_to=_mailbox(reply_to, "reply_to") if reply_to else self._reply_to,
            subject=subject,
            text=text,
            html=html,
            lang=body.lang if isinstance(body, Document) else "",
            thread=message.thread,
            unsubscribe=link,
            attachments=tuple([value for value in fields.values() if isinstance(value, Attachment)]),
        )
        cuts += _clipped(html)
        return Payload(body=written(letter), meta={RECIPIENTS: recipients}, cuts=cuts)

    async def send(self, payload: Payload, delivery_id: str) -> Outcome:  # noqa: ARG002  # it is the Message-ID
        """Hand over once."""
        body = payload.body if self._signer is None else await self._signer.signed(payload.body)
        return await self._relay.send(self._envelope(payload, body))

    def send_at_once(self, payload: Payload, delivery_id: str, told: Callable[[Heard], None]) -> bool:  # noqa: ARG002
        """Hand over once on a connection that is at hand; what is `told` is for `outcome`."""
        if self._signer is not None:
            return False
        return self._relay.send_at_once(self._envelope(payload, payload.body), told)

    def outcome(self, came: Heard) -> Outcome:
        """Return what came of a message that was sent at once."""
        return self._relay.outcome(came)

    async def open(self) -> None:
        """Nothing to open: connections are made when they are needed."""

    async def close(self) -> None:
        """Close the connections that are kept."""
        await self._relay.close()

    def _envelope(self, payload: Payload, body: bytes) -> Envelope:
        return Envelope(self._sender.address, payload.recipients, body)


def _people(fields: Mapping[str, object]) -> tuple[tuple[Mailbox, ...], ...]:
    """Return the mailboxes of `to.0`, `to.1`, `cc.0` and so on; an entry that came out empty is none."""
    found: dict[str, list[Mailbox]] = {name: [] for name in ADDRESSED}
    for key, value in fields.items():
        name = key.partition(".")[0]
        if name in found and (text := str(value)).strip():
            found[name].append(_mailbox(text, name))
    return tuple(map(tuple, found.values()))


def _mailbox(text: str, name: str) -> Mailbox:
    found = mailbox(text)
    if found is None:
        raise Unencodable(f"what '{name}' gives for this event is no e-mail address; check the event's data")
    return found


def _subject(fields: Mapping[str, object]) -> tuple[str, tuple[str, ...]]:
    body = fields["body"]
    front = body.front.get("subject", "") if isinstance(body, Document) else ""
    subject = one_line(str(fields.get("subject") or front))
    if not subject:
        raise Unencodable(
            "there is no subject: write `subject:` in the template's front matter or in the action"
        )
    if len(subject) <= SUBJECT_LIMIT.value:
        return subject, ()
    short = subject[: SUBJECT_LIMIT.value - len(MARK)].rstrip() + MARK
    return short, (f"subject cut from {len(subject):,} to {len(short):,} characters",)


def _clipped(html: str | Runs) -> tuple[str, ...]:
    """Return what Gmail will do with a long message; nothing is cut here."""
    if len(html) * 4 <= CLIPPED_FROM:
        return ()
    size = len(str(html).encode("utf-8", "replace"))
    return (f"the HTML has {size / 1024:.0f} KB: {CLIPPED}",) if size > CLIPPED_FROM else ()


def _parts(body: object) -> tuple[str | Runs, str | Runs]:
    """Return the text part and the HTML part."""
    text, html = (body.text, body.html) if isinstance(body, Document) else (str(body), "")
    if _is_blank(text) and _is_blank(html):
        raise Unencodable("the message came out empty; check the template")
    return text, html or as_html(str(text))


def _is_blank(part: str | Runs) -> bool:
    return part.is_blank if isinstance(part, Runs) else not part.strip()


def _linked(part: str | Runs, link: str) -> str | Runs:
    """Return a part with the address at which its reader unsubscribes."""
    if isinstance(part, str):
        return part.replace(UNSUBSCRIBE_HERE, link)
    return Runs(part.shared, tuple([own.replace(UNSUBSCRIBE_HERE, link) for own in part.own]))
