"""What a message says of the house that sends it: which conversation it belongs to, and how to leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.core.events import Facts
from bridge.core.identity import conversation_key
from bridge.core.rules import EMAIL, Action, kind_of
from bridge.core.suppressions import token_of
from bridge.core.threads import labels


@dataclass(frozen=True, slots=True)
class House:
    """The store's secret, and the address under which the world reaches us, if it is known."""

    secret: bytes = field(default=b"", repr=False)
    public_url: str | None = None

    def thread(self, action: Action, facts: Facts) -> str:
        """Return the name of an e-mail's conversation, the same for the same values of `thread_by`.

        Empty without `thread_by`, and where the event lacks a value: the message then stands by itself.
        """
        values = labels(action.conversation, facts) if action.conversation else None
        return conversation_key(self.secret, action.channel, values).hex() if values else ""

    def unsubscribe(self, action: Action, delivery_id: str) -> Callable[[str], str] | None:
        """Return what makes the address at which a recipient unsubscribes; None where nobody may, or can."""
        base = self.public_url
        if base is None or not action.purpose.is_optional or kind_of(action.name) != EMAIL:
            return None
        return lambda address: f"{base}/unsubscribe/{token_of(self.secret, delivery_id, address)}"


ANYWHERE = House()
"""For messages that are only shown."""
