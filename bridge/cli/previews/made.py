"""The messages that an event leads to, each made exactly as its delivery would be; or why one is not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from bridge.channels.base import Channel
from bridge.core.events import Event, Facts
from bridge.core.messages import Payload, RenderFailure
from bridge.core.routing import Plan
from bridge.core.rules import Action, kind_of
from bridge.pipeline.compose import Unready, compose, together
from bridge.pipeline.house import House

PREVIEW_ID = "0" * 32
"""Stands for the delivery's id in message ids and links."""


class Preview(Struct, frozen=True):
    """One message, or why there is none; `facts` are those of the event it was made for."""

    rule: str
    action: Action
    made: Payload | Unready
    facts: Facts

    @property
    def kind(self) -> str:
        """The type of its channel."""
        return kind_of(self.action.name)

    @property
    def title(self) -> str:
        """Its rule, and where it goes."""
        return f"{self.rule}: {self.kind} via {self.action.channel}"

    @property
    def file_name(self) -> str:
        """A name for its files, without an ending."""
        return re.sub(r"[^A-Za-z0-9_-]+", "-", f"{self.rule}-{self.action.name}")

    @property
    def failure(self) -> RenderFailure | None:
        """Where its template failed, if that is why there is no message."""
        if isinstance(self.made, Payload):
            return None
        facts = self.facts if "items" in self.facts else together([self.facts], 1)
        found = self.action.content.render(facts)
        return found if isinstance(found, RenderFailure) else None


def previews_of(
    event: Event, plan: Plan, channels: Mapping[str, Channel], now: datetime, house: House
) -> Iterator[Preview]:
    """Yield a preview of every action that the plan wants; `house` is who sends them."""
    facts = event.facts()
    for wanted in plan.wanted:
        action = wanted.action
        made = compose(
            action=action,
            channel=channels[action.channel],
            facts=facts,
            delivery_id=PREVIEW_ID,
            at=now,
            house=house,
        )
        yield Preview(wanted.rule.name, action, made, facts)
