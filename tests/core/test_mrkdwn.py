"""Slack's mrkdwn as people see it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.mrkdwn import Span, plain, spans


@pytest.mark.parametrize(
    ("mrkdwn", "seen"),
    [
        ("olá", "olá"),
        (":tada: *Maria* concluiu _tudo_ ~ontem~ `hoje`", ":tada: Maria concluiu tudo ontem hoje"),
        ("Maria &amp; Zé &lt;3 &amp;lt;", "Maria & Zé <3 &lt;"),
        ("<https://escola.example/a?b=1&amp;c=2|Abrir>", "Abrir (https://escola.example/a?b=1&c=2)"),
        ("<https://escola.example>", "https://escola.example"),
        ("<mailto:ola@escola.example|ola@escola.example>", "ola@escola.example"),
        ("<!channel> <@U123> <#C1|conquistas> <!date^1^{date}|hoje>", "@channel @U123 #conquistas hoje"),
        ("2*3*4, a_b_c, ~10 e ~20", "2*3*4, a_b_c, ~10 e ~20"),
        ("* não *", "* não *"),
        ("*duas\nlinhas*", "*duas\nlinhas*"),
        ("`*literal*`", "*literal*"),
        ("```um\n*dois*```", "um\n*dois*"),
        ("<aberto", "<aberto"),
    ],
)
def test_marks_disappear_and_words_stay(mrkdwn: str, seen: str) -> None:
    """The text without marks, links with their address, entities resolved once."""
    assert plain(mrkdwn) == seen


def test_marks_nest() -> None:
    """A span carries every mark around it."""
    assert spans("*a _b <https://e.example|c>_*") == (
        Span(text="a ", bold=True),
        Span(text="b ", bold=True, italic=True),
        Span(text="c", bold=True, italic=True, url="https://e.example"),
    )


@given(st.text(alphabet="*_~`<>|&;! \na", max_size=200) | st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    """No text raises, and text without marks and entities comes back as it is."""
    read = "".join(span.text for span in spans(text))
    if not set(text) & set("*_~`<&"):
        assert read == text
