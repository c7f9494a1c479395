"""Webhooks to other systems: JSON or text over HTTP, signed by Standard Webhooks.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema, model_validator

from bridge.channels.answers import failure, outcome_of, secrets_of, spellings
from bridge.channels.base import ActionModel, ChannelPolicy, Limit, Unencodable
from bridge.channels.guard import is_allowed
from bridge.channels.http import Shared
from bridge.channels.options import ChannelOptions, TextOrTexts, web_address
from bridge.channels.posts import Form, exchanged, form
from bridge.core.messages import Message, Payload, Slot, Target
from bridge.core.outcomes import Outcome, Rejected, Retry

SECRET_PREFIX = "whsec_"  # noqa: S105  # the marker that the standard puts before a secret
SECRET_BYTES = (24, 64)
"""How long a secret in base64 may be, by the standard; plain text must have at least as many characters."""
EVENT: Mapping[str, object] = {
    name: f"{{{{ {name} | default(none) }}}}"
    for name in (
        "id",
        "type",
        "kind",
        "source",
        "occurred_at",
        "learner",
        "producer",
        "course",
        "module",
        "lesson",
    )
}
"""What is sent when an action says neither `json:` nor `body:`; null stands for what an event has not."""
SHORTEST_KEY = 8
"""Words of a header's value that are at least this long are taken for keys and hidden."""
_OURS = ("content-length", "host", "idempotency-key", "transfer-encoding", "connection")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[\x20-\x7e]{0,2000}")
_EXPECTED = "expected an address such as https://crm.example/hooks"


def _usable_address(url: SecretStr) -> SecretStr:
    web_address(url)
    try:
        form("POST", url.get_secret_value(), {}, private=False)
    except ValueError:
        raise ValueError(f"{_EXPECTED}, with the name of a host that can exist") from None
    return url


def _usable_secret(secret: SecretStr) -> SecretStr:
    signing_key(secret)
    return secret


def _one_or_more(value: object) -> object:
    return (
        tuple(value) if isinstance(value, list) else (value,) if isinstance(value, str | SecretStr) else value
    )


def _usable_header(name: str) -> str:
    if not _HEADER.fullmatch(name):
        raise ValueError("the name of a header holds letters, digits and '-' only")
    if name.lower() in _OURS or name.lower().startswith("webhook-"):
        raise ValueError(f"the header '{name}' is set by the bridge; remove it here")
    return name


def _usable_value(value: SecretStr) -> SecretStr:
    if not _VALUE.fullmatch(value.get_secret_value()):
        raise ValueError("the value of a header is one line of ASCII text")
    return value


def signing_key(secret: SecretStr) -> bytes:
    """Return the bytes that sign; raise ValueError with a sentence for a secret that is none."""
    text = secret.get_secret_value()
    shortest, longest = SECRET_BYTES
    if text != text.strip():
        raise ValueError("has white space or a line break around it; receivers check with the bare text")
    if not text.startswith(SECRET_PREFIX):
        if len(text) < shortest:
            raise ValueError(
                f"is too short to sign with; expected at least {shortest} characters, or whsec_ and base64"
            )
        return text.encode("utf-8", "surrogateescape")
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("what follows whsec_ is not base64; copy the whole secret again") from None
    if not shortest <= len(key) <= longest:
        raise ValueError(f"what follows whsec_ stands for {len(key)} bytes; expected {shortest} to {longest}")
    return key


class WebhookOptions(ChannelOptions):
    """A receiver of webhooks."""

    type: Literal["webhook"]
    url: Annotated[SecretStr, AfterValidator(_usable_address)] = Field(
        description="Where to send; never shown, since it often holds a key."
    )
    method: Literal["POST", "PUT"] = Field(default="POST", description="How to send.")
    headers: dict[
        Annotated[str, AfterValidator(_usable_header)], Annotated[SecretStr, AfterValidator(_usable_value)]
    ] = Field(default={}, description="More headers, such as Authorization; their values are never shown.")
    signing_secret: Annotated[
        tuple[Annotated[SecretStr, AfterValidator(_usable_secret)], ...],
        BeforeValidator(_one_or_more),
        Field(max_length=5),
        WithJsonSchema(TextOrTexts),
    ] = Field(
        default=(),
        description="Signs by Standard Webhooks: whsec_… or 24 characters and more; a list while rotating.",
    )

    @model_validator(mode="after")
    def _one_authorization(self) -> WebhookOptions:
        if "@" in web_address(self.url).netloc and any(
            name.lower() == "authorization" for name in self.headers
        ):
            raise ValueError(
                "user and password stand in `url` and an Authorization in `headers`; keep one of them"
            )
        return self


class WebhookAction(ActionModel):
    """A webhook: `json:`, or `body:`, or neither for the event's own words."""

    json_: Any = Field(default=None, alias="json", description="A structure; each text in it is a template.")
    body: str | None = Field(default=None, description="Plain text instead of JSON, as a template.")

    @model_validator(mode="after")
    def _one_body(self) -> WebhookAction:
        if self.json_ is not None and self.body is not None:
            raise ValueError("`json` and `body` exclude each other; remove one of them")
        return self

    def slots(self) -> dict[str, Slot]:
        """Return what must be rendered."""
        if self.body is not None:
            return {"body": Slot(Target.PLAIN, self.body, ("body",))}
        return {"json": Slot(Target.JSON, EVENT if self.json_ is None else self.json_, ("json",))}


class WebhookChannel:
    """Sends to one receiver."""

    limits: ClassVar[tuple[Limit, ...]] = ()

    def __init__(self, name: str, options: WebhookOptions, shared: Shared) -> None:
        self.name = name
        self._options = options
        self._shared = shared
        self._limit_s = options.timeout.total_seconds()
        keys = (signing_key(secret) for secret in options.signing_secret)
        self._macs = tuple(hmac.new(key, digestmod=hashlib.sha256) for key in keys)
        self._headers = {name: value.get_secret_value() for name, value in options.headers.items()}
        self._says_type = not any(name.lower() == "content-type" for name in self._headers)
        self._form = self._made_form()
        words = (word for value in self._headers.values() for word in (value, *value.split()))
        url = options.url.get_secret_value()
        self._hidden = spellings((*secrets_of(url), *(word for word in words if len(word) >= SHORTEST_KEY)))

    @property
    def policy(self) -> ChannelPolicy:
        """Retries, time limit and concurrency."""
        return self._options.policy()

    def encode(self, message: Message, settings: Mapping[str, object]) -> Payload:  # noqa: ARG002  # has none
        """Return the body as UTF-8; raises `Unencodable` for a value that JSON cannot hold."""
        text = message.fields.get("body")
        if text is not None:
            return Payload(
                body=str(text).encode("utf-8", "replace"), meta={"type": "text/plain; charset=utf-8"}
            )
        try:
            body = orjson.dumps(message.fields["json"], option=orjson.OPT_UTC_Z)
        except orjson.JSONEncodeError as error:
            raise Unencodable(f"the structure under `json` cannot be written as JSON: {error}") from None
        return Payload(body=body, meta={"type": "application/json"})

    async def send(self, payload: Payload, delivery_id: str) -> Outcome:
        """Send once."""
        fields = {"Content-Type": str(payload.meta["type"])} if self._says_type else {}
        fields["Idempotency-Key"] = delivery_id
        if self._macs:
            fields |= self._signed(payload.body, delivery_id)
        try:
            request = self._form.filled(fields, payload.body)
        except ValueError as error:
            return failure(error)
        answer = await exchanged(
            self._shared.pool, self._form, request, limit_s=self._limit_s, hidden=self._hidden
        )
        if isinstance(answer, Retry | Rejected):
            return answer
        return outcome_of(answer, self._shared.clock.now())

    async def open(self) -> None:
        """Nothing to open: the session is shared, and made at first use."""

    async def close(self) -> None:
        """Nothing of its own to close."""

    def _made_form(self) -> Form:
        url = self._options.url.get_secret_value()
        private = is_allowed(web_address(url).hostname or "", self._options.allow_private)
        headers = {"User-Agent": self._shared.software, **self._headers}
        return form(self._options.method, url, headers, private=private)

    def _signed(self, body: bytes, delivery_id: str) -> dict[str, str]:
        timestamp = str(int(self._shared.clock.now().timestamp()))
        content = f"{delivery_id}.{timestamp}.".encode() + body
        return {
            "webhook-id": delivery_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join([f"v1,{_signature(mac, content)}" for mac in self._macs]),
        }


def _signature(mac: hmac.HMAC, content: bytes) -> str:
    """Return a signature in base64; `mac` holds a key and nothing else, and stays that way."""
    signing = mac.copy()
    signing.update(content)
    return binascii.b2a_base64(signing.digest(), newline=False).decode("ascii")
