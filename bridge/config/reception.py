"""What receiving needs of `config.yaml`: the part of the model that a bridge begins with.

All the rest, channels and rules above all, is imported when events are received already.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal, Union

from pydantic import BaseModel, ConfigDict, Field

from bridge.config.types import ListenAddress, Name, Networks, OptionalSecret, StoreAddress, WebAddress, Zone
from bridge.core.problems import Problem
from bridge.sources import registry as sources

if TYPE_CHECKING:
    SourceOptions = BaseModel
else:
    SourceOptions = Annotated[Union[tuple(sources.OPTIONS.values())], Field(discriminator="type")]  # noqa: UP007  # which they are is known when the program runs


class _Strict(BaseModel):
    """As all options: unknown keys are errors, and no error shows what was typed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Listen(_Strict):
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


class Reception(_Strict):
    """Who may call, where to listen and where to store; and how people are spoken to."""

    timezone: Zone = Field(
        default="America/Sao_Paulo",
        validate_default=True,
        description="For dates in messages: a name of the IANA list.",
    )
    locale: Literal["pt_BR", "en", "es"] = Field(
        default="pt_BR",
        description="The language of dates, numbers and amounts in messages, and of the rules told in words.",
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
    admin_url: WebAddress | None = Field(
        default=None,
        description="The address under which people reach the admin pages, for buttons in messages.",
    )
    admin_password: OptionalSecret = Field(
        default=None, description="Required when the admin listener is reachable beyond this machine."
    )
    sources: Annotated[dict[Name, SourceOptions], Field(min_length=1)] = Field(
        description="Who may call. The name is the end of the address: POST /hooks/NAME."
    )


def admin_is_guarded(config: Reception) -> Iterator[Problem]:
    """Yield a problem when others could reach the admin listener without a password."""
    if not config.listen.admin.is_loopback and config.admin_password is None:
        advice = "; add `admin_password: ${ADMIN_PASSWORD}`, or listen on 127.0.0.1"
        yield Problem(("listen", "admin"), f"others can reach {config.listen.admin} over the network{advice}")
    if config.listen.admin == config.listen.public and config.listen.admin.port:
        yield Problem(("listen", "admin"), "both listeners have the same address; give each its own port")
