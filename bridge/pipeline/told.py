"""What a person is told of what they asked for."""

from __future__ import annotations

from msgspec import Struct


class Told(Struct, frozen=True):
    """Whether it was done, and a sentence that says what or why not."""

    done: bool
    sentence: str
