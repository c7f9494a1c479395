"""HMAC signatures: made, checked, diagnosed."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.core.signing import (
    DIAGNOSED_BYTES,
    Digest,
    Encoding,
    Refused,
    Scheme,
    Signed,
    check,
    diagnose,
    sign,
)

HEX = Scheme("x-signature")
SECRET = b"um-segredo-qualquer"
BODY = '{"event":"curso.concluído","n":1.50,"ok":true}'.encode()

schemes = st.builds(
    Scheme,
    header=st.just("x-signature"),
    encoding=st.sampled_from(get_args(Encoding)),
    prefix=st.sampled_from(["", "sha256=", "v1,", "Assinatura: "]),
    digest=st.sampled_from(get_args(Digest)),
)


def digest_of(body: bytes, secret: bytes = SECRET, name: str = "sha256") -> bytes:
    """A second opinion, from the general-purpose interface."""
    return hmac.new(secret, body, getattr(hashlib, name)).digest()


def test_a_signature_made_by_hand_holds() -> None:
    """The check agrees with RFC 4231, test case 2, in hex."""
    known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert check(known, b"what do ya want for nothing?", [b"Jefe"], HEX) == Signed(0)


@given(body=st.binary(max_size=300), secret=st.binary(min_size=1, max_size=200), scheme=schemes)
def test_what_is_signed_is_recognised(body: bytes, secret: bytes, scheme: Scheme) -> None:
    """`sign` and `check` agree for every body, secret and scheme, white space around the header included."""
    signature = sign(secret, body, scheme)
    assert check(signature, body, [secret], scheme) == Signed(0)
    assert check(f" {signature}\t", body, [b"another", secret], scheme) == Signed(1)


@given(
    body=st.binary(max_size=300),
    changed=st.binary(max_size=300),
    secret=st.binary(min_size=1),
    scheme=schemes,
)
def test_another_body_is_refused(body: bytes, changed: bytes, secret: bytes, scheme: Scheme) -> None:
    """A signature belongs to its body alone."""
    verdict = check(sign(secret, body, scheme), changed, [secret], scheme)
    assert isinstance(verdict, Signed) == (body == changed)


@pytest.mark.parametrize(
    ("signature", "secrets", "why"),
    [
        (None, [SECRET], "missing"),
        ("", [SECRET], "missing"),
        (" ", [SECRET], "mismatch"),
        (digest_of(BODY).hex(), [], "mismatch"),
        (digest_of(BODY, b"").hex(), [b""], "mismatch"),
        (digest_of(BODY).hex()[:-1], [SECRET], "mismatch"),
        (digest_of(BODY).hex() + "00", [SECRET], "mismatch"),
        (f"{digest_of(BODY).hex()[:32]} {digest_of(BODY).hex()[32:]}", [SECRET], "mismatch"),
        ("sha256=" + digest_of(BODY).hex(), [SECRET], "mismatch"),
        ("ç" * 64, [SECRET], "mismatch"),
        ("\udce7" * 64, [SECRET], "mismatch"),
    ],
)
def test_what_is_no_signature_is_refused(signature: str | None, secrets: list[bytes], why: str) -> None:
    """Missing, cut, padded and outlandish signatures, no secret and the empty secret are refused."""
    verdict = check(signature, BODY, secrets, HEX)
    assert isinstance(verdict, Refused)
    assert verdict.why == why


def test_capital_letters_in_hex_are_the_same_digest() -> None:
    """Some senders write hex in capitals."""
    assert check(digest_of(BODY).hex().upper(), BODY, [SECRET], HEX) == Signed(0)


@given(
    signature=st.text(st.characters(), max_size=200),
    body=st.binary(max_size=200),
    secrets=st.lists(st.binary(max_size=40), max_size=3),
    scheme=schemes,
)
def test_nothing_raises(signature: str, body: bytes, secrets: list[bytes], scheme: Scheme) -> None:
    """Whatever stands in the header and the body, there is a verdict and a diagnosis in one line."""
    check(signature, body, secrets, scheme)
    assert diagnose(signature, body, secrets, scheme).isprintable()


WRONG: list[tuple[str, str, bytes, Scheme, str]] = [
    ("base64 for hex", base64.b64encode(digest_of(BODY)).decode(), BODY, HEX, "not written as hex"),
    ("a prefix", "sha256=" + digest_of(BODY).hex(), BODY, HEX, "not written as hex with the prefix ''"),
    ("no prefix", digest_of(BODY).hex(), BODY, replace(HEX, prefix="sha256="), "the prefix 'sha256='"),
    ("hex for base64", digest_of(BODY).hex(), BODY, replace(HEX, encoding="base64"), "not written as base64"),
    ("another digest", digest_of(BODY, name="sha1").hex(), BODY, HEX, "a sha1 where sha256 is expected"),
    ("a longer digest", digest_of(BODY, name="sha512").hex(), BODY, HEX, "a sha512 where sha256"),
    ("a line break", digest_of(BODY, SECRET + b"\n").hex(), BODY, HEX, "white space or a line break"),
    (
        "escaped letters",
        digest_of('{"a":"ç"}'.encode()).hex(),
        rb'{"a":"\u00e7"}',
        HEX,
        "the body was changed",
    ),
    ("an added line break", digest_of(BODY).hex(), BODY + b"\n", HEX, "the body was changed"),
    ("a spaced copy", digest_of(b'{"a": 1}').hex(), b'{"a":1}', HEX, "the body was changed"),
    ("a stranger", digest_of(BODY, b"other").hex(), BODY, HEX, "no configured secret made this signature"),
    ("a token", "meu-token", BODY, HEX, "does not hold a sha256 in hex"),
]


@pytest.mark.parametrize(
    ("signature", "body", "scheme", "says"),
    [case[1:] for case in WRONG],
    ids=[case[0] for case in WRONG],
)
def test_a_diagnosis_names_the_likeliest_mistake(
    signature: str, body: bytes, scheme: Scheme, says: str
) -> None:
    """Each mistake that people make has its own sentence, without the secret."""
    assert isinstance(check(signature, body, [SECRET], scheme), Refused)
    found = diagnose(signature, body, [b"a-newer-one", SECRET], scheme)
    assert says in found
    assert SECRET.decode() not in found


@pytest.mark.parametrize("secret", [b"c0ffee00c0ffee00", base64.b64encode(b"0123456789abcdef")])
def test_a_secret_used_as_bytes_is_recognised(secret: bytes) -> None:
    """Some senders take the secret's hex or base64 for the key itself."""
    key = bytes.fromhex(secret.decode()) if secret.startswith(b"c0ffee") else base64.b64decode(secret)
    assert "stands for" in diagnose(digest_of(BODY, key).hex(), BODY, [secret], HEX)


def test_a_large_body_is_not_looked_at_closer() -> None:
    """Anybody can make us refuse a large body, so the search for mistakes stops at a size."""
    body = b"[" + b"0," * (DIAGNOSED_BYTES // 2) + b"0]"
    signature = base64.b64encode(digest_of(body)).decode()
    assert f"a body of {len(body)} bytes is not looked at closer" in diagnose(signature, body, [SECRET], HEX)


def test_a_body_that_is_nested_beyond_reason_is_diagnosed() -> None:
    """Rewriting the JSON gives up quietly."""
    body = b"[" * 10_000
    assert "no configured secret" in diagnose(digest_of(b"").hex(), body, [SECRET], HEX)
