"""Secrets inside payloads, hidden before a person or a log sees them."""

from __future__ import annotations

from collections.abc import Mapping

HIDDEN = "***"
_SECRET_WORDS = ("secret", "token", "password", "senha", "authorization", "apikey", "api_key", "privatekey")
_DEPTH = 100


def hide_secrets(value: object, depth: int = _DEPTH) -> object:
    """Return a copy of a JSON value in which every member with a secret's name is `***`.

    Below `depth` levels the value itself is replaced, so a hostile nesting cannot exhaust the stack.
    """
    if depth <= 0:
        return HIDDEN
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if names_secret(str(key)) and item is not None else hide_secrets(item, depth - 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [hide_secrets(item, depth - 1) for item in value]
    return value


def names_secret(name: str) -> bool:
    """Return whether a member's name says that its value is a secret."""
    folded = name.lower().replace("-", "_")
    return any(word in folded for word in _SECRET_WORDS)
