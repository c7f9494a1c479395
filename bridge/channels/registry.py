"""Every type of channel by its `type:`; the only place that knows them all.

What sends is imported when a channel of its type is built: most configurations have no use for all of it.
"""

# ruff: noqa: PLC0415 - see above
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pydantic import BaseModel

from bridge.channels.apprise_options import AppriseAction, AppriseOptions
from bridge.channels.base import ActionModel, Channel, Endpoints
from bridge.channels.email_options import EmailAction, EmailOptions
from bridge.channels.slack_options import SANDBOX_TOKEN, SlackAction, SlackOptions
from bridge.channels.webhook_options import WebhookAction, WebhookOptions

if TYPE_CHECKING:
    from bridge.channels.http import Shared

OPTIONS: Mapping[str, type[BaseModel]] = {
    "apprise": AppriseOptions,
    "email": EmailOptions,
    "slack": SlackOptions,
    "webhook": WebhookOptions,
}
"""The options of each type of channel, checked when the configuration is loaded."""
ACTIONS: Mapping[str, type[ActionModel]] = {
    "apprise": AppriseAction,
    "email": EmailAction,
    "slack": SlackAction,
    "webhook": WebhookAction,
}
"""What an entry of `send:` may say for each type of channel."""


def _apprise_in_sandbox(name: str, endpoints: Endpoints) -> dict[str, object]:
    return {"url": f"{endpoints.webhook_url.replace('http:', 'json:', 1)}/{name}", "allow_private": True}


def _email_in_sandbox(_name: str, endpoints: Endpoints) -> dict[str, object]:
    return {"smtp": endpoints.smtp_url, "tls": "auto", "ca_file": None, "allow_private": True, "dkim": None}


def _slack_in_sandbox(_name: str, endpoints: Endpoints) -> dict[str, object]:
    return {
        "token": SANDBOX_TOKEN,
        "webhook_url": None,
        "api_url": endpoints.slack_api_url,
        "allow_private": True,
    }


def _webhook_in_sandbox(name: str, endpoints: Endpoints) -> dict[str, object]:
    return {
        "url": f"{endpoints.webhook_url}/{name}",
        "allow_private": True,
        "success": ["200-299"],
        "success_if": None,
        "retry_if": None,
    }


SANDBOX: Mapping[str, Callable[[str, Endpoints], dict[str, object]]] = {
    "apprise": _apprise_in_sandbox,
    "email": _email_in_sandbox,
    "slack": _slack_in_sandbox,
    "webhook": _webhook_in_sandbox,
}
"""For each type, the options that point a channel at the stand-ins; they replace what was configured."""


def build(name: str, options: BaseModel, shared: Shared) -> Channel:
    """Return the channel called `name`; raises TypeError for options that are no channel's."""
    match options:
        case AppriseOptions():
            from bridge.channels.apprise import AppriseChannel

            return AppriseChannel(name, options, shared)
        case EmailOptions():
            from bridge.channels.email import EmailChannel

            return EmailChannel(name, options, shared)
        case SlackOptions():
            from bridge.channels.slack import SlackChannel

            return SlackChannel(name, options, shared)
        case WebhookOptions():
            from bridge.channels.webhook import WebhookChannel

            return WebhookChannel(name, options, shared)
        case _:
            raise TypeError(f"{type(options).__name__} are not the options of a channel")
