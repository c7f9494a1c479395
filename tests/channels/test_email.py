"""E-mail: the bytes that are written, the dialogue with a real server, and what its answers come to."""

from __future__ import annotations

import asyncio
import base64
import email
import email.policy
import gc
import re
from datetime import timedelta
from email.message import EmailMessage
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pydantic import ValidationError

from bridge.channels.base import Unencodable
from bridge.channels.email import LINE_LIMIT, SUBJECT_LIMIT, EmailChannel
from bridge.channels.email_options import EmailAction, EmailOptions
from bridge.channels.http import Shared
from bridge.core.messages import CLIPPED, UNSUBSCRIBE_HERE, Attachment, Document, Payload, Slot, Target
from bridge.core.outcomes import Delivered, Outcome, Partly, Reason, Rejected, Retry
from tests.support.certificates import Certificate
from tests.support.channels import DELIVERY, SOFTWARE, handed_over, mail, message, opened
from tests.support.clock import FakeClock
from tests.support.loop_time import pass_time
from tests.support.smtp_server import PASSWORD, USER, SmtpServer

MARIA = {"to.0": "Maria <maria@aluna.example>", "subject": "Parabéns", "body": "Você concluiu o módulo."}
LOGIN = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}@"


def encode(fields: dict[str, object] | None = None, **raw: object) -> Payload:
    options = EmailOptions.model_validate({"type": "email", **mail("smtp://mail.example"), **raw})
    channel = EmailChannel("learners", options, Shared(FakeClock(), SOFTWARE))
    return channel.encode(message({**MARIA, **(fields or {})}), {})


def parsed(payload: Payload) -> EmailMessage:
    found = email.message_from_bytes(payload.body, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def part(found: EmailMessage, kind: str) -> str:
    body = found.get_body((kind,))
    assert isinstance(body, EmailMessage)
    text = body.get_content()
    assert isinstance(text, str)
    return text.replace("\r\n", "\n")


async def send(server: SmtpServer, *, times: int = 1, **raw: object) -> list[Outcome]:
    async with opened("email", mail(server.url, **raw)) as channel:
        payload = channel.encode(message(MARIA), {})
        return [await handed_over(channel, payload) for _ in range(times)]


# ---- the bytes ----


def test_a_message_has_all_its_headers() -> None:
    """Who, to whom, when, an id made of the delivery's, and that a program wrote it."""
    found = parsed(
        encode(
            {
                "to.1": "rui@escola.example",
                "cc.0": "Ana <ana@escola.example>",
                "reply_to": "ajuda@escola.example",
            }
        )
    )
    assert {name.lower(): str(value) for name, value in found.items()} == {
        "from": "Escola Exemplo <ola@escola.example>",
        "to": "Maria <maria@aluna.example>, rui@escola.example",
        "cc": "Ana <ana@escola.example>",
        "reply-to": "ajuda@escola.example",
        "subject": "Parabéns",
        "date": "Mon, 04 May 2026 12:00:00 +0000",
        "message-id": f"<{DELIVERY}@escola.example>",
        "auto-submitted": "auto-generated",
        "x-auto-response-suppress": "OOF, AutoReply",
        "mime-version": "1.0",
        "content-type": f'multipart/alternative; boundary="=_{DELIVERY}"',
    }


def test_a_template_says_its_language() -> None:
    """For screen readers, and for programs that offer a translation."""
    found = parsed(encode({"body": Document(html="<p>Olá</p>", text="Olá", lang="pt-BR")}))
    assert found["Content-Language"] == "pt-BR"


def test_a_conversation_is_one_by_a_message_that_need_not_exist() -> None:
    """Every message of it names the same one, in whatever order they arrive; without one there is none."""
    options = EmailOptions.model_validate({"type": "email", **mail("smtp://mail.example")})
    channel = EmailChannel("learners", options, Shared(FakeClock(), SOFTWARE))
    said = replace(message(MARIA), thread="ab" * 16)
    found = parsed(channel.encode(said, {}))
    assert found["References"] == found["In-Reply-To"] == f"<{'ab' * 16}@escola.example>"
    assert parsed(encode())["References"] is None


def leaving(
    fields: dict[str, object] | None = None, base: str = "https://bridge.escola.example"
) -> EmailMessage:
    """Return a message that its recipient may do without."""
    options = EmailOptions.model_validate({"type": "email", **mail("smtp://mail.example")})
    channel = EmailChannel("learners", options, Shared(FakeClock(), SOFTWARE))
    body = Document(
        html=f'<a href="{UNSUBSCRIBE_HERE}">sair</a>', text=f"Olá\n\n-- \nSair: {UNSUBSCRIBE_HERE}"
    )
    said = replace(
        message({**MARIA, "body": body, **(fields or {})}),
        unsubscribe=lambda to: f"{base}/unsubscribe/{to[:5]}",
    )
    return parsed(channel.encode(said, {}))


def test_one_can_leave_with_one_click() -> None:
    """The header of RFC 8058, and the same link in both parts."""
    found = leaving()
    assert found["List-Unsubscribe"] == "<https://bridge.escola.example/unsubscribe/maria>"
    assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert part(found, "plain").endswith("Sair: https://bridge.escola.example/unsubscribe/maria\n")
    assert 'href="https://bridge.escola.example/unsubscribe/maria"' in part(found, "html")


def test_one_click_is_for_https_alone() -> None:
    """As the RFC wants it; the link is there all the same."""
    found = leaving(base="http://bridge.escola.example")
    assert found["List-Unsubscribe"] == "<http://bridge.escola.example/unsubscribe/maria>"
    assert found["List-Unsubscribe-Post"] is None


def test_a_message_for_several_people_has_nobodys_link() -> None:
    """One must not be able to unsubscribe another."""
    found = leaving({"cc.0": "rui@escola.example"})
    assert found["List-Unsubscribe"] is None
    assert "unsubscribe" not in part(found, "html")
    assert encode() is not None
    assert parsed(encode())["List-Unsubscribe"] is None


def test_files_go_with_the_message() -> None:
    """The two texts stay alternatives of each other, and the files stand beside them."""
    guide = Attachment("guia.pdf", "application/pdf", base64.encodebytes(b"%PDF-1.7").replace(b"\n", b"\r\n"))
    notes = Attachment(
        "Anotações.txt", "text/plain", base64.encodebytes("é".encode()).replace(b"\n", b"\r\n")
    )
    found = parsed(encode({"attach.0": guide, "attach.1": notes}))
    assert found.get_content_type() == "multipart/mixed"
    assert [each.get_content_type() for each in found.iter_parts()] == [
        "multipart/alternative",
        "application/pdf",
        "text/plain",
    ]
    assert part(found, "plain") == "Você concluiu o módulo.\n"
    files = list(found.iter_attachments())
    assert [each.get_filename() for each in files] == ["guia.pdf", "Anotações.txt"]
    assert files[0].get_content() == b"%PDF-1.7"
    assert not [defect for each in found.walk() for defect in each.defects]


def test_what_gmail_clips_is_noted_and_sent_whole() -> None:
    """The delivery says so; nothing is cut."""
    page = "<p>" + "muito texto " * 9_000 + "</p>"
    payload = encode({"body": Document(front={"subject": "x"}, html=page, text="x")})
    assert payload.cuts == (f"the HTML has 105 KB: {CLIPPED}",)
    assert part(parsed(payload), "html").strip() == page


def test_a_template_gives_both_parts_and_the_subject() -> None:
    """HTML and text as they were rendered; the action's own subject comes first."""
    document = Document(front={"subject": "Do modelo"}, html="<p>Olá, <b>Márcia</b></p>", text="Olá, Márcia")
    found = parsed(encode({"subject": "", "body": document}))
    assert found["Subject"] == "Do modelo"
    assert part(found, "plain") == "Olá, Márcia\n"
    assert part(found, "html") == "<p>Olá, <b>Márcia</b></p>\n"
    assert [each.get_content_type() for each in found.iter_parts()] == ["text/plain", "text/html"]
    assert parsed(encode({"subject": "Da ação", "body": document}))["Subject"] == "Da ação"


def test_plain_text_becomes_harmless_html() -> None:
    """Paragraphs and lines; markup in a value stays text."""
    found = parsed(encode({"body": "Olá <b>Márcia</b>,\nfim\n\n& mais"}))
    html = part(found, "html")
    assert "<p>Olá &lt;b&gt;Márcia&lt;/b&gt;,<br>\nfim</p>\n<p>&amp; mais</p>" in html
    assert part(found, "plain") == "Olá <b>Márcia</b>,\nfim\n\n& mais\n"


def test_the_same_message_is_the_same_bytes() -> None:
    """Every attempt, and every try at encoding, after a restart too."""
    assert encode() == encode()
    assert replace(encode({"subject": "x"})) != encode()


def test_blind_copies_are_in_the_envelope_only() -> None:
    """Nobody reads who else got it; nobody gets it twice."""
    payload = encode(
        {"cc.0": "ana@escola.example", "bcc.0": "rui@escola.example", "bcc.1": "maria@aluna.example"}
    )
    assert payload.meta["recipients"] == ["maria@aluna.example", "ana@escola.example", "rui@escola.example"]
    assert b"rui@" not in payload.body


def test_an_entry_that_comes_out_empty_is_left_out() -> None:
    """An optional recipient need not exist for every event."""
    payload = encode({"to.1": "  ", "cc.0": ""})
    assert payload.meta["recipients"] == ["maria@aluna.example"]
    assert parsed(payload)["Cc"] is None


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"to.0": ""}, "no recipient"),
        ({"to.0": "maria at aluna"}, "no e-mail address"),
        ({"to.0": "maria@aluna.example, rui@escola.example"}, "no e-mail address"),
        ({"cc.0": "maria@"}, "'cc' gives"),
        ({"reply_to": "x"}, "'reply_to' gives"),
        ({"subject": " \n"}, "no subject"),
        ({"body": " \n"}, "empty"),
        ({"body": Document(front={"subject": "x"})}, "empty"),
        ({f"to.{place}": f"a{place}@aluna.example" for place in range(101)}, "more than 100"),
    ],
)
def test_what_cannot_be_sent_says_why_and_shows_nobody(fields: dict[str, object], sentence: str) -> None:
    """A sentence for the operator, without a person's address."""
    with pytest.raises(Unencodable, match=sentence) as refused:
        encode(fields)
    assert "aluna" not in str(refused.value)
    assert "@" not in str(refused.value)


def test_a_long_subject_is_cut_visibly() -> None:
    """The reader sees "…", the operator reads how much is missing."""
    payload = encode({"subject": "ã" * 300})
    assert parsed(payload)["Subject"] == "ã" * 254 + "…"
    assert payload.cuts == ("subject cut from 300 to 255 characters",)


anything = st.text(st.characters(), max_size=300)


@given(anything, anything, anything, anything)
def test_no_value_breaks_a_message(name: str, subject: str, text: str, html: str) -> None:
    """Any texts at all: one recipient, our headers and no others, short lines, both parts as they were."""
    clean = {
        key: value.encode("utf-8", "replace").decode() for key, value in {"text": text, "html": html}.items()
    }
    fields = {"to.0": f"{name} <maria@aluna.example>", "subject": subject}
    try:
        payload = encode({**fields, "body": Document(text=text, html=html)})
    except Unencodable as refused:
        assert "no subject" in str(refused) or "empty" in str(refused)  # noqa: PT017  # not every text raises
        return
    assert all(len(line) <= LINE_LIMIT.value for line in payload.body.split(b"\r\n"))
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", payload.body)
    payload.body.decode("ascii")
    found = parsed(payload)
    assert payload.meta["recipients"] == ["maria@aluna.example"]
    assert [address.addr_spec for address in found["To"].addresses] == ["maria@aluna.example"]
    assert len(found.keys()) == len(set(found.keys())) <= 10
    assert len(str(found["Subject"])) <= SUBJECT_LIMIT.value
    assert normal(part(found, "plain")) == normal(clean["text"])
    if html:
        assert normal(part(found, "html")) == normal(clean["html"])


def normal(text: str) -> list[str]:
    """Return the lines of a text; a message knows one kind of line end, and ends with one."""
    return re.split(r"\r\n|\r|\n", text.removesuffix("\n").removesuffix("\r"))


def test_a_name_turns_no_text_around() -> None:
    """Marks of direction would show the rest of a subject, or an address behind a name, backwards."""
    found = parsed(
        encode({"to.0": "\u202eairaM\u2066 <maria@aluna.example>", "subject": "Oi \u202eairaM\u2069!"})
    )
    assert found["Subject"] == "Oi airaM !"
    assert found["To"] == "airaM <maria@aluna.example>"
    assert parsed(encode({"subject": "\u05d0\u200f\u05d1"}))["Subject"] == "\u05d0\u200f\u05d1"


# ---- the dialogue ----

both = pytest.mark.parametrize("pipelining", [False, True], ids=["one by one", "pipelining"])


@both
async def test_a_message_arrives(pipelining: bool) -> None:
    """The payload's bytes, from and to whom the envelope says."""
    async with SmtpServer(pipelining=pipelining) as server:
        (found,) = await send(server)
        (taken,) = server.mails
    assert found == Delivered(250, "2.0.0 OK: queued as 4F2A")
    assert (taken.sender, taken.recipients) == ("ola@escola.example", ("maria@aluna.example",))
    assert taken.content == encode().body
    assert server.hellos == ["escola.example"]


@both
async def test_a_line_that_begins_with_a_dot_arrives_whole(pipelining: bool) -> None:
    """Dots are doubled on the wire (RFC 5321, section 4.5.2)."""
    async with SmtpServer(pipelining=pipelining) as server, opened("email", mail(server.url)) as channel:
        payload = channel.encode(message({**MARIA, "body": ".\n..a\n.b"}), {})
        await handed_over(channel, payload)
        assert server.mails[0].content == payload.body


@both
async def test_connections_are_kept(pipelining: bool) -> None:
    """Five messages, one connection; at most as many connections as messages at once."""
    async with SmtpServer(pipelining=pipelining) as server:
        assert all(isinstance(found, Delivered) for found in await send(server, times=5))
        assert server.connections == 1
    async with (
        SmtpServer(pipelining=pipelining) as server,
        opened("email", mail(server.url, concurrency=3)) as channel,
    ):
        payload = channel.encode(message(MARIA), {})
        await asyncio.gather(*(handed_over(channel, payload) for _ in range(12)))
        assert len(server.mails) == 12
        assert server.connections <= 3


@both
async def test_a_connection_that_went_stale_is_replaced(pipelining: bool) -> None:
    """A server that hung up in the meantime costs no attempt, and no message is sent twice."""
    async with SmtpServer(pipelining=pipelining) as server, opened("email", mail(server.url)) as channel:
        payload = channel.encode(message(MARIA), {})
        assert isinstance(await handed_over(channel, payload), Delivered)
        server.hang_up()
        assert isinstance(await handed_over(channel, payload), Delivered)
        server.mail_answer = "421 4.7.0 too many messages"
        outcome = await handed_over(channel, payload)
        assert isinstance(outcome, Retry)
        server.mail_answer = None
        assert isinstance(await handed_over(channel, payload), Delivered)
        assert len(server.mails) == 3


async def test_an_idle_connection_is_not_used_again() -> None:
    """After half a minute a new one is made."""
    clock = FakeClock()
    async with SmtpServer() as server, opened("email", mail(server.url), clock=clock) as channel:
        payload = channel.encode(message(MARIA), {})
        await handed_over(channel, payload)
        clock.advance(seconds=31)
        await handed_over(channel, payload)
        assert (len(server.mails), server.connections) == (2, 2)


async def test_a_connection_serves_a_limited_number_of_messages() -> None:
    """Servers count; a hundred are enough."""
    async with SmtpServer() as server:
        await send(server, times=101)
        assert (len(server.mails), server.connections) == (101, 2)


@both
async def test_a_refusal_stands_when_the_server_hangs_up_behind_it(pipelining: bool) -> None:
    """What was said about the message counts, whatever becomes of the connection."""
    async with SmtpServer(data_answer="554 5.7.1 denied", drop_at="RSET", pipelining=pipelining) as server:
        first, second = await send(server, times=2)
    assert first == second == Rejected(Reason.CLIENT, 554, "5.7.1 denied")
    assert server.connections == 2


GREYLISTED = "450 4.2.0 greylisted, come back in 5 minutes"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (GREYLISTED, Retry(Reason.SERVER, 450, "4.2.0 greylisted, come back in 5 minutes")),
        ("451 4.3.0 local error", Retry(Reason.SERVER, 451, "4.3.0 local error")),
        ("452 4.2.2 mailbox full", Retry(Reason.SERVER, 452, "4.2.2 mailbox full")),
        ("550 5.1.1 <maria@aluna.example> unknown", Rejected(Reason.CLIENT, 550, "5.1.1 <***> unknown")),
        ("552 5.2.2 over quota", Rejected(Reason.CLIENT, 552, "5.2.2 over quota")),
        ("554 5.7.1 denied", Rejected(Reason.CLIENT, 554, "5.7.1 denied")),
        ("530 5.7.0 log in first", Rejected(Reason.AUTH, 530, "5.7.0 log in first", gone=True)),
    ],
)
@pytest.mark.parametrize("where", ["RCPT", "MAIL", "DATA"])
@both
async def test_4xx_passes_and_5xx_stays(where: str, answer: str, outcome: Outcome, pipelining: bool) -> None:
    """At each step of the dialogue; the person's address is hidden, and the next message goes through."""
    async with SmtpServer(pipelining=pipelining) as server, opened("email", mail(server.url)) as channel:
        payload = channel.encode(message(MARIA), {})
        server.refuse = {"maria@aluna.example": answer} if where == "RCPT" else {}
        server.mail_answer = answer if where == "MAIL" else None
        server.data_answer = answer if where == "DATA" else None
        if isinstance(outcome, Rejected) and "5.1.1" in answer and where != "MAIL":
            outcome = replace(outcome, bounced=("maria@aluna.example",))
        if isinstance(outcome, Retry) and where == "RCPT":
            outcome = replace(outcome, own="4.2." in answer)
        assert await handed_over(channel, payload) == outcome
        server.refuse, server.mail_answer, server.data_answer = {}, None, None
        assert isinstance(await handed_over(channel, payload), Delivered)
        assert len(server.mails) == 1


THREE = {**MARIA, "cc.0": "rui@escola.example", "bcc.0": "ana@escola.example"}


@both
async def test_those_who_are_refused_for_now_are_tried_again_alone(pipelining: bool) -> None:
    """The server answers for those it took; the attempt says how many others there are, and not who."""
    refuse = {
        "rui@escola.example": GREYLISTED,
        "ana@escola.example": "550 5.1.1 <ana@escola.example> unknown",
    }
    async with (
        SmtpServer(refuse=refuse, pipelining=pipelining) as server,
        opened("email", mail(server.url)) as channel,
    ):
        found = await channel.send(channel.encode(message(THREE), {}), DELIVERY)
        assert isinstance(found, Retry)
        assert found.partly == Partly(("maria@aluna.example",), ("rui@escola.example",))
        assert found.bounced == ("ana@escola.example",)
        assert (found.reason, found.status) == (Reason.SERVER, 450)
        assert found.answer == (
            "refused for now for 1 of 3 recipients, number 2 (450 4.2.0 greylisted, come back in 5 minutes); "
            "refused for 1 of 3 recipients, number 3 (550 5.1.1 <***> unknown); "
            "the others: 2.0.0 OK: queued as 4F2A"
        )
        assert [each.recipients for each in server.mails] == [("maria@aluna.example",)]


@both
async def test_refused_for_good_for_some_is_delivered_and_told(pipelining: bool) -> None:
    """The others have it, and nothing is gained by asking again; the attempt says how many did not get it."""
    refuse = {"rui@escola.example": "552 5.2.2 over quota", "ana@escola.example": "550 5.1.1 unknown"}
    async with (
        SmtpServer(refuse=refuse, pipelining=pipelining) as server,
        opened("email", mail(server.url)) as channel,
    ):
        found = await channel.send(channel.encode(message(THREE), {}), DELIVERY)
        assert isinstance(found, Delivered)
        assert found.answer.startswith("refused for 2 of 3 recipients, numbers 2, 3 (552 5.2.2 over quota)")
        assert found.bounced == ("ana@escola.example",)
        assert server.mails[0].recipients == ("maria@aluna.example",)


# What a server says of a recipient, and whether that means that there is no such address.
REFUSALS = [
    (
        "550 5.1.1 <maria@aluna.example>: Recipient address rejected: User unknown in virtual mailbox table",
        True,
    ),
    ("550-5.1.1 The email account that you tried to reach does not exist", True),
    ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", True),
    ("554 5.1.2 domain not found", True),
    ("550 5.2.1 The email account that you tried to reach is disabled", True),
    ("550 No such user here", True),
    ("550 unknown local user", True),
    ("551 user does not exist", True),
    ("550 <sender@aluna.example>: user unknown", True),
    (
        "550 5.1.1 <maria@aluna.example>: Recipient address rejected: User unknown in relay recipient table",
        True,
    ),
    ("550 <maria@aluna.example>: Recipient address rejected: User unknown in relay recipient table", True),
    ("550 5.1.1 recipient verification: user unknown", True),
    # It is about us: our account, our address, how often we write.
    ("550 Verification failed for <ola@escola.example>, no such user here, sender verify failed", False),
    ("550 Sender address does not exist", False),
    ("550 5.1.1 Sender address rejected: user unknown", False),
    ("550 Your account has been disabled for sending spam", False),
    ("550 sending account is disabled; contact support", False),
    ("550 authentication required, user unknown", False),
    ("550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents more", False),
    ("550 mailbox unavailable", False),
    ("550 5.7.1 unknown user or blocked by policy", False),
    ("550 5.7.26 unauthenticated mail is prohibited", False),
    ("552 5.2.2 over quota", False),
    ("554 5.7.1 Service unavailable; client host 192.0.2.51 blocked", False),
    ("503 no such user", False),
    ("451 4.1.1 user unknown for now", False),
]


@pytest.mark.parametrize(("answer", "bounced"), REFUSALS)
async def test_a_server_tells_of_addresses_that_do_not_exist(answer: str, bounced: bool) -> None:
    """By its status code, else by its words; what it dislikes about a message is not the address's fault."""
    refuse = {"maria@aluna.example": answer.replace("550-", "550 ")}
    async with SmtpServer(refuse=refuse) as server, opened("email", mail(server.url)) as channel:
        alone = await channel.send(channel.encode(message(MARIA), {}), DELIVERY)
        both_ = channel.encode(message({**MARIA, "cc.0": "rui@escola.example"}), {})
        found = await handed_over(channel, both_)
    expected = ("maria@aluna.example",) if bounced else ()
    assert isinstance(alone, Retry) or alone.bounced == expected
    assert isinstance(alone, Retry) <= (not bounced)
    assert isinstance(found, Retry) is isinstance(alone, Retry)
    assert isinstance(found, Delivered | Retry)
    assert found.bounced == expected


async def test_words_about_a_whole_message_say_nothing_of_an_address() -> None:
    """After the message has been read they are about that, or about us; a status code still tells."""
    for answer, expected in (
        ("550 no such user here", ()),
        ("550 mailbox disabled", ()),
        ("550 5.1.1 no such user", ("maria@aluna.example",)),
    ):
        async with SmtpServer(data_answer=answer) as server, opened("email", mail(server.url)) as channel:
            found = await channel.send(channel.encode(message(MARIA), {}), DELIVERY)
        assert isinstance(found, Rejected)
        assert found.bounced == expected


@pytest.mark.parametrize(
    ("answers", "own"),
    [
        (["452 4.2.2 mailbox full"], True),
        (["450 4.1.1 unknown at this time"], True),
        (["450 mailbox busy"], True),
        (["450 5.1.1 unknown"], True),
        (["450 4.7.1 too many messages from you"], False),
        (["450 sender rate exceeded"], False),
        (["450 your account is suspended, verify it"], False),
        (["451 local error in processing"], False),
        (["452 4.3.1 no space left"], False),
        (["421 4.2.0 closing"], False),
        (["452 4.2.2 mailbox full", "451 4.3.0 local error"], False),
        (["452 4.2.2 mailbox full", "550 5.1.1 unknown"], True),
    ],
)
@both
async def test_a_full_mailbox_is_no_outage(answers: list[str], own: bool, pipelining: bool) -> None:
    """A refusal for now that is about the people alone says that the server is there for others."""
    people = ("maria@aluna.example", "rui@escola.example")
    async with SmtpServer(pipelining=pipelining) as server, opened("email", mail(server.url)) as channel:
        server.refuse = dict(zip(people, answers, strict=False))
        fields = {**MARIA, "cc.0": people[1]} if len(answers) > 1 else MARIA
        found = await handed_over(channel, channel.encode(message(fields), {}))
    assert isinstance(found, Retry)
    assert (found.reason, found.own) == (Reason.SERVER, own)


@both
async def test_refused_for_all_is_tried_again_if_one_may_get_it_later(pipelining: bool) -> None:
    """5xx for one, 4xx for the other: worth another try."""
    refuse = {"maria@aluna.example": "550 5.1.1 unknown", "rui@escola.example": GREYLISTED}
    async with (
        SmtpServer(refuse=refuse, pipelining=pipelining) as server,
        opened("email", mail(server.url)) as channel,
    ):
        found = await channel.send(
            channel.encode(message({**MARIA, "cc.0": "rui@escola.example"}), {}), DELIVERY
        )
    assert isinstance(found, Retry)
    assert found.status == 450


@pytest.mark.parametrize("where", ["MAIL", "RCPT", "DATA"])
@both
async def test_a_connection_lost_on_the_way_is_tried_again(where: str, pipelining: bool) -> None:
    """After the message was handed over, the operator is warned that it may arrive twice."""
    async with SmtpServer(drop_at=where, pipelining=pipelining) as server:
        (found,) = await send(server)
    assert isinstance(found, Retry)
    assert found.reason is Reason.CONNECTION
    assert ("may arrive twice" in found.answer) == (where == "DATA")
    assert server.commands.count(where) == 1


@pytest.mark.parametrize("where", ["MAIL", "RCPT", "DATA"])
@both
async def test_silence_ends_with_the_time_limit(where: str, pipelining: bool) -> None:
    """At each step; the connection is given up."""
    async with SmtpServer(hang_at=where, pipelining=pipelining) as server:
        sending = asyncio.ensure_future(send(server, timeout=timedelta(seconds=40)))
        await server.hanging.wait()
        pass_time(40)
        (found,) = await sending
    assert found == Retry(Reason.TIMEOUT, answer="no answer within the time limit")


async def test_nobody_listening_is_tried_again() -> None:
    """A refused connection passes."""
    async with SmtpServer() as server:
        url = server.url
    async with opened("email", mail(url)) as channel:
        found = await channel.send(channel.encode(message(MARIA), {}), DELIVERY)
    assert found == Retry(Reason.CONNECTION, answer="the connection was refused")


@pytest.mark.parametrize(
    "greeting", [b"554 no service here \xff\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff\xfe\r\n", b""]
)
async def test_whatever_answers_on_the_port_never_raises(greeting: bytes) -> None:
    """A web server, an angry one, one that hangs up: all pass."""

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()

    listener = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with (
        listener,
        opened("email", mail(f"smtp://127.0.0.1:{listener.sockets[0].getsockname()[1]}")) as channel,
    ):
        found = await channel.send(channel.encode(message(MARIA), {}), DELIVERY)
    assert isinstance(found, Retry)
    found.answer.encode()


async def test_letters_beyond_ascii_before_the_at_need_a_server_that_knows_them() -> None:
    """With SMTPUTF8 it is sent, without it is refused for good."""
    fields = {**MARIA, "to.0": "márcia@aluna.example"}
    async with SmtpServer() as server, opened("email", mail(server.url)) as channel:
        assert isinstance(await channel.send(channel.encode(message(fields), {}), DELIVERY), Delivered)
        assert server.mails[0].recipients == ("márcia@aluna.example",)
    async with SmtpServer(utf8=False) as server, opened("email", mail(server.url)) as channel:
        found = await channel.send(channel.encode(message(fields), {}), DELIVERY)
    assert isinstance(found, Rejected)
    assert "SMTPUTF8" in found.answer


# ---- encryption and login ----


async def test_starttls_is_used_when_it_is_offered(certificate: Certificate) -> None:
    """Also without being asked for, and with the certificate checked."""
    async with SmtpServer(tls=certificate.server_context()) as server:
        (found,) = await send(server, ca_file=str(certificate.file))
        assert isinstance(found, Delivered)
        assert server.mails[0].tls


async def test_tls_from_the_start(certificate: Certificate) -> None:
    """smtps:// and `tls: implicit` are the same."""
    async with SmtpServer(implicit=certificate.server_context()) as server:
        assert isinstance((await send(server, ca_file=str(certificate.file)))[0], Delivered)
        raw = mail(server.url.replace("smtps:", "smtp:"), tls="implicit", ca_file=str(certificate.file))
        async with opened("email", raw) as channel:
            assert isinstance(await channel.send(channel.encode(message(MARIA), {}), DELIVERY), Delivered)
        assert [taken.tls for taken in server.mails] == [True, True]


@pytest.mark.parametrize("implicit", [False, True])
async def test_a_certificate_that_nobody_vouches_for_is_refused(
    certificate: Certificate, implicit: bool
) -> None:
    """Nothing is sent, in clear or otherwise; certificates are renewed, so it is tried again."""
    context = certificate.server_context()
    async with SmtpServer(
        tls=None if implicit else context, implicit=context if implicit else None
    ) as server:
        (found,) = await send(server)
        assert isinstance(found, Retry)
        assert "certificate was not accepted" in found.answer
        assert server.mails == []


async def test_a_server_without_starttls_gets_nothing_where_it_is_asked_for() -> None:
    """`tls: starttls` means always."""
    async with SmtpServer() as server:
        (found,) = await send(server, tls="starttls")
        assert isinstance(found, Retry)
        assert "STARTTLS" in found.answer
        assert server.mails == []


async def test_a_login_with_special_characters_works(certificate: Certificate) -> None:
    """What is percent-encoded in the address is decoded, and it travels encrypted."""
    async with SmtpServer(tls=certificate.server_context(), login=True) as server:
        raw = mail(server.url.replace("://", f"://{LOGIN}"), ca_file=str(certificate.file))
        async with opened("email", raw) as channel:
            found = await channel.send(channel.encode(message(MARIA), {}), DELIVERY)
        assert isinstance(found, Delivered)
        assert server.mails[0].user == USER
        assert server.logins == [(USER, True)]


async def test_a_wrong_password_is_final_and_stays_hidden(certificate: Certificate) -> None:
    """The operator is told where to look."""
    async with SmtpServer(implicit=certificate.server_context(), login=True) as server:
        raw = mail(server.url.replace("://", "://x%40y:wrongsecret@"), ca_file=str(certificate.file))
        async with opened("email", raw) as channel:
            found = await channel.send(channel.encode(message(MARIA), {}), DELIVERY)
            assert "wrongsecret" not in repr(channel) + repr(found)
    assert isinstance(found, Rejected)
    assert (found.reason, found.status) == (Reason.AUTH, 535)
    assert "check user and password" in found.answer


async def test_a_password_travels_in_clear_within_this_machine_only() -> None:
    """A mailbox on loopback may want one."""
    async with SmtpServer(login=True, login_in_clear=True) as server:
        async with opened("email", mail(server.url.replace("://", f"://{LOGIN}"))) as channel:
            assert isinstance(await channel.send(channel.encode(message(MARIA), {}), DELIVERY), Delivered)
        assert server.logins == [(USER, False)]


async def test_a_server_without_login_is_no_place_for_a_password() -> None:
    """It says so, instead of sending without."""
    async with (
        SmtpServer() as server,
        opened("email", mail(server.url.replace("://", f"://{LOGIN}"))) as channel,
    ):
        found = await channel.send(channel.encode(message(MARIA), {}), DELIVERY)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.AUTH
    assert server.mails == []


async def test_closing_leaves_nothing_open(certificate: Certificate) -> None:
    """No connection or task outlives `close`, encrypted or not (a ResourceWarning would fail this test)."""
    for tls in (None, certificate.server_context()):
        async with SmtpServer(tls=tls) as server:
            await send(server, times=2, ca_file=str(certificate.file))
    gc.collect()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@both
async def test_a_cancelled_send_leaves_nothing_open(pipelining: bool) -> None:
    """A delivery that is cancelled at shutdown gives its connection back, and the next one works."""
    async with (
        SmtpServer(hang_at="DATA", pipelining=pipelining) as server,
        opened("email", mail(server.url, concurrency=1)) as channel,
    ):
        payload = channel.encode(message(MARIA), {})
        task = asyncio.ensure_future(handed_over(channel, payload))
        await server.hanging.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        server.hang_at = None
        assert isinstance(await handed_over(channel, payload), Delivered)
    gc.collect()


# ---- options and actions ----

REFUSED: list[tuple[dict[str, object], str]] = [
    ({"smtp": "mail.example"}, "an address such as smtp://"),
    ({"smtp": "http://mail.example"}, "an address such as smtp://"),
    ({"smtp": "smtp://user:p/w@mail.example"}, "write @ as %40"),
    ({"smtp": "smtp://user:p#w@mail.example"}, "write @ as %40"),
    ({"smtp": "smtp://mail.example:0x"}, "an address such as smtp://"),
    ({"smtp": "smtp://mail.example/path"}, "an address such as smtp://"),
    ({"smtp": "smtp://mail.example\n"}, "an address such as smtp://"),
    ({"smtp": "smtp://user@mail.example"}, "user without a password"),
    ({"smtp": "smtps://mail.example", "tls": "none"}, "remove `tls: none`"),
    ({"smtp": "smtps://mail.example", "tls": "starttls"}, "remove `tls: starttls`"),
    ({"smtp": "smtp://user:segredo1@mail.example", "tls": "none"}, "without encryption"),
    ({"from": "escola"}, "an address such as ola@"),
    ({"reply_to": "escola"}, "an address such as ola@"),
    ({"ca_file": "/nowhere.pem"}, "certificates in PEM"),
    ({"hello": "two words"}, "the name of a host"),
    ({"tls": "maybe"}, "'auto', 'starttls'"),
    ({"pace": "30/min"}, "pace"),
]


@pytest.mark.parametrize(("raw", "sentence"), REFUSED)
def test_options_are_checked_when_they_are_loaded(raw: dict[str, object], sentence: str) -> None:
    """Every mistake has a sentence, and none shows the password."""
    with pytest.raises(ValidationError) as refused:
        EmailOptions.model_validate({"type": "email", **mail("smtp://mail.example"), **raw})
    assert sentence in str(refused.value)
    assert "segredo1" not in str(refused.value)
    assert "p/w" not in str(refused.value)


@pytest.mark.parametrize(
    ("smtp", "host", "port", "tls"),
    [
        ("smtp://mail.example", "mail.example", 587, "auto"),
        ("smtp://mail.example:25", "mail.example", 25, "auto"),
        ("smtps://mail.example", "mail.example", 465, "implicit"),
        ("smtps://mail.example:2465/", "mail.example", 2465, "implicit"),
        ("smtp://[::1]:2525", "::1", 2525, "auto"),
    ],
)
def test_a_server_is_an_address(smtp: str, host: str, port: int, tls: str) -> None:
    """With the ports that belong to the two ways."""
    options = EmailOptions.model_validate({"type": "email", **mail(smtp)})
    found = options.server()
    assert (found.host, found.port, found.tls, found.hello) == (host, port, tls, "escola.example")


def test_a_password_is_decoded_and_never_shown() -> None:
    """In every way of printing it."""
    raw = mail(f"smtp://{LOGIN}mail.example", hello="bridge.escola.example")
    options = EmailOptions.model_validate({"type": "email", **raw})
    found = options.server()
    assert (found.user, found.password, found.hello) == (USER, PASSWORD, "bridge.escola.example")
    for text in (repr(options), str(options.model_dump()), options.model_dump_json(), repr(found)):
        assert PASSWORD not in text
        assert quote(PASSWORD, safe="") not in text


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({"template": "x"}, "Field required"),
        ({"to": [], "template": "x"}, "at least one recipient"),
        ({"to": "a@b.example"}, "either `template`"),
        ({"to": "a@b.example", "template": "x", "text": "y"}, "either `template`"),
        ({"to": "a@b.example", "text": "y"}, "'subject' is missing"),
        ({"to": "maria", "template": "x"}, "an address such as"),
        ({"to": ["{{ learner.email }}", "maria"], "template": "x"}, "an address such as"),
        ({"to": "a@b.example", "template": "x", "reply_to": "maria"}, "an address such as"),
        ({"to": "a@b.example", "template": "x", "quiet_hours": "21:00-08:00"}, "quiet_hours"),
    ],
)
def test_actions_are_checked_when_they_are_loaded(raw: dict[str, object], sentence: str) -> None:
    """An address without a template in it is checked at once."""
    with pytest.raises(ValidationError, match=re.escape(sentence)):
        EmailAction.model_validate(raw)


def test_an_action_says_what_must_be_rendered() -> None:
    """Each recipient is a template of its own, at its place in the configuration."""
    action = EmailAction.model_validate(
        {"to": ["{{ a }}", "{{ b }}"], "cc": "{{ c }}", "subject": "s", "text": "t"}
    )
    assert action.slots() == {
        "to.0": Slot(Target.HEADER, "{{ a }}", ("to", 0)),
        "to.1": Slot(Target.HEADER, "{{ b }}", ("to", 1)),
        "cc.0": Slot(Target.HEADER, "{{ c }}", ("cc",)),
        "subject": Slot(Target.HEADER, "s", ("subject",)),
        "body": Slot(Target.EMAIL, "t", ("text",), inline=True),
    }
    assert EmailAction.model_validate({"to": "{{ a }}", "template": "x", "reply_to": "{{ r }}"}).slots() == {
        "to.0": Slot(Target.HEADER, "{{ a }}", ("to",)),
        "reply_to": Slot(Target.HEADER, "{{ r }}", ("reply_to",)),
        "body": Slot(Target.EMAIL, "x", ("template",)),
    }
