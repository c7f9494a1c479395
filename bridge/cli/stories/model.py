"""What may stand in a file of stories: a strict, frozen model."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from bridge.channels.options import Strict
from bridge.cli.stories.moments import Point, When
from bridge.config.model import CourseConfig
from bridge.config.types import Name, OneOrMore

FIRST_DAY = "2026-01-05 09:00"
"""When a story begins that does not say when: a Monday morning."""
MOST_REPEATED = 10_000


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, dict) else value


class EventConfig(Strict):
    """An event that comes, as its platform sends it."""

    at: When | None = Field(
        default=None,
        description="When it comes; else together with the one before, the first at the beginning.",
    )
    sample: str | None = Field(default=None, description="A shipped sample: `bridge samples` lists them.")
    file: str | None = Field(default=None, description="A JSON file with the body, beside the story's file.")
    source: str | None = Field(
        default=None, description="The source it comes to; needed when several could read it."
    )
    changes: dict[str, Any] = Field(
        default={},
        alias="set",
        description="What is changed in the body, as with `bridge send --set`: data.learner.name: Maria.",
    )
    fresh: bool = Field(
        default=True,
        description="A new event that happens at that time; `false` leaves id and times as they are.",
    )
    repeat: int = Field(
        default=1, ge=1, le=MOST_REPEATED, description="So many of them at once, each with an id of its own."
    )

    @model_validator(mode="after")
    def _has_a_body(self) -> EventConfig:
        if (self.sample is None) == (self.file is None):
            raise ValueError("an event is a `sample:` or a `file:`; write one of them")
        return self


class SpellConfig(Strict):
    """A time in which a destination does not take messages."""

    state: Literal["down", "rejecting", "closed"] = Field(
        alias="is",
        description="`down` does not answer, `rejecting` refuses each message, `closed` is gone for good.",
    )
    since: When | None = Field(default=None, alias="from", description="From the beginning, if left out.")
    until: When | None = Field(default=None, description="To the end, if left out.")


Spells = Annotated[
    tuple[SpellConfig, ...],
    BeforeValidator(_one_or_more),
    Field(strict=False),
]


class GivenConfig(Strict):
    """What is so before the story begins."""

    now: Point | None = Field(default=None, description=f"When the story begins; else {FIRST_DAY}.")
    events: Annotated[tuple[EventConfig, ...], Field(strict=False)] = Field(
        default=(),
        description="What came before, at times such as -3d; what was sent before the beginning is not told.",
    )
    courses: dict[Name, CourseConfig] | None = Field(
        default=None, description="The course catalogue, in place of the configuration's `courses:`."
    )
    destinations: dict[str, Spells] = Field(
        default={}, description="Channels whose destination has trouble: `wins: { is: down, until: +1h }`."
    )


class ExpectConfig(Strict):
    """A message that is expected; what is left out may be anything."""

    at: When | None = Field(default=None, description="When it arrives, to the second.")
    channel: str = Field(description="The channel it goes through.")
    to: str | None = Field(
        default=None, description="An e-mail's recipient, or the Slack channel; a webhook has none."
    )
    subject: str | None = Field(default=None, description="What an e-mail's subject contains.")
    text: OneOrMore | None = Field(
        default=None, description="What the text contains, one or a list; line breaks count as spaces."
    )
    structure: Any = Field(
        default=None,
        alias="json",
        description="What a webhook's JSON contains; further members may be there.",
    )
    rule: str | None = Field(default=None, description="The rule it comes from.")
    state: Literal[
        "delivered", "dead", "expired", "parked", "withheld", "kept", "discarded", "suppressed", "pending"
    ] = Field(default="delivered", description="What became of it in the end.")


class StoryConfig(Strict):
    """One story."""

    name: str = Field(description="What it tells, in a few words.")
    given: GivenConfig = Field(default=GivenConfig(), description="What is so before it begins.")
    rules: OneOrMore | None = Field(
        default=None,
        description="The rules it is about: no others run. All of them, if left out.",
    )
    events: Annotated[tuple[EventConfig, ...], Field(strict=False)] = Field(
        default=(), description="What comes, and when."
    )
    expect: Annotated[tuple[ExpectConfig, ...], Field(strict=False)] | None = Field(
        default=None,
        description="Every message it leads to, and nothing else; `[]` for none. `--update` writes it.",
    )


class StoriesConfig(Strict):
    """A file of stories."""

    stories: Annotated[tuple[StoryConfig, ...], Field(strict=False, min_length=1)] = Field(
        description="Each is played by itself, in a bridge of its own."
    )
