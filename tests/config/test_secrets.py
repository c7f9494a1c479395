"""Secrets typed into the file are found, and values from outside never reach a message."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.config.secrets import Redactor, secret_in


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("xoxb-1234-abc", "a Slack token or webhook address"),
        ("https://hooks.slack.com/services/T0/B0/abc", "a Slack token or webhook address"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a signing secret"),
        ("smtp://user:geheim@mail.example:587", "an address with a password"),
        ("smtp://:geheim@mail.example", "an address with a password"),
        ("postgresql://bridge:geheim@db/bridge", "an address with a password"),
        ("https://discord.com/api/webhooks/1/abc", "a Discord webhook address"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
    ],
)
def test_what_is_plainly_a_secret_is_recognised_anywhere(text: str, kind: str) -> None:
    """Whichever key it stands under."""
    assert secret_in(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "smtp://localhost:1025",
        "smtp://user:\0@mail.example",
        "smtp://\0",
        "xoxb-",
        "https://crm.example/hooks",
        "{{ learner.email }}",
        "postgresql://user@host/db",
        "Escola Exemplo <ola@escola.example>",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    """NUL stands for a part that came from outside."""
    assert secret_in(text) is None


@pytest.mark.parametrize(
    ("values", "text", "hidden"),
    [
        (["geheim"], "expected x, not 'geheim'", "expected x, not '***'"),
        (["ab"], "ab about ab", "*** about ***"),
        (["smtp://u:p%40ss@h"], "login with p@ss failed", "login with *** failed"),
        (["abcdef", "abcdefgh"], "abcdefgh", "***"),
        (["line\nbreak"], "not 'line\\nbreak'", "not '***'"),
        ([], "text", "text"),
    ],
)
def test_values_are_hidden_in_every_spelling(values: list[str], text: str, hidden: str) -> None:
    """Also the password inside an address, decoded or not, and short values where they stand alone."""
    assert Redactor(values).hide(text) == hidden


@given(st.from_regex(r"[a-z%@:/ ]{6,40}", fullmatch=True), st.text("0123 "), st.text("0123 "))
@settings(deadline=None)
def test_a_long_value_never_shows(value: str, before: str, after: str) -> None:
    """Wherever it stands."""
    assert value not in Redactor([value]).hide(before + value + after)
