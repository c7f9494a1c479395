"""What Slack means by the errors that it puts into an answer with status 200, and what a person can do then.

https://docs.slack.dev/reference/methods/chat.postMessage#errors
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from bridge.core.outcomes import Reason, Rejected, Retry

_LATER: Mapping[str, Reason] = {
    "ratelimited": Reason.RATE_LIMITED,
    "rate_limited": Reason.RATE_LIMITED,
    "message_limit_exceeded": Reason.RATE_LIMITED,
    "internal_error": Reason.SERVER,
    "fatal_error": Reason.SERVER,
    "rollup_error": Reason.SERVER,
    "service_unavailable": Reason.SERVER,
    "team_added_to_org": Reason.SERVER,
    "org_login_required": Reason.SERVER,
    "request_timeout": Reason.TIMEOUT,
}
"""Errors that pass; two of them tell of a workspace that is being moved into an organisation."""

_TOKEN = "make a new token under OAuth & Permissions of the Slack app, and put it in place of the old one"  # noqa: S105
_INVITE = "check `channel`, and invite the app to it with /invite"
_ADMIN = "ask an administrator of the workspace to allow the app to post there"
_WEBHOOK = "make a new incoming webhook in the Slack app, and put its address in place of the old one"
_ADVICE: Mapping[str, tuple[Reason, str]] = {
    "invalid_auth": (Reason.AUTH, f"Slack does not know this token, or not from this address; {_TOKEN}"),
    "not_authed": (Reason.AUTH, f"no token arrived at Slack; {_TOKEN}"),
    "account_inactive": (Reason.AUTH, f"the app was removed, or the workspace is gone; {_TOKEN}"),
    "token_revoked": (Reason.AUTH, f"the token was revoked; {_TOKEN}"),
    "token_expired": (Reason.AUTH, f"the token has expired; {_TOKEN}"),
    "missing_scope": (
        Reason.AUTH,
        "the token may not do this; add the scope to the Slack app and install it again",
    ),
    "not_allowed_token_type": (Reason.AUTH, "this kind of token cannot post; use the bot token (xoxb-…)"),
    "no_permission": (Reason.AUTH, f"the token may not post; {_ADMIN}"),
    "ekm_access_denied": (Reason.AUTH, f"administrators have stopped messages there; {_ADMIN}"),
    "access_denied": (Reason.AUTH, f"Slack denies access; {_ADMIN}"),
    "restricted_action": (Reason.AUTH, f"the workspace does not let the app post there; {_ADMIN}"),
    "channel_not_found": (
        Reason.CLIENT,
        f"Slack finds no such channel, or the app may not see it; {_INVITE}",
    ),
    "not_in_channel": (Reason.CLIENT, f"the app is no member of the channel; {_INVITE}"),
    "is_archived": (Reason.CLIENT, "the channel is archived; configure another one"),
    "msg_too_long": (Reason.CLIENT, "the message is too long for Slack; shorten the template"),
    "msg_blocks_too_long": (Reason.CLIENT, "the message is too long for Slack; shorten the template"),
    "no_text": (Reason.CLIENT, "the message is empty; check the template"),
    "invalid_blocks": (Reason.CLIENT, "Slack does not understand the blocks; check the template"),
    "invalid_blocks_format": (Reason.CLIENT, "Slack does not understand the blocks; check the template"),
    "invalid_payload": (Reason.CLIENT, "Slack does not understand the message; check the template"),
    "user_not_found": (Reason.CLIENT, "Slack finds no such user; check `channel`"),
    "users_not_found": (
        Reason.CLIENT,
        "nobody in the workspace has the address under `to`; check it, or invite the person",
    ),
    "action_prohibited": (Reason.AUTH, f"the workspace does not let the webhook post; {_ADMIN}"),
    "channel_is_archived": (Reason.CLIENT, f"the webhook's channel is archived; {_WEBHOOK}"),
    "invalid_token": (Reason.AUTH, f"Slack does not know this webhook; {_WEBHOOK}"),
    "no_active_hooks": (Reason.AUTH, f"the webhook was switched off; {_WEBHOOK}"),
    "no_service": (Reason.AUTH, f"the webhook was removed or switched off; {_WEBHOOK}"),
    "no_service_id": (Reason.AUTH, f"the webhook's address is incomplete; {_WEBHOOK}"),
    "no_team": (Reason.AUTH, f"the webhook's workspace is gone; {_WEBHOOK}"),
    "team_disabled": (Reason.AUTH, f"the webhook's workspace is gone; {_WEBHOOK}"),
}
KNOWN = frozenset({*_LATER, *_ADVICE})
"""Every code that has a meaning here."""
_PLACES = frozenset(
    {
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "restricted_action",
        "no_permission",
        "ekm_access_denied",
        "user_not_found",
    }
)
"""Errors about the place where a message was to appear; an action may name a place of its own."""
GONE = _PLACES | {
    "channel_is_archived",
    *(code for code, (reason, _) in _ADVICE.items() if reason is Reason.AUTH),
}
"""Errors that no other message would escape: until a person mends it, the channel stops."""
_CODE = re.compile(r"[a-z][a-z0-9_]{1,60}")
_SCOPES = re.compile(r"[a-z:._, ]{1,100}")


def outcome_of_error(
    error: object, status: int, needed: object = None, *, elsewhere: bool = False
) -> Retry | Rejected:
    """Return what an error's code means; `needed` are the scopes that Slack says are missing.

    `elsewhere` says that the message was for another place than its channel's own.
    """
    code = error if isinstance(error, str) and _CODE.fullmatch(error) else "an error without a name"
    if code in _LATER:
        return Retry(_LATER[code], status, code)
    reason, advice = _ADVICE.get(code, (Reason.CLIENT, "Slack refuses the message"))
    scopes = f" (needed: {needed})" if isinstance(needed, str) and _SCOPES.fullmatch(needed) else ""
    gone = code in GONE and not (elsewhere and code in _PLACES)
    return Rejected(reason, status, f"{code}{scopes}: {advice}", gone)
