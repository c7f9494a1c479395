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
        ("smtp://user:geheim@mail.escola.test:587", "an address with a password"),
        ("smtp://:geheim@mail.escola.test", "an address with a password"),
        ("postgresql://bridge:geheim@db/bridge", "an address with a password"),
        ("https://discord.com/api/webhooks/1/abc", "a Discord webhook address"),
        ("https://api.telegram.org/bot123456:AAH-abc_def/sendMessage", "a Telegram bot's token"),
        ("https://chat.googleapis.com/v1/spaces/A/messages?key=abc&token=def", "a chat's webhook address"),
        (
            "https://prod-1.westeurope.logic.azure.com:443/workflows/a/x?api-version=1&sig=abc",
            "a chat's webhook address",
        ),
        ("https://escola.webhook.office.com/webhookb2/abc@def/IncomingWebhook/x", "a chat's webhook address"),
        ("https://hooks.zapier.com/hooks/catch/1/abc/", "an automation's webhook address"),
        ("https://hook.eu1.make.com/abcdef", "an automation's webhook address"),
        ("tgram://123456:AAH-abc/-1001", "a service's token"),
        ("discord://1234/abcd", "a service's token"),
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
        "smtp://user:\0@mail.escola.test",
        "smtp://\0",
        "xoxb-",
        "https://crm.escola.test/hooks",
        "https://api.telegram.org/bot\0/sendMessage",
        "https://chat.googleapis.com/v1/spaces/A/messages?key=\0&token=\0",
        "https://hooks.zapier.com/hooks/catch/\0",
        "tgram://\0/-1001",
        "ntfy://escola-aurora",
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


@pytest.mark.parametrize(
    ("value", "near", "sentence", "shown"),
    [
        ("short", True, "is too short to sign with", "is too short to sign with"),
        ("short", True, "the text 'short' is too short", "the text '***' is too short"),
        ("short", True, "no file is called 'a/short.yaml'", "no file is called 'a/***.yaml'"),
        ("short", False, "there is no channel 'short'", "there is no channel 'short'"),
        ("1234", True, "expected text, not the number 1234", "expected text, not the number ***"),
        ("it's", True, "not the text 'it's', did you mean 'its'?", "not the text '***', did you mean 'its'?"),
        ("x", True, "not 'x', did you mean 'xx'?", "not '***', did you mean 'xx'?"),
        ("characters", True, "at least 24 characters", "at least 24 ***"),
        ("smtp://u:password@h", True, "has a user without a password", "has a user without a password"),
        ("k" * 60, True, f"the text '{'k' * 40}…' is none", "the text '***' is none"),
    ],
)
def test_a_sentence_of_ours_keeps_its_own_words(value: str, near: bool, sentence: str, shown: str) -> None:
    """A short value that is an ordinary word is hidden where it can only be the value, or not at all."""
    assert Redactor([value]).hide_in_sentence(sentence, [value] if near else []) == shown
