"""What a message says of the house that sends it: which conversation it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.core.claims import values_of
from bridge.core.events import Facts
from bridge.core.identity import conversation_key
from bridge.core.rules import Action


@dataclass(frozen=True, slots=True)
class House:
    """The store's secret, and the address under which the world reaches us, if it is known."""

    secret: bytes = field(default=b"", repr=False)
    public_url: str | None = None

    def thread(self, action: Action, facts: Facts) -> str:
        """Return the name of an e-mail's conversation, the same for the same values of `thread_by`.

        Empty without `thread_by`, and where the event lacks a value: the message then stands by itself.
        """
        paths = action.settings.get("thread_by")
        if not isinstance(paths, tuple):
            return ""
        values = values_of(paths, facts)
        return "" if isinstance(values, str) else conversation_key(self.secret, action.channel, values).hex()


ANYWHERE = House()
"""For messages that are only shown."""
