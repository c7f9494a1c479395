"""Looks for claims whose rule is gone, and says what may be done about them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from bridge.core.rules import Rule
from bridge.core.strays import Kept, Stray, strays
from bridge.pipeline.node import Node
from bridge.store import claims
from bridge.store.claims import Maker
from bridge.store.database import Connection, StoreUnavailable

SHOWN = 20
"""So many are told; whoever removes hundreds of rules knows it."""


class Found(Struct, frozen=True):
    """Claims of a rule or action that is gone, and how many of them are held."""

    stray: Stray
    claims: int

    @property
    def sentence(self) -> str:
        """What it is about."""
        stray, one = self.stray, self.claims == 1
        many, belong = f"{self.claims} claim{'' if one else 's'}", f"belong{'s' if one else ''}"
        if stray.now is None:
            return f"{many} of {stray.action} {belong} to the rule '{stray.rule}', which is gone"
        return f"{many} of the rule '{stray.now}' {belong} to its action '{stray.action}', which is gone"

    @property
    def advice(self) -> str:
        """The two ways out."""
        stray = self.stray
        if stray.now is None:
            on = f"the rule '{stray.probably}'" if stray.probably else "the rule that is in its place"
            forget = f"bridge claims release --rule {stray.rule}"
            return (
                f"write `was: {stray.rule}` on {on} so that it goes on under them, or forget them: `{forget}`"
            )
        on = f"the action '{stray.probably}'" if stray.probably else "the action that is in its place"
        forget = f"bridge claims release --rule {stray.rule} --action {stray.action}"
        was = f'was: "{stray.action}"' if "#" in stray.action else f"was: {stray.action}"
        return f"write `{was}` on {on} so that it goes on under them, or forget them: `{forget}`"


async def find_strays(node: Node, rules: Sequence[Rule]) -> list[Found]:
    """Return the claims whose rule or action is gone, at most `SHOWN`."""
    return await node.database.read(lambda connection: _find(connection, rules))


async def tell_strays(node: Node, rules: Sequence[Rule]) -> None:
    """Say in the log which claims nobody goes on with: what they promised would be sent once more.

    The owner is not told: whoever has just renamed or removed a rule is at the console, and reads it there.
    """
    try:
        strays_found = await find_strays(node, rules)
    except StoreUnavailable as error:
        node.log.warning("claims whose rule is gone not looked for", why=str(error))
        return
    for found in strays_found:
        node.log.warning(
            "claims whose rule or action is gone",
            rule=found.stray.rule,
            action=found.stray.action,
            claims=found.claims,
            advice=found.advice,
        )


def _find(connection: Connection, rules: Sequence[Rule]) -> list[Found]:
    known = {
        (rule, action)
        for each in rules
        for rule in (each.name, *each.was)
        for own in each.actions
        for action in (own.name, *own.was)
    }
    apart = [maker for maker in claims.makers(connection) if (maker.rule, maker.action) not in known]
    kept = [Kept(maker.rule, maker.action, claims.label_of(connection, maker)) for maker in apart]
    found = [
        Found(stray, claims.count_held(connection, Maker(stray.rule, stray.action)))
        for stray in strays([each for each in kept if each.label], rules)
    ]
    return [each for each in found if each.claims][:SHOWN]
