"""What may stand in `config.yaml`: a strict, frozen model whose unions come from the two registries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union, cast

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from bridge.channels import registry as channels
from bridge.channels.base import ActionModel
from bridge.channels.options import Duration, Strict
from bridge.config.types import (
    ListenAddress,
    Name,
    Networks,
    OneOrMore,
    OptionalSecret,
    StoreAddress,
    Texts,
    WebAddress,
    Zone,
)
from bridge.sources import registry as sources

LOCALES = ("pt_BR", "en", "es")

LATER = frozenset({"courses", "owner"})
LATER |= {"after", "limit", "mode", "pause_above", "quiet_hours", "rate"}
LATER |= {"delay", "digest", "else", "thread_by", "unless", "update_by"}
"""Words of the configuration language that this version does not know yet."""


class Listen(Strict):
    """Where the two listeners wait."""

    public: ListenAddress = Field(
        default="0.0.0.0:8080",  # platforms call it from outside
        validate_default=True,
        description="Webhooks, from anywhere.",
    )
    admin: ListenAddress = Field(
        default="127.0.0.1:8081",
        validate_default=True,
        description="Admin pages, API and metrics. Beyond this machine it needs `admin_password`.",
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="Networks of your reverse proxies, whose X-Forwarded-For says who calls: 10.0.0.0/8.",
    )


class SendConfig(BaseModel):
    """One thing to send; a class per type of channel adds that type's own keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: ClassVar[str]

    name: Name | None = Field(
        default=None,
        description="Tells this action from another of the rule on the same channel; keep it once used.",
    )
    condition: str | None = Field(
        default=None,
        alias="if",
        description='A Jinja expression that must hold: "{{ data.course.progress >= 50 }}".',
    )
    once_per: Texts | None = Field(
        default=None,
        description="At most one delivery for ever per value of these paths: [learner.email, course.id].",
    )
    expires: Duration | None = Field(
        default=None, description="How long after the event the message is still worth sending, such as 48h."
    )

    @property
    def channel_name(self) -> str:
        """The name of the channel."""
        return str(getattr(self, self.kind))

    def action(self) -> ActionModel:
        """Return what the channel's own keys say."""
        model = channels.ACTIONS[self.kind]
        return model.model_construct(**{name: getattr(self, name) for name in model.model_fields})


def _send_class(kind: str, action: type[ActionModel]) -> type[SendConfig]:
    if taken := action.model_fields.keys() & (vars(SendConfig).keys() | SendConfig.model_fields.keys()):
        raise TypeError(f"{action.__name__} and SendConfig both have {', '.join(sorted(taken))}")
    channel = Field(description=f"The name of a channel of type {kind}.")
    namespace = {
        "__module__": __name__,
        "__doc__": action.__doc__,
        "__annotations__": {kind: str, "kind": ClassVar[str]},
        kind: channel,
        "kind": kind,
    }
    return cast("type[SendConfig]", type(f"{kind.title()}Send", (action, SendConfig), namespace))


def _union(members: Iterable[object]) -> object:
    return Union[tuple(members)]  # noqa: UP007  # which they are is known when the program runs


def send_kind(entry: object) -> str | None:
    """Return the type of channel that an entry of `send:` names, or None unless it names exactly one."""
    known = [kind for kind in channels.ACTIONS if kind in entry] if isinstance(entry, dict) else []
    return known[0] if len(known) == 1 else None


SEND: Mapping[str, type[SendConfig]] = {
    kind: _send_class(kind, action) for kind, action in channels.ACTIONS.items()
}
"""The class of an entry of `send:` by the type of its channel."""

if TYPE_CHECKING:
    Send = SendConfig
    SourceOptions = BaseModel
    ChannelOptions = BaseModel
else:
    Send = Annotated[
        _union(Annotated[model, Tag(kind)] for kind, model in SEND.items()),
        Discriminator(send_kind),
    ]
    SourceOptions = Annotated[_union(sources.OPTIONS.values()), Field(discriminator="type")]
    ChannelOptions = Annotated[_union(channels.OPTIONS.values()), Field(discriminator="type")]


class RuleConfig(Strict):
    """Which events, under which conditions, lead to which actions."""

    name: Name = Field(
        description="Shown in every listing; with the action it makes `once_per` remember, so keep it."
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
    once_per: Texts | None = Field(
        default=None, description="For every action below that has no `once_per` of its own."
    )
    send: Annotated[tuple[Send, ...], Field(strict=False, min_length=1)] = Field(
        description="What to send, and where."
    )


class Config(Strict):
    """The whole configuration."""

    timezone: Zone = Field(
        default="America/Sao_Paulo",
        validate_default=True,
        description="For dates in messages: a name of the IANA list.",
    )
    locale: Literal["pt_BR", "en", "es"] = Field(
        default="pt_BR", description="The language of dates, numbers and amounts of money in messages."
    )
    store: StoreAddress = Field(
        default="sqlite:///bridge.db",
        validate_default=True,
        description="sqlite:///bridge.db, or postgresql://user@host/database with its password from ${…}.",
    )
    listen: Listen = Field(default=Listen(), description="Where the two listeners wait.")
    public_url: WebAddress | None = Field(
        default=None, description="The address under which the world reaches the public listener."
    )
    admin_password: OptionalSecret = Field(
        default=None, description="Required when the admin listener is reachable beyond this machine."
    )
    deliver_tests: bool = Field(
        default=False,
        description="Also send messages for a platform's own test events, which have sample people.",
    )
    include: OneOrMore | None = Field(
        default=None, description="Files with more `rules:`, beside this file: rules/*.yaml."
    )
    sources: Annotated[dict[Name, SourceOptions], Field(min_length=1)] = Field(
        description="Who may call. The name is the end of the address: POST /hooks/NAME."
    )
    channels: dict[Name, ChannelOptions] = Field(
        default={}, description="Where messages go, by a name of yours."
    )
    rules: Annotated[tuple[RuleConfig, ...], Field(strict=False)] = Field(
        default=(), description="All matching rules run; their order means nothing."
    )
