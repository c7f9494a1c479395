"""What can be said of a channel of Apprise, and of a message in one; needs the extra `apprise`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from bridge.channels.base import ActionModel
from bridge.channels.options import ChannelOptions
from bridge.core.messages import Slot, Target

MISSING = (
    "the extra 'apprise' is not installed; install it with `pip install 'course-bridge[apprise]'`, "
    "or use a webhook with a `preset`"
)


def _usable(url: SecretStr) -> SecretStr:
    service_of(url)
    return url


def service_of(url: SecretStr) -> Any:  # noqa: ANN401 - a class of the library's, which has no types
    """Return Apprise's object for an address; raise ValueError with a sentence that hides it.

    It follows no redirects, repeats nothing and waits for nothing: that is the outbox's work.
    """
    try:
        import apprise  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise ValueError(MISSING) from None
    _silence()
    found = apprise.Apprise.instantiate(url.get_secret_value(), suppress_exceptions=True)
    if found is None:
        raise ValueError(
            "is no address that Apprise knows; expected one such as ntfy://topic, by https://appriseit.com/services"
        )
    found.redirects = False
    found.retry = 0
    found.request_rate_per_sec = 0
    return found


class AppriseOptions(ChannelOptions):
    """One of the services that Apprise knows; needs the extra `apprise`."""

    type: Literal["apprise"]
    url: Annotated[SecretStr, AfterValidator(_usable)] = Field(
        description="The service by Apprise's rules: ntfy://topic, matrix://…; never shown."
    )


class AppriseAction(ActionModel):
    """A message by Apprise: `text:` or `template:`, and `title:` where the service has one."""

    title: str | None = Field(default=None, description="One line with templates in it.")
    text: str | None = Field(default=None, min_length=1, description="Short text with templates in it.")
    template: str | None = Field(
        default=None, description="The name of a file in templates/, without its ending."
    )

    @model_validator(mode="after")
    def _one_text(self) -> AppriseAction:
        if (self.text is None) == (self.template is None):
            raise ValueError("expected either `text` or `template`")
        return self

    def slots(self) -> dict[str, Slot]:
        """Return what must be rendered."""
        text = Slot(Target.CHAT, self.text, ("text",), inline=True)
        if self.template is not None:
            text = Slot(Target.CHAT, self.template, ("template",))
        return {
            "text": text,
            **({"title": Slot(Target.CHAT, self.title, ("title",), inline=True)} if self.title else {}),
        }

    def is_for_the_team(self, channel: Mapping[str, object]) -> bool:  # noqa: ARG002  # all of them are
        """Return that it is: one address reaches the same people with every message."""
        return True


def _silence() -> None:
    """Keep Apprise's own log quiet: it writes addresses and messages."""
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
