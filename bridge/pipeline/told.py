"""What a person is told of what they asked for."""

from __future__ import annotations

from msgspec import Struct


class Told(Struct, frozen=True):
    """Whether it was done, and a sentence that says what or why not.

    `waits` says that what was done comes to nothing yet: its time or its channel is waited for.
    """

    done: bool
    sentence: str
    waits: bool = False
