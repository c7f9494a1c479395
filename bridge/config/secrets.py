"""Keeps secrets out of the configuration file and out of every message about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from urllib.parse import unquote, urlsplit

from bridge.core.redact import HIDDEN

_KNOWN = re.compile(
    r"""(?P<slack>\bxox[a-z]-[\w-]+|\bxapp-[\w-]+|hooks\.slack\.com/(?:services|workflows)/\w+)
      | (?P<webhook>\bwhsec_[\w+/=]+)
      | (?P<url>\w+://[^\s/@:]*:[^\s/@\0]+@)
      | (?P<discord>discord(?:app)?\.com/api/webhooks/\w+)
      | (?P<telegram>api\.telegram\.org/bot\d+:\w)
      | (?P<chat>chat\.googleapis\.com/\S*[?&](?:key|token)=\w|logic\.azure\.com\S*[?&]sig=\w
          |webhook\.office\.com/webhookb2/\w)
      | (?P<automation>hooks\.zapier\.com/hooks/catch/\w|\bhook\.(?:\w+\.)?make\.com/\w)
      | (?P<service>\b(?:tgram|discord|slack|msteams|workflows?|gchat|pover|pbul)://\w)
      | (?P<key>-----BEGIN\ [A-Z ]*PRIVATE\ KEY-----|\bgh[pousr]_\w{20,}|\bAKIA[0-9A-Z]{16}\b)""",
    re.VERBOSE,
)
_KINDS = {
    "slack": "a Slack token or webhook address",
    "webhook": "a signing secret",
    "url": "an address with a password",
    "discord": "a Discord webhook address",
    "telegram": "a Telegram bot's token",
    "chat": "a chat's webhook address",
    "automation": "an automation's webhook address",
    "service": "a service's token",
    "key": "a private key",
}
_LONG = 6
_WORD = 8
"""Values at least this long are hidden wherever they stand; shorter ones may be ordinary words."""
_CUT = 40
_QUOTED = re.compile(r"'.*'|(?<=the number )\S+", re.DOTALL)
"""From the first quote to the last, since a value may hold quotes itself."""


def secret_in(text: str) -> str | None:
    """Return what kind of secret a literal text plainly holds, wherever it stands, or None."""
    found = _KNOWN.search(text)
    return _KINDS[found.lastgroup] if found and found.lastgroup else None


class Redactor:
    """Replaces values that came from outside by `***`; short ones only where they stand alone."""

    def __init__(self, values: Iterable[str]) -> None:
        values = [value for value in values if value]
        self._anywhere = _any_of(_pattern(shape) for shape in _longest_first(values, _shapes))
        whole = _longest_first(values, _spellings)
        self._long = _any_of(re.escape(shape) for shape in whole if len(shape) >= _WORD)

    def hide(self, text: str) -> str:
        """Return a text of anybody's without any of the values."""
        return self._anywhere.sub(HIDDEN, text) if self._anywhere else text

    def hide_in_sentence(self, sentence: str, near: Iterable[str] = ()) -> str:
        """Return a sentence of the configuration's own without values from outside.

        Its words are ours, and only what it quotes can be a value. So a short value, which may be one of our
        words, is replaced only between quotes or as a number, and only if it is one of those used `near` the
        problem: everywhere else `***` would tell what the value is.
        """
        if self._long:
            sentence = self._long.sub(HIDDEN, sentence)
        shapes = _longest_first([value for value in near if value], _shapes)
        short = _any_of(_pattern(shape, least=3) for shape in shapes)
        return _QUOTED.sub(lambda quoted: short.sub(HIDDEN, quoted[0]), sentence) if short else sentence


def _any_of(patterns: Iterable[str]) -> re.Pattern[str] | None:
    joined = "|".join(patterns)
    return re.compile(joined) if joined else None


def _longest_first(values: Iterable[str], shapes: Callable[[str], set[str]]) -> list[str]:
    return sorted({shape for value in values for shape in shapes(value)}, key=lambda each: (-len(each), each))


def _spellings(value: str) -> set[str]:
    """Return a value in the spellings in which a message may show it, whole or cut as `describe` does."""
    shapes = {value, value.strip(), unquote(value)}
    shapes |= {f"{shape[:_CUT]}…" for shape in shapes if len(shape) > _CUT}
    shapes |= {repr(shape)[1:-1] for shape in shapes}
    return {shape for shape in shapes if shape}


def _shapes(value: str) -> set[str]:
    """Return the spellings of a value, and of the password in an address."""
    try:
        password = urlsplit(value).password
    except ValueError:
        password = None
    return _spellings(value) | (_spellings(password) if password else set())


def _pattern(shape: str, least: int = _LONG) -> str:
    literal = re.escape(shape)
    return literal if len(shape) >= least else rf"(?<!\w){literal}(?!\w)"
