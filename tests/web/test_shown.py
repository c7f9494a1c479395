"""What of a stored message is shown to people who run the bridge."""

from __future__ import annotations

from datetime import UTC, datetime

from bridge.channels.email_address import Mailbox
from bridge.channels.email_message import Letter, written
from bridge.core.messages import Payload
from bridge.core.suppressions import read_token, token_of
from bridge.web.plain import message_plain
from bridge.web.shown import shown_message

SECRET = b"s" * 32
DELIVERY = "0123456789abcdef0123456789abcdef"
TOKEN = token_of(SECRET, DELIVERY, "maria@aluna.example")
LINK = f"https://bridge.escola.example/unsubscribe/{TOKEN}"


def nudge() -> Payload:
    letter = Letter(
        id=DELIVERY,
        date=datetime(2026, 11, 30, tzinfo=UTC),
        sender=Mailbox("ola@escola.example"),
        to=(Mailbox("maria@aluna.example"),),
        subject="Oi",
        text=f"Oi! Sair: {LINK}",
        html=f'<p>Oi! <a href="{LINK}">Sair</a></p>',
        unsubscribe=LINK,
    )
    return Payload(body=written(letter), meta={"recipients": ["maria@aluna.example"]})


def test_nobody_who_looks_at_a_message_gets_the_link_of_its_reader() -> None:
    """Whoever has it decides in their place: it stays out of pages, of JSON and of the terminal."""
    payload = nudge()
    assert read_token(SECRET, TOKEN) is not None
    told = f"{shown_message('email:learners', payload)} {message_plain('email:learners', payload)}"
    assert TOKEN not in told
    assert told.count("https://bridge.escola.example/unsubscribe/***") >= 6
    assert TOKEN.encode() in payload.body.replace(b"=\r\n", b""), "what is sent keeps it"


def test_a_text_with_a_link_elsewhere_stays_whole() -> None:
    """Only what has the form of such a link is hidden."""
    body = b"Subject: x\r\n\r\nhttps://escola.example/unsubscribe/ajuda https://a.example/" + b"A" * 64
    shown = shown_message("email:learners", Payload(body=body))
    assert shown.mail is not None
    assert shown.mail.text.endswith("unsubscribe/ajuda https://a.example/" + "A" * 64)
