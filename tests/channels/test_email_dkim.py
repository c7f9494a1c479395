"""DKIM: what is signed, by a judge who did not sign, and what is refused."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import dkim
import pytest
from pydantic import ValidationError

from bridge.channels.email_options import EmailOptions
from bridge.core.messages import Payload
from bridge.core.outcomes import Delivered
from tests.support.channels import DELIVERY, mail, message, opened
from tests.support.smtp_server import SmtpServer

SUBJECT = "Parabéns, você concluiu o módulo de funções e já pode ir ao próximo, que é o de dicionários!"
FIELDS = {"to.0": "Márcia <maria@aluna.example>", "subject": SUBJECT, "body": "Olá\n\n.\nponto  \n" * 40}


@pytest.fixture(scope="module")
def keys() -> tuple[str, bytes]:
    """A private key in PEM, and the public one as the DNS has it."""
    private = _openssl("genrsa", "2048")
    public = _openssl("rsa", "-pubout", "-outform", "DER", given=private)
    return private.decode(), b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)


def _openssl(*words: str, given: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *words], input=given, capture_output=True, check=True).stdout


def signing(key: str, domain: str = "escola.example", selector: str = "bridge") -> dict[str, object]:
    return {"dkim": {"domain": domain, "selector": selector, "key": key}}


async def sent(keys: tuple[str, bytes], **changes: Any) -> bytes:
    """Send a message to a real server and return what arrived."""
    async with (
        SmtpServer() as server,
        opened("email", mail(server.url, **{**signing(keys[0]), **changes})) as channel,
    ):
        payload: Payload = channel.encode(message(FIELDS), {})
        assert b"DKIM-Signature" not in payload.body
        assert isinstance(await channel.send(payload, DELIVERY), Delivered)
        return server.mails[0].content


def holds(raw: bytes, record: bytes) -> bool:
    """Ask as a receiver does."""
    names = {b"bridge._domainkey.escola.example.": record}
    try:
        return bool(dkim.DKIM(raw).verify(dnsfunc=lambda name, timeout=5: names.get(name)))
    except dkim.ValidationError:
        return False


async def test_what_arrives_is_signed(keys: tuple[str, bytes]) -> None:
    """By the key that the DNS tells of, over what the dots and line ends of SMTP have left of it."""
    raw = await sent(keys)
    assert holds(raw, keys[1])
    assert raw.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=escola.example")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"ponto", b"pronto"),
        (b"To: ", b"To: rui@aluno.example, "),
        (b"Message-ID: <0", b"Message-ID: <1"),
        (b"MIME-Version", b"Subject: Outro\r\nMIME-Version"),
        (b"MIME-Version", b"Reply-To: x@y.example\r\nMIME-Version"),
    ],
)
async def test_what_is_changed_on_the_way_is_seen(
    keys: tuple[str, bytes], before: bytes, after: bytes
) -> None:
    """A word, a recipient, an id, and a second subject or address for answers."""
    raw = await sent(keys)
    head, mark, rest = raw.partition(b"From: ")
    assert before in rest
    assert not holds(head + mark + rest.replace(before, after, 1), keys[1])


async def test_all_that_matters_is_signed(keys: tuple[str, bytes]) -> None:
    """The headers that are there; those that must not be added, once more."""
    signature = (await sent(keys, reply_to="ajuda@escola.example")).partition(b"\r\nFrom:")[0]
    names = re.search(rb"h=([^;]+);", signature)
    assert names is not None
    signed = [name.strip().decode() for name in names[1].split(b":")]
    assert {"from", "to", "subject", "date", "message-id", "mime-version", "content-type"} <= set(signed)
    assert [signed.count(name) for name in ("from", "to", "subject", "date", "reply-to")] == [2] * 5


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"key": "no key"}, "expected a private RSA key in PEM"),
        ({"domain": "outra.example"}, "receivers go by a signature of"),
        ({"domain": "escola example"}, "as it stands in the DNS"),
        ({"selector": ""}, "as it stands in the DNS"),
        ({"selector": "a..b"}, "as it stands in the DNS"),
    ],
)
def test_what_could_not_be_checked_is_refused(
    keys: tuple[str, bytes], changes: dict[str, str], sentence: str
) -> None:
    """And the key is shown nowhere."""
    raw = {"domain": "escola.example", "selector": "bridge", "key": keys[0], **changes}
    with pytest.raises(ValidationError, match=re.escape(sentence)) as told:
        EmailOptions.model_validate({"type": "email", **mail("smtp://mail.example"), "dkim": raw})
    assert keys[0][40:80] not in str(told.value)


def test_a_domain_above_the_senders_may_sign(keys: tuple[str, bytes]) -> None:
    """As DMARC has it in its relaxed way."""
    raw = {**mail("smtp://mail.example"), "from": "ola@mail.escola.example", **signing(keys[0])}
    options = EmailOptions.model_validate({"type": "email", **raw})
    assert options.dkim is not None
    assert keys[0][40:80] not in repr(options)


def test_without_the_extra_it_is_told_how_to_get_it() -> None:
    """And nothing of it is imported by who does not sign."""
    program = (
        "import sys; sys.modules['dkim'] = None\n"
        "from bridge.channels.email_options import EmailOptions as O\n"
        "raw = {'type': 'email', 'smtp': 'smtp://mail.example', 'from': 'ola@escola.example'}\n"
        "O.model_validate(raw)\n"
        "try: O.model_validate({**raw, 'dkim': {'domain': 'escola.example', 'selector': 's', 'key': 'k'}})\n"
        "except ValueError as error: print(error)\n"
    )
    folder = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=folder, check=True
    )
    assert "pip install 'course-bridge[dkim]'" in done.stdout


def test_nothing_is_ever_tracked() -> None:
    """The word is there to say so."""
    raw = {"type": "email", **mail("smtp://mail.example")}
    assert EmailOptions.model_validate({**raw, "track": False}).track is False
    with pytest.raises(ValidationError):
        EmailOptions.model_validate({**raw, "track": True})
