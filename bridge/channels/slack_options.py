"""What can be said of a channel of Slack, and of a message in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    WithJsonSchema,
    model_validator,
)

from bridge.channels.base import ActionModel, Together
from bridge.channels.options import ChannelOptions, RateText, is_header_text, web_address
from bridge.core.messages import Slot, Target
from bridge.core.problems import Path

API_URL = "https://slack.com/api/"
BUTTONS = 25
"""Buttons in a row, by https://docs.slack.dev/reference/block-kit/blocks/actions-block"""
SANDBOX_TOKEN = "xoxb-sandbox"  # noqa: S105  # opens nothing but the local stand-in


def _usable_token(token: SecretStr) -> SecretStr:
    text = token.get_secret_value()
    if not is_header_text(text):
        raise ValueError("has white space, a line break or a foreign letter in it; copy the token again")
    if not text.startswith(("xoxb-", "xoxp-", "xoxe.")):
        raise ValueError("is no bot token; copy the one that begins with xoxb- under OAuth & Permissions")
    return token


def _usable_address(address: SecretStr) -> SecretStr:
    web_address(address)
    return address


def _usable_api(address: str) -> str:
    if web_address(address).query:
        raise ValueError("expected an address such as https://slack.com/api/, without '?'")
    return address.rstrip("/") + "/"


class SlackOptions(ChannelOptions):
    """A channel of Slack: `token` and `channel`, or `webhook_url`."""

    type: Literal["slack"]
    token: Annotated[SecretStr, AfterValidator(_usable_token)] | None = Field(
        default=None, description="The bot token, xoxb-…"
    )
    channel: str | None = Field(
        default=None,
        min_length=1,
        description='Where to post with `token`: "#conquistas", or better its id, C0123456789.',
    )
    webhook_url: Annotated[SecretStr, AfterValidator(_usable_address)] | None = Field(
        default=None, description="An incoming webhook, instead of `token` and `channel`."
    )
    api_url: Annotated[str, AfterValidator(_usable_api)] = Field(
        default=API_URL, description="Where the Web API is, if not at Slack: a proxy, a test."
    )

    rate: RateText | None = Field(
        default="1/s",
        validate_default=True,
        description="How many messages may be sent, evenly spread; Slack wants one a second for a channel.",
    )

    @model_validator(mode="after")
    def _one_way_to_post(self) -> SlackOptions:
        if (self.token is None) == (self.webhook_url is None):
            raise ValueError("expected either `token` with `channel`, or `webhook_url`")
        if self.webhook_url is not None and self.channel is not None:
            raise ValueError(
                "a webhook posts to the channel it was made for; remove `channel`, or use `token`"
            )
        if self.webhook_url is not None and "api_url" in self.model_fields_set:
            raise ValueError("`api_url` goes with `token`; remove it, the webhook's address is whole")
        if self.channel is None and self.token not in (None, SecretStr(SANDBOX_TOKEN)):
            raise ValueError("the key 'channel' is missing; it says where to post with `token`")
        if web_address(self.address).scheme != "https" and not self.allow_private:
            raise ValueError(
                "expected an address with https://; plain http is for private hosts, with `allow_private`"
            )
        return self

    @property
    def address(self) -> str:
        """Where calls go."""
        return self.webhook_url.get_secret_value() if self.webhook_url else self.api_url


class Button(BaseModel):
    """A link under a message."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)

    text: str = Field(min_length=1, description="What stands on it, with templates in it; 75 characters.")
    url: str | None = Field(default=None, min_length=1, description="Where it leads, with templates in it.")
    page: Literal["delivery"] | None = Field(
        default=None, description="Instead of `url`: the admin page of this message, below `admin_url`."
    )

    @model_validator(mode="after")
    def _one_target(self) -> Button:
        if (self.url is None) == (self.page is None):
            raise ValueError("expected either `url` or `page`")
        return self


def _listed(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Paths = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed),
    Field(min_length=1, max_length=10),
    WithJsonSchema({"type": "array", "minItems": 1, "maxItems": 10, "items": {"type": "string"}}),
]
CountName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class SlackAction(ActionModel):
    """A message in Slack: `text:` or `template:`."""

    text: str | None = Field(default=None, description="Short mrkdwn with templates in it.")
    template: str | None = Field(
        default=None, description="The name of a file in templates/, without its ending."
    )
    channel: str | None = Field(
        default=None, min_length=1, description="Another channel than the configured one; not with a webhook."
    )
    to: str | None = Field(
        default=None,
        min_length=1,
        description='The e-mail address of a person, who gets a direct message: "{{ producer.email }}".',
    )
    thread_by: Paths | None = Field(
        default=None,
        description="Replies to the first message with the same values at these paths: [course.id, date].",
    )
    update_by: Paths | None = Field(
        default=None,
        description="Edits one message for all events with the same values here: [course.id, date].",
    )
    counts: dict[CountName, str] = Field(
        default={},
        description="With `update_by`: names with the path whose different values are counted, for its text.",
    )
    buttons: Annotated[tuple[Button, ...], BeforeValidator(_listed), Field(max_length=BUTTONS)] = Field(
        default=(), description="Links below the message."
    )
    unfurl: bool = Field(default=False, strict=True, description="Let Slack show previews of links.")

    @model_validator(mode="after")
    def _one_text(self) -> SlackAction:
        if (self.text is None) == (self.template is None):
            raise ValueError("expected either `text` or `template`")
        return self

    @model_validator(mode="after")
    def _one_sense(self) -> SlackAction:
        if self.thread_by is not None and self.update_by is not None:
            raise ValueError(
                "`thread_by` replies and `update_by` edits, and one message cannot do both; make two actions "
                "with the same paths, the edited one first: the replies then stand below it"
            )
        if self.counts and self.update_by is None:
            raise ValueError("`counts` is for the text that `update_by` edits; remove it")
        if self.to is not None and self.channel is not None:
            raise ValueError("`to` is for a person and `channel` for a channel; remove one of them")
        return self

    def slots(self) -> dict[str, Slot]:
        """Return what must be rendered."""
        slots = {"text": Slot(Target.MRKDWN, self.text, ("text",))}
        if self.template is not None:
            slots = {"text": Slot(Target.SLACK, self.template, ("template",))}
        if self.to is not None:
            slots["to"] = Slot(Target.HEADER, self.to, ("to",))
        for place, button in enumerate(self.buttons):
            where = ("buttons", place)
            slots[f"button.{place}.text"] = Slot(Target.HEADER, button.text, (*where, "text"))
            if button.url is not None:
                slots[f"button.{place}.url"] = Slot(Target.URL, button.url, (*where, "url"))
        return slots

    def settings(self) -> dict[str, object]:
        """Return the channel, whether links are shown, and what else there is."""
        settings: dict[str, object] = {"channel": self.channel, "unfurl": self.unfurl}
        if self.buttons:
            settings["buttons"] = len(self.buttons)
        if self.thread_by or self.update_by:
            settings["thread"] = "edits" if self.update_by else "replies"
        return settings

    def together(self) -> Together | None:
        """Return what `thread_by` or `update_by` say."""
        by = self.update_by or self.thread_by
        if by is None:
            return None
        place = self.channel or (f"to {self.to}" if self.to else "")
        return Together(
            by=by, edits=self.update_by is not None, place=place, counts=tuple(self.counts.items())
        )

    def is_for_the_team(self, channel: Mapping[str, object]) -> bool:  # noqa: ARG002  # says who reads it
        """Return whether it is for a channel; a direct message is for whoever it names."""
        return self.to is None

    def unfit(self, channel: Mapping[str, object], top: Mapping[str, object]) -> Iterator[tuple[Path, str]]:
        """Yield what an incoming webhook cannot do, and buttons that lead nowhere."""
        if channel.get("webhook_url") is not None and channel.get("token") is None:
            for key, why in _NOT_BY_WEBHOOK.items():
                if getattr(self, key) is not None:
                    yield (key,), why
        if top.get("admin_url") is None:
            for place, button in enumerate(self.buttons):
                if button.page is not None:
                    yield (
                        ("buttons", place, "page"),
                        _NO_PAGES,
                    )


_NO_PAGES = (
    "leads to the admin pages, whose address is not known; write it at the top: "
    "`admin_url: https://painel.escola.example`"
)
_NEEDS_TOKEN = "use `token` and `channel` in the channel"  # noqa: S105 - words
_NOT_BY_WEBHOOK = {
    "thread_by": f"an incoming webhook does not name what it posted, so nothing can reply; {_NEEDS_TOKEN}",
    "update_by": f"an incoming webhook cannot change what it posted; {_NEEDS_TOKEN}",
    "to": f"an incoming webhook posts to the one channel it was made for; {_NEEDS_TOKEN}",
    "channel": f"an incoming webhook posts to the one channel it was made for; {_NEEDS_TOKEN}",
}
"""Keys that go with a bot token only, and why."""
