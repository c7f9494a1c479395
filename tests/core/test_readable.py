"""Messages' bytes as a person reads them."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.core.readable import TEXT_LIMIT, enclosed, read_chat, read_json, read_mail


def test_a_mail_shows_both_parts_and_its_headers_decoded() -> None:
    """Encoded words and transfer encodings are gone; both alternatives are there."""
    message = EmailMessage()
    message["Subject"] = "Parabéns, Márcia! 🎉"
    message["To"] = "Márcia Conceição <marcia@aluna.example>"
    message.set_content("Você concluiu.\n")
    message.add_alternative("<p>Você <b>concluiu</b>.</p>\n", subtype="html")
    mail = read_mail(message.as_bytes())
    assert (mail.text, mail.html) == ("Você concluiu.\n", "<p>Você <b>concluiu</b>.</p>\n")
    assert mail.header("subject") == "Parabéns, Márcia! 🎉"
    assert mail.header("to") == "Márcia Conceição <marcia@aluna.example>"
    assert mail.header("cc") == ""


def test_the_files_of_a_mail_are_named() -> None:
    """With their type, their size and their content, in order."""
    message = EmailMessage()
    message.set_content("Oi")
    message.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="Conceição.pdf")
    message.add_attachment(b"x" * 2048, maintype="image", subtype="png")
    raw = message.as_bytes()
    assert [str(file) for file in read_mail(raw).files] == [
        "Conceição.pdf (application/pdf, 0 KB)",
        "(without a name) (image/png, 2 KB)",
    ]
    assert [content for _, content in enclosed(raw)] == [b"%PDF-", b"x" * 2048]


@given(
    st.binary(max_size=400) | st.binary(max_size=200).map(lambda b: b"Content-Type: text/plain; charset=" + b)
)
@example(
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: \xff/x\r\n"
    b"Content-Disposition: attachment; filename*=x'\xff'%ff\r\n\r\n--b--"
)
def test_no_bytes_are_unreadable(body: bytes) -> None:
    """Whatever the bytes, there is text that can be written as UTF-8."""
    mail = read_mail(body)
    for text in (
        *map(str, mail.files),
        mail.text,
        mail.html,
        read_json(body),
        *(value for _, value in mail.headers),
    ):
        text.encode()


@pytest.mark.parametrize(
    "block",
    [
        {"type": "context", "elements": [{"type": "plain_text", "text": "<!channel> & <@U1>"}]},
        {"type": "section", "text": {"type": "plain_text", "text": "<!channel> & <@U1>"}},
        {"type": "section", "fields": [{"type": "plain_text", "text": "<!channel> & <@U1>"}]},
        {
            "type": "rich_text",
            "elements": [
                {"type": "rich_text_section", "elements": [{"type": "text", "text": "<!channel> & <@U1>"}]}
            ],
        },
        {"type": "markdown", "text": "<!channel> & <@U1>"},
        {"type": "image", "alt_text": "<!channel> & <@U1>"},
    ],
)
def test_plain_text_of_a_block_means_nothing_in_mrkdwn(block: dict[str, object]) -> None:
    """Notifications are made of it, and there a name would call everybody."""
    (paragraph,) = read_chat({"blocks": [block]}).paragraphs
    assert paragraph.strip("[]") == "&lt;!channel&gt; &amp; &lt;@U1&gt;"
    assert read_chat(
        {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "<@U1>"}}]}
    ).paragraphs == ("<@U1>",)


def test_json_is_laid_out_and_cut() -> None:
    """JSON gets lines and keeps its letters; other text stays; neither is endless."""
    assert read_json('{"nome":"Conceição"}'.encode()) == '{\n  "nome": "Conceição"\n}'
    assert read_json(b"not json") == "not json"
    assert read_json(b'"\\ud800"') == '"?"'
    assert len(read_json(b"x" * (TEXT_LIMIT + 1))) == TEXT_LIMIT


@pytest.mark.parametrize(
    ("body", "paragraphs"),
    [
        ({"text": "oi"}, ("oi",)),
        ({"text": "fallback", "blocks": []}, ("fallback",)),
        ({}, ("",)),
        (
            {
                "text": "fallback",
                "blocks": [
                    {"type": "header", "text": {"type": "plain_text", "text": "Parabéns"}},
                    {"type": "section", "text": {"type": "mrkdwn", "text": "*Maria* concluiu"}},
                    {"type": "section", "fields": [{"text": "a"}, {"text": "b"}]},
                    {"type": "divider"},
                    {"type": "context", "elements": [{"type": "mrkdwn", "text": "c"}, {"type": "image"}]},
                    {
                        "type": "actions",
                        "elements": [{"type": "button", "text": {"text": "Ver"}, "url": "https://e"}],
                    },
                    {
                        "type": "rich_text",
                        "elements": [{"type": "s", "elements": [{"type": "text", "text": "d"}]}],
                    },
                    {"type": "invented"},
                    "nonsense",
                ],
            },
            ("*Parabéns*", "*Maria* concluiu", "a  b", "———", "c  [image]", "<https://e|Ver>", "d"),
        ),
    ],
)
def test_a_chat_message_is_its_blocks_or_its_text(
    body: dict[str, object], paragraphs: tuple[str, ...]
) -> None:
    """Blocks win over the notification text; unknown blocks are passed over."""
    assert read_chat(body).paragraphs == paragraphs


def test_blocks_nested_for_ever_end() -> None:
    """A structure deeper than any Slack message is cut, not followed."""
    block: dict[str, object] = {"type": "x", "text": "end"}
    for _ in range(500):
        block = {"type": "x", "elements": [block]}
    assert read_chat({"text": "t", "blocks": [block]}).paragraphs == ("t",)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "url", "blocks", "elements", "fields", "channel"]), inner
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["text", "blocks", "channel", "thread_ts"]), _JSON))
def test_no_structure_raises(body: dict[str, object]) -> None:
    """Any JSON object can be shown as a chat message."""
    assert read_chat(body).paragraphs
