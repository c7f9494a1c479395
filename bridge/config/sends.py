"""What an entry of `send:`, `else:` and `owner:` may say: a class for each type of channel."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar, Union, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from bridge.channels import registry as channels
from bridge.channels.base import ActionModel
from bridge.channels.options import Duration, HoursOrFalse, Strict
from bridge.config.types import Name, OneOrMore, Texts, TimeOfDay
from bridge.core.digests import Every, Weekday

_NOTICE = (
    "{% for line in data.paragraphs %}{{ line }}\n\n{% endfor %}"
    "{% for line in data.commands %}`{{ line }}`\n\n{% endfor %}"
)
OWN_WORDS: Mapping[str, Mapping[str, object]] = {
    "apprise": {"title": "{{ data.title }}", "text": _NOTICE},
    "email": {"subject": "{{ data.title }}", "text": _NOTICE},
    "slack": {"text": _NOTICE},
    "webhook": {"json": {"type": "{{ type }}", "kind": "{{ kind }}", "data": "{{ data }}"}},
}
"""What the owner is told where `owner:` says nothing else, by the type of channel."""
SAYING = frozenset({"text", "template", "json", "form", "body"})
"""The keys that hold a message; one of them takes the place of our own words."""


class EntryConfig(BaseModel):
    """One thing to send; a class per type of channel adds that type's own keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)

    kind: ClassVar[str]

    def action(self) -> ActionModel:
        """Return what the channel's own keys say."""
        model = channels.ACTIONS[self.kind]
        return model.model_construct(**{name: getattr(self, name) for name in model.model_fields})


class InsteadConfig(EntryConfig):
    """What is sent if another delivery dies."""

    name: Name | None = Field(
        default=None,
        description="Tells this action from another of the rule on the same channel; keep it once used.",
    )
    condition: str | None = Field(
        default=None,
        alias="if",
        description='A Jinja expression that must hold: "{{ data.course.progress >= 50 }}".',
    )
    expires: Duration | None = Field(
        default=None, description="How long after the event the message is still worth sending, such as 48h."
    )
    quiet_hours: HoursOrFalse | None = Field(
        default=None,
        description="Hours in which it is not sent, instead of those of its channel; false: at any hour.",
    )


Entry = TypeVar("Entry", bound=EntryConfig)


def _classes(base: type[Entry], suffix: str) -> dict[str, type[Entry]]:
    return {kind: _class(base, suffix, kind, action) for kind, action in channels.ACTIONS.items()}


def _class(base: type[Entry], suffix: str, kind: str, action: type[ActionModel]) -> type[Entry]:
    if taken := action.model_fields.keys() & (vars(base).keys() | base.model_fields.keys()):
        raise TypeError(f"{action.__name__} and {base.__name__} both have {', '.join(sorted(taken))}")
    namespace = {
        "__module__": __name__,
        "__doc__": action.__doc__,
        "__annotations__": {kind: str, "kind": ClassVar[str]},
        kind: Field(description=f"The name of a channel of type {kind}."),
        "kind": kind,
    }
    return cast("type[Entry]", type(f"{kind.title()}{suffix}", (action, base), namespace))


def _union(classes: Mapping[str, type[EntryConfig]]) -> object:
    tagged = [Annotated[model, Tag(kind)] for kind, model in classes.items()]
    # Which they are is known when the program runs.
    return Annotated[Union[tuple(tagged)], Discriminator(send_kind)]  # noqa: UP007


def send_kind(entry: object) -> str | None:
    """Return the type of channel that an entry names, or None unless it names exactly one."""
    known = [kind for kind in channels.ACTIONS if kind in entry] if isinstance(entry, dict) else []
    return known[0] if len(known) == 1 else None


def entries(value: object) -> list[object]:
    """Return the entries of an `else:`, which may be one or a list of them."""
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def _listed(value: object) -> object:
    return None if value is None else tuple(entries(value))


INSTEAD = _classes(InsteadConfig, "Instead")
"""The class of an entry of `else:` by the type of its channel."""

if TYPE_CHECKING:
    Instead = InsteadConfig
else:
    Instead = _union(INSTEAD)

Instead_ = Annotated[tuple[Instead, ...], BeforeValidator(_listed), Field(min_length=1)]


class UnlessOptions(Strict):
    """Events that withdraw the message while it waits."""

    on: OneOrMore = Field(description="As under a rule: a kind, a type, a glob, or a list.")
    when: Any = Field(default=None, description="As under a rule: what else must hold for such an event.")
    same: Annotated[Texts, Field(min_length=1)] = Field(
        description="Paths whose values must be those of the message's own event: [learner.email]."
    )


class LimitOptions(Strict):
    """How many messages may be sent in a period."""

    max: int = Field(ge=1, le=1000, description="How many.")
    per: Duration = Field(description="In any period of this length: 1d is 24 hours, whenever they begin.")
    by: Texts = Field(
        default=(),
        description="Counted for each value of these paths: [learner.email]; else over all.",
    )


class DigestOptions(Strict):
    """Messages that are collected, and go out as one."""

    at: TimeOfDay = Field(description='The time of the day at which it is sent: "18:00".')
    every: Every = Field(
        default="day", description="day; weekday: Monday to Friday; week: once a week, `on` a day."
    )
    on: Weekday | None = Field(
        default=None, description="With `every: week`, the day of the week; monday if left out."
    )
    by: Texts = Field(
        default=(),
        description="One message for each value of these paths: [producer.email]; else one over all.",
    )


class SendConfig(InsteadConfig):
    """One thing to send."""

    digest: DigestOptions | None = Field(
        default=None,
        description="Collected, and sent as one message at a time of the day; its events are `items`.",
    )

    delay: Duration | None = Field(
        default=None,
        description="How long after the event it is sent, such as 7d; made of what is known then.",
    )

    unless: UnlessOptions | None = Field(
        default=None,
        description="With `delay`: not sent if such an event happens meanwhile.",
    )
    limit: LimitOptions | None = Field(default=None, description="At most so many in a period.")
    once_per: Texts | None = Field(
        default=None,
        description="At most one delivery for ever per value of these paths: [learner.email, course.id].",
    )
    otherwise: Instead_ | None = Field(
        default=None,
        alias="else",
        description="What to send if this delivery dies: an entry such as those under `send:`, or a list.",
    )
    was: OneOrMore | None = Field(
        default=None,
        description="What this action was called before, as `bridge claims list` shows it: email:learners.",
    )


class OwnerConfig(EntryConfig):
    """Where to tell of trouble; what is said is ours unless it is said here."""

    otherwise: Instead_ | None = Field(
        default=None,
        alias="else",
        description="Where to tell of it if this channel is in trouble itself, or the message dies.",
    )

    @model_validator(mode="before")
    @classmethod
    def _in_our_words(cls, data: object) -> object:
        return in_our_words(data)


def in_our_words(entry: object, texts: Collection[str] = ()) -> object:
    """Return an entry of `owner:` with our own words where it has none.

    `texts` are the channels that take a text, of whatever type: webhooks with a preset.
    """
    kind = send_kind(entry)
    if kind is None or not isinstance(entry, dict):
        return entry
    takes_a_text = isinstance(entry[kind], str) and entry[kind] in texts
    ours = {"text": _NOTICE} if takes_a_text else OWN_WORDS[kind]
    made = {**({} if SAYING & entry.keys() else ours), **entry}
    if isinstance(made.get("else"), list):
        made["else"] = [in_our_words(each, texts) for each in entry["else"]]
    elif "else" in made:
        made["else"] = in_our_words(made["else"], texts)
    return made


SEND = _classes(SendConfig, "Send")
"""The class of an entry of `send:` by the type of its channel."""
OWNER = _classes(OwnerConfig, "Owner")
"""The class of `owner:` by the type of its channel."""

if TYPE_CHECKING:
    Send = SendConfig
    Owner = OwnerConfig
else:
    Send = _union(SEND)
    Owner = _union(OWNER)
