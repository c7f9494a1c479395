"""E-mails as bytes against the standard library: what it builds and what we write are read as the same."""

from __future__ import annotations

import binascii
import email
import email.policy
import quopri
import re
from datetime import UTC, datetime
from email.message import EmailMessage

from hypothesis import example, given
from hypothesis import strategies as st

from bridge.channels.email_address import Mailbox
from bridge.channels.email_message import Letter, quoted, written
from bridge.core.messages import Runs

MARIA = Mailbox("maria@aluna.example", "Maria da Silva")
SCHOOL = Mailbox("ola@escola.example", "Escola Exemplo")
AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
tricky = st.text(st.sampled_from("=.\r\n \tFrom -ãé\u2028\x0b\x0c\x85\x00a"), max_size=200)


def letter(text: str, html: str, subject: str = "Olá") -> Letter:
    return Letter(id="4f2a", date=AT, sender=SCHOOL, to=(MARIA,), subject=subject, text=text, html=html)


def built(text: str, html: str) -> EmailMessage:
    """Return the same message as the standard library builds, writes and reads it."""
    made = EmailMessage(policy=email.policy.SMTP)
    made.set_content(text, charset="utf-8", cte="quoted-printable")
    made.add_alternative(html, subtype="html", charset="utf-8", cte="quoted-printable")
    return read(made.as_bytes(policy=email.policy.SMTP))


def read(raw: bytes) -> EmailMessage:
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def parts(message: EmailMessage) -> list[tuple[str, str, str, bytes]]:
    """Return type, character set, encoding and decoded bytes of each part."""
    return [
        (
            part.get_content_type(),
            str(part.get_content_charset()),
            str(part["Content-Transfer-Encoding"]),
            bytes(part.get_payload(decode=True)),
        )
        for part in message.iter_parts()
        if isinstance(part, EmailMessage)
    ]


@given(texts | tricky, texts | tricky)
@example("", "")
@example("--=_4f2a--", "\r\n--=_4f2a\r\n")
@example(".\n..\nFrom a", "x" * 2000)
def test_what_we_write_is_read_as_what_the_standard_library_builds(text: str, html: str) -> None:
    """Part by part, byte by byte, without a defect; no line is longer than quoted-printable allows."""
    raw = written(letter(text, html))
    ours, theirs = read(raw), built(text, html)
    assert parts(ours) == parts(theirs)
    assert not ours.defects
    assert not [defect for part in ours.iter_parts() for defect in part.defects]
    assert (ours.preamble, ours.epilogue) == (theirs.preamble, "")
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)


one_line = (texts | tricky).map(lambda text: " ".join(text.splitlines()))


@given(st.lists(st.tuples(texts | tricky, one_line), max_size=4), texts | tricky)
@example([("Oi, ", "Maria " * 20), ("!\r\n.", ".")], "")
@example([("a\n", ""), ("", "")], "")
@example([("\r", "")], "\n")
def test_a_part_in_turns_reads_as_the_same_part(turns: list[tuple[str, str]], last: str) -> None:
    """Whoever tells apart what a template's messages share changes nothing that is read."""
    runs = Runs((*(shared for shared, _ in turns), last), tuple(own for _, own in turns))
    raw = quoted(runs)
    assert quopri.decodestring(raw) == quopri.decodestring(quoted(str(runs)))
    assert binascii.a2b_qp(raw) == binascii.a2b_qp(quoted(str(runs)))
    assert max(map(len, raw.split(b"\r\n"))) <= 76
    assert not [line for line in raw.split(b"\r\n") if line.endswith((b" ", b"\t"))]
    assert raw.endswith(b"\r\n")


@given(texts | tricky)
@example(" \n\t\n \r\n")
@example("ã" * 30 + "\n" + "=" * 80)
def test_quoted_printable_is_read_by_every_reader(text: str) -> None:
    """Two decoders find the text again; spaces at the end of a line survive those who strip them."""
    raw = quoted(text)
    lines = text.encode().splitlines() or [b""]
    for found in (quopri.decodestring(raw), binascii.a2b_qp(raw)):
        assert found == b"".join(line + b"\r\n" for line in lines)
    assert not [line for line in raw.split(b"\r\n") if line.endswith((b" ", b"\t"))]
    raw.decode("ascii")


@given(texts)
def test_the_header_is_read_as_it_was_meant(subject: str) -> None:
    """Whatever the subject is: the same fields, and a subject without control characters."""
    found = read(written(letter("x", "y", subject)))
    plain = re.sub(r"[\s\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+", " ", subject).strip()
    assert str(found["Subject"] or "") == plain
    assert (str(found["From"]), str(found["To"])) == (str(SCHOOL), str(MARIA))
    assert found["Date"].datetime == AT
    assert found.get_content_type() == "multipart/alternative"
