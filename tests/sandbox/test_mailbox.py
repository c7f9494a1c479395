"""The local mailbox, spoken to by a real SMTP client."""

from __future__ import annotations

import asyncio
import gc
from email.message import EmailMessage

import aiosmtplib
import pytest
from yarl import URL

from bridge.core.readable import Mail
from bridge.sandbox.arrivals import Arrivals
from bridge.sandbox.mailbox import Mailbox
from bridge.sandbox.sandbox import Sandbox
from tests.support.clock import FakeClock


def _message(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Escola Exemplo <ola@escola.example>"
    message["To"] = "Maria Conceição <maria@aluna.example>"
    message["Subject"] = subject
    message.set_content("Você concluiu o módulo.\n")
    message.add_alternative("<p>Você concluiu o <b>módulo</b>.</p>\n", subtype="html")
    return message


def _client(url: str) -> aiosmtplib.SMTP:
    parsed = URL(url)
    return aiosmtplib.SMTP(hostname=parsed.host, port=parsed.port, use_tls=False, start_tls=False)


async def test_a_mail_arrives_as_it_was_sent(sandbox: Sandbox, clock: FakeClock) -> None:
    """The mailbox keeps recipient, subject, both parts and the exact bytes, and dates them by the clock."""
    async with _client(sandbox.endpoints().smtp_url) as client:
        await client.send_message(_message("Parabéns, Maria! 🎉"))
    (mail,) = await sandbox.arrivals.wait_for(1, 50)
    assert (mail.kind, mail.to, mail.title) == ("email", "maria@aluna.example", "Parabéns, Maria! 🎉")
    assert mail.at == clock.now()
    assert isinstance(mail.content, Mail)
    assert mail.content.text == "Você concluiu o módulo.\n"
    assert mail.content.html == "<p>Você concluiu o <b>módulo</b>.</p>\n"
    assert b"Subject:" in mail.raw


async def test_one_connection_may_bring_several_mails(sandbox: Sandbox) -> None:
    """A kept connection works as with any mail server."""
    async with _client(sandbox.endpoints().smtp_url) as client:
        for number in range(3):
            await client.send_message(_message(f"{number}"))
    assert [mail.title for mail in await sandbox.arrivals.wait_for(3, 50)] == ["0", "1", "2"]


async def test_closing_ends_connections_and_leaves_nothing_behind() -> None:
    """An idle client does not hold the mailbox up, and no task or socket is left."""
    mailbox = Mailbox(Arrivals(FakeClock()))
    await mailbox.open()
    client = _client(mailbox.url)
    await client.connect()
    before = asyncio.all_tasks()
    await asyncio.wait_for(mailbox.close(), 50)
    assert len(asyncio.all_tasks()) < len(before)
    client.close()
    await mailbox.close()
    gc.collect()


async def test_waiting_for_a_mail_that_does_not_come_says_so(sandbox: Sandbox) -> None:
    """The error names how many of how many arrived."""
    with pytest.raises(TimeoutError, match=r"0 of 1 messages arrived within 0\.01 seconds"):
        await sandbox.arrivals.wait_for(1, 0.01)


def test_arrivals_are_bounded_by_number_and_size() -> None:
    """The oldest are forgotten; one that is too large alone is still kept, and the count goes on."""
    arrivals = Arrivals(FakeClock(), keep=3, keep_bytes=100)
    content = Mail(headers=(), text="", html="")
    for size in (1, 1, 1, 1, 90, 20, 500):
        arrivals.add("email", to="x", title="x", content=content, raw=bytes(size))
        assert len(list(arrivals)) <= 3
    assert [arrival.number for arrival in arrivals] == [7]
    assert (arrivals.total, arrivals.find(7) is not None, arrivals.find(1)) == (7, True, None)
