"""What can be said of a channel of Slack, and of a message in one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from bridge.channels.base import ActionModel
from bridge.channels.options import ChannelOptions, is_header_text, web_address
from bridge.core.messages import Slot, Target

API_URL = "https://slack.com/api/"
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


class SlackAction(ActionModel):
    """A message in Slack: `text:` or `template:`."""

    text: str | None = Field(default=None, description="Short mrkdwn with templates in it.")
    template: str | None = Field(
        default=None, description="The name of a file in templates/, without its ending."
    )
    channel: str | None = Field(
        default=None, min_length=1, description="Another channel than the configured one; not with a webhook."
    )
    unfurl: bool = Field(default=False, strict=True, description="Let Slack show previews of links.")

    @model_validator(mode="after")
    def _one_text(self) -> SlackAction:
        if (self.text is None) == (self.template is None):
            raise ValueError("expected either `text` or `template`")
        return self

    def slots(self) -> dict[str, Slot]:
        """Return what must be rendered."""
        if self.template is not None:
            return {"text": Slot(Target.SLACK, self.template, ("template",))}
        return {"text": Slot(Target.MRKDWN, self.text, ("text",))}

    def settings(self) -> dict[str, object]:
        """Return the channel and whether links are shown."""
        return {"channel": self.channel, "unfurl": self.unfurl}
