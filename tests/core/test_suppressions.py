"""Links to unsubscribe, and the keys of addresses: what they tell, and to whom."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.core.suppressions import (
    Leaver,
    Purpose,
    Scope,
    Source,
    Suppression,
    address_key,
    read_token,
    token_of,
)

SECRET, OTHER = b"s" * 32, b"o" * 32
DELIVERY = "0123456789abcdef0123456789abcdef"
MARIA = "maria@aluna.example"


def test_a_link_says_whose_it_is_to_us_alone() -> None:
    """64 characters that stand in an address as they are; another installation cannot read them."""
    token = token_of(SECRET, DELIVERY, MARIA)
    assert len(token) == 64
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert read_token(SECRET, token) == Leaver(address_key(SECRET, MARIA), DELIVERY)
    assert read_token(OTHER, token) is None
    assert b"maria" not in base64.urlsafe_b64decode(token)


@pytest.mark.parametrize("place", range(0, 64, 3))
def test_a_link_that_was_changed_is_nobodys(place: int) -> None:
    """Anywhere: in the delivery, in the key, in the mark."""
    token = token_of(SECRET, DELIVERY, MARIA)
    changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
    assert read_token(SECRET, changed) is None


@given(st.text(max_size=100))
@example("")
@example("A" * 64)
@example("\ud800")
@example("=" * 64)
def test_no_text_is_a_link_by_chance(text: str) -> None:
    """And none raises."""
    assert read_token(SECRET, text) is None


@pytest.mark.parametrize("same", ["MARIA@ALUNA.EXAMPLE", " maria@aluna.example ", "Maria@aluna.Example"])
def test_an_address_has_one_key(same: str) -> None:
    """However it is typed."""
    assert address_key(SECRET, same) == address_key(SECRET, MARIA)


def test_a_domain_counts_as_it_travels() -> None:
    """With its accents or in ASCII."""
    assert address_key(SECRET, "ana@escola-é.example") == address_key(SECRET, "ana@xn--escola--hya.example")
    assert address_key(SECRET, "ana@..é") != address_key(SECRET, "ana@.é")


@pytest.mark.parametrize(
    ("typed", "travels"),
    [
        ("ana@straße.example", "ana@xn--strae-oqa.example"),
        ("ana@STRAßE.example", "ana@xn--strae-oqa.example"),
        ("ana@βόλος.example", "ana@xn--nxasmm1c.example"),
        ("ana@bücher。example", "ana@xn--bcher-kva.example"),
        ("jose\u0301@aluna.example", "jos\u00e9@aluna.example"),
        ("JOSÉ@aluna.example", "josé@aluna.example"),
    ],
)
def test_an_address_on_the_list_is_the_one_that_mail_goes_to(typed: str, travels: str) -> None:
    """By IDNA 2008, in which ß and ς are letters of their own, and with accents composed (RFC 6532)."""
    assert address_key(SECRET, typed) == address_key(SECRET, travels)
    assert address_key(SECRET, "strasse@aluna.example") != address_key(SECRET, "straße@aluna.example")


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_every_text_has_a_key(local: str, domain: str) -> None:
    """Whatever stands on either side of the @."""
    assert len(address_key(SECRET, f"{local}@{domain}")) == 16


def test_keys_and_links_have_nothing_in_common() -> None:
    """What one may be shown does not help to make the other."""
    assert address_key(SECRET, MARIA) != address_key(OTHER, MARIA)
    assert address_key(SECRET, MARIA) != address_key(SECRET, "mario@aluna.example")


@pytest.mark.parametrize(
    ("purpose", "optional"),
    [(Purpose.TRANSACTIONAL, False), (Purpose.NUDGE, True), (Purpose.MARKETING, True)],
)
def test_people_may_do_without_some_messages(purpose: Purpose, optional: bool) -> None:
    """Not without the confirmation of what they did."""
    assert purpose.is_optional is optional


@pytest.mark.parametrize(
    ("source", "scope", "why", "told"),
    [
        (
            Source.UNSUBSCRIBED,
            Scope.OPTIONAL,
            "",
            "suppressed: this person unsubscribed from nudges and marketing on 2026-05-04",
        ),
        (
            Source.UNSUBSCRIBED,
            Scope.EVERYTHING,
            "",
            "suppressed: this person wants no more messages at all, since 2026-05-04",
        ),
        (
            Source.BOUNCED,
            Scope.EVERYTHING,
            "550 5.1.1 no such user",
            "suppressed: the address bounced on 2026-05-04: 550 5.1.1 no such user",
        ),
        (
            Source.OPERATOR,
            Scope.EVERYTHING,
            "asked by telephone",
            "suppressed: an operator took the address off on 2026-05-04: asked by telephone",
        ),
    ],
)
def test_the_reason_is_a_sentence_without_an_address(
    source: Source, scope: Scope, why: str, told: str
) -> None:
    """It stands in lists and logs."""
    at = datetime(2026, 5, 4, 12, tzinfo=UTC)
    found = Suppression(key=b"k" * 16, source=source, scope=scope, at=at, address=MARIA, why=why)
    assert found.sentence == told
