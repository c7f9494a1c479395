"""What may stand in `config.yaml`: a strict, frozen model whose unions come from the two registries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import BaseModel, Field

from bridge.channels import registry as channels
from bridge.channels.options import Duration, RateText, Strict
from bridge.config.reception import Reception
from bridge.config.sends import LimitOptions, Owner, Send
from bridge.config.types import Name, OneOrMore, Text, Texts, Zone
from bridge.core.rates import Rate
from bridge.sources import registry as sources

LOCALES = ("pt_BR", "en", "es")
TYPED = {"sources": sources.OPTIONS, "channels": channels.OPTIONS}
"""The sections whose entries have a `type`, with the model of each."""


def _union(members: Iterable[object]) -> object:
    return Union[tuple(members)]  # noqa: UP007  # which they are is known when the program runs


if TYPE_CHECKING:
    ChannelOptions = BaseModel
else:
    ChannelOptions = Annotated[_union(channels.OPTIONS.values()), Field(discriminator="type")]


class CourseConfig(Strict):
    """A course of the catalogue: what the platform does not tell us."""

    id: Text = Field(description="The course's id on its platform, as events have it in `course.id`.")
    title: str | None = Field(
        default=None, description="For messages about events that have the course's id and no title."
    )
    timezone: Zone | None = Field(
        default=None,
        description="Where `quiet_hours` and `digest` count for its events, if not in the zone of the top.",
    )
    modules: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)] = Field(
        description='The ids of its modules, in order, as events have them in `module.id`: ["3251", "3252"].'
    )


class AfterOptions(Strict):
    """How often something must have happened."""

    count: int = Field(ge=1, le=1000, description="How many events, or different values.")
    distinct: str | None = Field(
        default=None, description="Count different values of this path, not events: module.id."
    )
    by: Texts = Field(
        default=(),
        description="Counted for each value of these paths: [learner.email, course.id]; else over all.",
    )
    within: Duration | None = Field(
        default=None,
        description="For how long an event counts, from when it happened, such as 30d; else for ever.",
    )


class RuleConfig(Strict):
    """Which events, under which conditions, lead to which actions."""

    name: Name = Field(
        description="Shown in every listing; `once_per` remembers by it, so a new name asks for `was:`."
    )
    on: OneOrMore = Field(
        description="A kind (module.completed), a type (nutror.module_completed), a glob (nutror.*), a list."
    )
    when: Any = Field(
        default=None,
        description="Paths with what they must be, such as `course.title: { prefix: Python }`. All hold.",
    )
    condition: str | None = Field(
        default=None,
        alias="if",
        description='What a pattern cannot say, as a Jinja expression: "{{ occurred_at.hour < 23 }}".',
    )
    after: AfterOptions | None = Field(
        default=None, description="Only the event by which so many have been counted leads to messages."
    )
    limit: LimitOptions | None = Field(
        default=None, description="For every action below that has no `limit` of its own."
    )
    mode: Literal["live", "shadow"] = Field(
        default="live", description="shadow: everything but the sending; what it would send is shown."
    )
    purpose: Literal["transactional", "nudge", "marketing"] = Field(
        default="transactional",
        description="What its e-mails are for: people can unsubscribe from nudge and marketing.",
    )
    once_per: Annotated[Texts, Field(min_length=1)] | None = Field(
        default=None, description="For every action below that has no `once_per` of its own."
    )
    pause_above: RateText | None = Field(
        default=None,
        description="More messages than this, such as 200/h, pause the rule; a person decides about them.",
    )
    send: Annotated[tuple[Send, ...], Field(strict=False, min_length=1)] = Field(
        description="What to send, and where."
    )
    was: OneOrMore | None = Field(
        default=None,
        description="What it was called before, a name or a list with the newest first: it goes on under the "
        "claims, limits and waiting messages of that name.",
    )


class Config(Reception):
    """The whole configuration."""

    owner: Owner | None = Field(
        default=None,
        description="Who hears of trouble, once when it starts and once when it ends; as under `send:`.",
    )
    deliver_tests: bool = Field(
        default=False,
        description="Also send messages for a platform's own test events, which have sample people.",
    )
    include: OneOrMore | None = Field(
        default=None, description="Files with more `rules:`, beside this file: rules/*.yaml."
    )
    courses: dict[Name, CourseConfig] = Field(
        default={}, description="The course catalogue, by names of yours: what `progress` is counted by."
    )
    channels: dict[Name, ChannelOptions] = Field(
        default={}, description="Where messages go, by a name of yours."
    )
    rules: Annotated[tuple[RuleConfig, ...], Field(strict=False)] = Field(
        default=(), description="All matching rules run; their order means nothing."
    )

    def channel_types(self) -> dict[str, str]:
        """Return the type of each channel by its name."""
        return {name: str(getattr(options, "type")) for name, options in self.channels.items()}  # noqa: B009

    def rates(self) -> dict[str, Rate]:
        """Return the rates of the channels that have one."""
        found = {name: getattr(options, "rate", None) for name, options in self.channels.items()}
        return {name: rate for name, rate in found.items() if isinstance(rate, Rate)}
