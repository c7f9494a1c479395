"""Keeps secrets out of the configuration file and out of every message about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from bridge.core.redact import HIDDEN

_KNOWN = re.compile(
    r"""(?P<slack>\bxox[a-z]-[\w-]+|\bxapp-[\w-]+|hooks\.slack\.com/(?:services|workflows)/\w+)
      | (?P<webhook>\bwhsec_[\w+/=]+)
      | (?P<url>\w+://[^\s/@:]*:[^\s/@\0]+@)
      | (?P<discord>discord(?:app)?\.com/api/webhooks/\w+)
      | (?P<key>-----BEGIN\ [A-Z ]*PRIVATE\ KEY-----|\bgh[pousr]_\w{20,}|\bAKIA[0-9A-Z]{16}\b)""",
    re.VERBOSE,
)
_KINDS = {
    "slack": "a Slack token or webhook address",
    "webhook": "a signing secret",
    "url": "an address with a password",
    "discord": "a Discord webhook address",
    "key": "a private key",
}
_LONG = 6


def secret_in(text: str) -> str | None:
    """Return what kind of secret a literal text plainly holds, wherever it stands, or None."""
    found = _KNOWN.search(text)
    return _KINDS[found.lastgroup] if found and found.lastgroup else None


class Redactor:
    """Replaces values that came from outside by `***`; short ones only where they stand alone."""

    def __init__(self, values: Iterable[str]) -> None:
        shapes = {shape for value in values for shape in _shapes(value)}
        patterns = [_pattern(shape) for shape in sorted(shapes, key=len, reverse=True)]
        self._pattern = re.compile("|".join(patterns)) if patterns else None

    def hide(self, text: str) -> str:
        """Return the text without any of the values."""
        return self._pattern.sub(HIDDEN, text) if self._pattern else text


def _shapes(value: str) -> set[str]:
    """Return a value in the spellings in which a message may show it, with the password of an address."""
    shapes = {value, value.strip(), unquote(value)}
    try:
        password = urlsplit(value).password
    except ValueError:
        password = None
    if password:
        shapes |= {password, unquote(password)}
    shapes |= {repr(shape)[1:-1] for shape in shapes}
    return {shape for shape in shapes if shape}


def _pattern(shape: str) -> str:
    literal = re.escape(shape)
    return literal if len(shape) >= _LONG else rf"(?<!\w){literal}(?!\w)"
