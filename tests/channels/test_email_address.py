"""Mailboxes: what is one, and that nothing in a name or address can be more than one."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.channels.email_address import NAME_LIMIT, Mailbox, mailbox, validated
from bridge.channels.email_headers import encoded, field, listed, unstructured


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("maria@aluna.example", "", "maria@aluna.example"),
        ("  maria@aluna.example\n", "", "maria@aluna.example"),
        ("<maria@aluna.example>", "", "maria@aluna.example"),
        ("Maria <maria@aluna.example>", "Maria", "maria@aluna.example"),
        ('"Silva, Maria" <maria@aluna.example>', "Silva, Maria", "maria@aluna.example"),
        ("Silva, Maria <maria@aluna.example>", "Silva, Maria", "maria@aluna.example"),
        ("x <y@z.example>, Maria <maria@aluna.example>", "x <y@z.example>, Maria", "maria@aluna.example"),
        ("Maria\r\nBcc: x@y.example <maria@aluna.example>", "Maria Bcc: x@y.example", "maria@aluna.example"),
        ("Maria@AlunA.Example", "", "Maria@aluna.example"),
        ("maria@coração.example", "", "maria@xn--corao-dra1a.example"),
        ("márcia@aluna.example", "", "márcia@aluna.example"),
        ("maria+curso@aluna.test", "", "maria+curso@aluna.test"),
        ("root@localhost", "", "root@localhost"),
        ("maria@mail.intranet", "", "maria@mail.intranet"),
        ("maria@Servidor.Local", "", "maria@servidor.local"),
    ],
)
def test_a_mailbox_is_an_address_with_or_without_a_name(text: str, name: str, address: str) -> None:
    """The last angle brackets hold the address; everything before them is a name, whatever it looks like."""
    found = mailbox(text)
    assert found is not None
    assert found.address == address
    assert found.name == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "maria",
        "maria@",
        "@aluna.example",
        "maria@gmail",
        "maria@aluna..example",
        "maria @aluna.example",
        "a@b.example, c@d.example",
        "a@b.example c@d.example",
        "a@b.example;c@d.example",
        "Maria <maria@aluna.example> depois",
        "Maria <maria@aluna.example",
        "Maria <>",
        "maria@[127.0.0.1]",
        '"maria"@aluna.example',
        "maria@aluna.example\x00@x.example",
        "maria@-aluna.example",
        "x" * 65 + "@aluna.example",
        "maria@" + "x" * 260 + ".example",
        "None",
        "maria@.local",
        "maria@x y.local",
        "maria@local",
    ],
)
def test_what_is_no_mailbox(text: str) -> None:
    """A list is none either: one template makes one recipient."""
    assert mailbox(text) is None


def read(value: str) -> list[tuple[str, str]]:
    """Return names and addresses as the standard library reads them from a header."""
    raw = f"{field('To', value)}\r\n".encode()
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    assert list(parsed.keys()) == ["To"]
    return [(address.display_name, address.addr_spec) for address in parsed["To"].addresses]


names = st.text(st.characters(codec="utf-8"), max_size=120) | st.lists(
    st.sampled_from([*'aé,<>"\\()@.;: ', "😀", "=?utf-8?q?a?=", "?=", "=?", "@x.example", "longword" * 5]),
    max_size=30,
).map("".join)


@given(names)
@example("=?utf-8?b?PGE+?=")
@example('"')
@example("\\")
@example("a" * 75 + ", <x@y.example>")
def test_a_name_never_becomes_an_address(name: str) -> None:
    """Written and read again, there is one mailbox with this address, and the name is the name."""
    found = mailbox(f"{name} <maria@aluna.example>")
    assert found is not None
    assert len(found.name) <= NAME_LIMIT
    (back,) = read(str(found))
    assert back[1] == "maria@aluna.example"
    # The parser of Python 3.11 puts a space between encoded words where there is none.
    assert back[0].replace(" ", "") == found.name.replace(" ", "")


@given(st.lists(names, min_size=2, max_size=5))
def test_a_list_is_as_long_as_it_was(found: list[str]) -> None:
    """No name adds a recipient or swallows one."""
    boxes = [Mailbox(f"a{place}@aluna.example", name.strip()[:50]) for place, name in enumerate(found)]
    boxes = [box for box in (mailbox(f"{box.name} <{box.address}>") for box in boxes) if box]
    assert [address for _, address in read(listed(boxes))] == [box.address for box in boxes]


@given(st.text(max_size=400))
def test_a_header_is_one_field_and_says_what_was_said(text: str) -> None:
    """No text starts another field, no line is long, and what is read is what was written, spaces aside."""
    value = unstructured(text)
    raw = f"{field('Subject', value)}\r\n".encode()
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert set(parsed.keys()) <= {"Subject"}
    assert all(len(line) <= 76 for line in raw.split(b"\r\n"))
    kept = "".join(
        " " if ord(char) < 32 or 127 <= ord(char) < 160 or char in "\u2028\u2029" else char for char in text
    )
    expected = " ".join(kept.encode("utf-8", "replace").decode().split())
    assert " ".join(str(parsed["Subject"] or "").split()) == expected


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_encoded_words_are_short_and_whole(text: str) -> None:
    """At most 75 characters each, and no character is cut in half (RFC 2047, section 2 and 5)."""
    for word in filter(None, encoded(text).split("\r\n ")):
        assert len(word) <= 75
        header = email.message_from_bytes(f"Subject: {word}\r\n\r\n".encode(), policy=email.policy.default)[
            "Subject"
        ]
        assert not header.defects


locals_ = st.from_regex(r"[A-Za-z0-9.+_@\"é -]{0,70}", fullmatch=True)
domains = st.sampled_from(
    ["aluna.example", "Ção.Example", "x", "a..b", "", "x.test", "localhost", "-a.b", "a b.c"]
)
domains |= st.from_regex(r"[a-zA-Z0-9._@ -]{0,160}", fullmatch=True) | st.just(
    "d" * 60 + "." + "e" * 190 + ".example"
)


@given(locals_, domains)
@example("Info", "aluna.example")
@example("info", "aluna.example")
@example("a..b", "aluna.example")
@example("x" * 65, "aluna.example")
@example("x" * 60, "d" * 60 + "." + "e" * 60 + "." + "f" * 60 + "." + "g" * 60 + ".example")
def test_the_short_way_finds_what_the_library_finds(local: str, domain: str) -> None:
    """Plain addresses of domains that were seen before are not validated again, and come out the same."""
    text = f"{local}@{domain}"
    found = mailbox(f"<{text}>")
    assert (found.address if found else None) == validated(text.strip())
