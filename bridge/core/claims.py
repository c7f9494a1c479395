"""What `once_per` asks to be taken for an action on one event: the key of the claim, and its words."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from bridge.core.events import Facts
from bridge.core.formers import kept_under, memory_names, other_names
from bridge.core.identity import claim_key
from bridge.core.paths import FactPath, parse_path
from bridge.core.rules import Action


class Claim(Struct, frozen=True):
    """The key, and the values it stands for, to show to a person.

    `rule` and `action` are the names that the key was made with. `others` are the keys that the same values
    have under the other names of `was:`; whoever holds one of them holds this one, too.
    """

    key: bytes
    label: str
    rule: str
    action: str
    others: tuple[bytes, ...] = ()


class Lacking(Struct, frozen=True):
    """A value that `once_per` needs and the event does not have, so that nothing is sent."""

    path: str

    @property
    def why(self) -> str:
        """The reason, as a sentence."""
        return f"once_per needs '{self.path}', which this event does not have"


def claim_of(secret: bytes, action: Action, facts: Facts) -> Claim | Lacking | None:
    """Return what an action claims on an event, None without `once_per`; `secret` is the store's."""
    if not action.once_per:
        return None
    values = values_of(action.once_per, facts)
    if isinstance(values, str):
        return Lacking(values)
    label = ", ".join(f"{text}={value}" for text, value in zip(action.once_per, values, strict=True))
    key = claim_key(secret, *memory_names(action), values)
    others = tuple(claim_key(secret, *names, values) for names in other_names(action))
    rule = kept_under(action.rule, action.rule_was)
    return Claim(key, label, rule, kept_under(action.name, action.was), others)


def values_of(paths: Sequence[str], facts: Facts) -> list[str] | str:
    """Return the value at each path, as keys are made of them, or the first path that leads to none.

    An address counts the same in capitals.
    """
    values: list[str] = []
    for text in paths:
        path = parse_path(text)
        value = path.one(facts) if isinstance(path, FactPath) else None
        if value is None:
            return text
        values.append(value.casefold() if text.endswith(".email") else value)
    return values
