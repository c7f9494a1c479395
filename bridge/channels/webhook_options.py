"""What can be said of a receiver of webhooks, and of a request to one."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema, model_validator

from bridge.channels.base import ActionModel
from bridge.channels.options import ChannelOptions, Strict, TextOrTexts, is_header_text, web_address
from bridge.channels.posts import form
from bridge.channels.presets import PresetName, preset
from bridge.channels.webhook_answers import Judgement, condition, path_in_answer, statuses
from bridge.core.messages import Slot, Target
from bridge.core.problems import Path

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
BODILESS = frozenset({"GET", "DELETE", "OPTIONS"})
"""Methods whose requests have no body unless the action gives one; a GET never has."""
LONGEST_PATH = 4000
"""Characters of a path and of a query, which servers bound too."""
_OURS = ("content-length", "host", "idempotency-key", "transfer-encoding", "connection")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_METHOD = re.compile(r"[A-Z]{1,20}")
_PATH = re.compile(r"/[^?#\s]*")
_TYPE = re.compile(r"[\w!#$&^.+-]{1,60}/[\w!#$&^.+-]{1,60}(; ?[\w-]{1,40}=[\w.-]{1,60})?")
_NO_METHODS = {
    "CONNECT": "makes tunnels; expected a method such as POST",
    "TRACE": "sends back what it got; expected a method such as POST",
    "HEAD": "has no answer to look at; write GET",
}
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


def _usable_method(method: str) -> str:
    if not _METHOD.fullmatch(method):
        raise ValueError("expected a method in capitals, such as POST, PUT, PATCH, DELETE or GET")
    if method in _NO_METHODS:
        raise ValueError(f"{method} {_NO_METHODS[method]}")
    return method


def _usable_statuses(value: object) -> object:
    listed = value if isinstance(value, list | tuple) else [value]
    if not listed or not all(isinstance(each, int | str) and not isinstance(each, bool) for each in listed):
        raise ValueError("expected statuses such as [200-299, 409]")
    for each in listed:
        statuses(str(each))
    return tuple(str(each) for each in listed)


def _usable_condition(value: object) -> object:
    if value is not None:
        condition(value)
    return value


def _usable_answer_path(text: str) -> str:
    path_in_answer(text)
    return text


def _usable_path(text: str) -> str:
    if not _PATH.fullmatch(text.replace(" ", "") if "{" in text else text):
        raise ValueError("expected a path that begins with '/'; what follows '?' stands under `query`")
    return text


def _usable_type(text: str) -> str:
    if not _TYPE.fullmatch(text):
        raise ValueError("expected a media type, such as text/xml or application/x-ndjson")
    return text


def _visible(secret: SecretStr) -> SecretStr:
    if not is_header_text(secret.get_secret_value()):
        raise ValueError("has white space, a line break or a foreign letter in it; copy it again")
    return secret


class BasicOptions(Strict):
    """User and password (RFC 7617)."""

    user: str = Field(min_length=1, pattern=r"^[^:\x00-\x1f\x7f]*$", description="The user, without ':'.")
    password: SecretStr = Field(description="The password.")


Method = Annotated[str, AfterValidator(_usable_method)]
Judged = Annotated[Any, BeforeValidator(_usable_condition)]


class WebhookOptions(ChannelOptions):
    """A receiver of webhooks."""

    type: Literal["webhook"]
    url: Annotated[SecretStr, AfterValidator(_usable_address)] = Field(
        description="Where to send; never shown, since it often holds a key."
    )
    preset: PresetName | None = Field(
        default=None, description="A service with a form of its own: the text of an action is put into it."
    )
    values: dict[str, str] = Field(
        default={}, description="What the preset asks for, such as `chat_id` for telegram."
    )
    method: Method = Field(default="POST", description="How to send: POST, PUT, PATCH, DELETE, GET, ….")
    basic: BasicOptions | None = Field(default=None, description="Logs in with user and password.")
    bearer: Annotated[SecretStr, AfterValidator(_visible)] | None = Field(
        default=None, description="Logs in with a token."
    )
    success: Annotated[
        tuple[str, ...],
        BeforeValidator(_usable_statuses),
        WithJsonSchema(
            {"type": "array", "items": {"type": ["string", "integer"]}, "examples": [["200-299", 409]]}
        ),
    ] = Field(default=("200-299",), description="The statuses that mean that it was taken: [200-299, 409].")
    success_if: Judged = Field(
        default=None,
        description="What else a JSON answer must say, in the words of `when:`: { ok: true }.",
    )
    retry_if: Judged = Field(
        default=None, description="What a JSON answer says when it is worth another try: { code: busy }."
    )
    retry_after: Annotated[str, AfterValidator(_usable_answer_path)] | None = Field(
        default=None, description="Where a JSON answer has the seconds to wait: error.retry_after."
    )
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

    @model_validator(mode="before")
    @classmethod
    def _as_the_preset_says(cls, data: object) -> object:
        """Fill in what the preset says and the channel does not."""
        if not isinstance(data, dict) or data.get("preset") not in get_args(PresetName):
            return data
        return {**preset(data["preset"]).options, **data}

    @model_validator(mode="after")
    def _one_authorization(self) -> WebhookOptions:
        ways = {
            "user and password in `url`": "@" in web_address(self.url).netloc,
            "an Authorization in `headers`": any(name.lower() == "authorization" for name in self.headers),
            "`basic`": self.basic is not None,
            "`bearer`": self.bearer is not None,
        }
        given = [way for way, is_given in ways.items() if is_given]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} log in, and a request can do so once; keep one of them")
        return self

    @model_validator(mode="after")
    def _what_the_preset_needs(self) -> WebhookOptions:
        needs = preset(self.preset).needs if self.preset else {}
        for name, what in needs.items():
            if not self.values.get(name):
                raise ValueError(f"preset {self.preset} needs `values: {{ {name}: … }}`, {what}")
        for name in self.values.keys() - needs.keys():
            known = f"it asks for {', '.join(needs)}" if needs else "it asks for none"
            owner = f"preset {self.preset}" if self.preset else "a channel without `preset`"
            raise ValueError(f"{owner} has no value '{name}'; {known}")
        if self.method == "GET" and self.preset and preset(self.preset).json is not None:
            raise ValueError(f"preset {self.preset} sends a body, and a GET has none; remove `method`")
        return self

    def judgement(self) -> Judgement:
        """Return what answers mean; the words were checked when they were read."""
        return Judgement(
            success=tuple(statuses(each) for each in self.success),
            success_if=condition(self.success_if) if self.success_if is not None else None,
            retry_if=condition(self.retry_if) if self.retry_if is not None else None,
            retry_after=path_in_answer(self.retry_after) if self.retry_after is not None else None,
        )


_NO_PRESET = (
    "is for a channel with a `preset`, such as discord, which says what becomes of a text; "
    "write `json`, `form` or `body`"
)


class WebhookAction(ActionModel):
    """A webhook: `json:`, `form:`, `body:`, `text:`, `template:`, or none for the event's own words."""

    text: str | None = Field(
        default=None,
        min_length=1,
        description="With a `preset`: the text that it sends, with templates in it.",
    )
    template: str | None = Field(
        default=None, description="With a `preset`: the name of a file in templates/, without its ending."
    )
    json_: Any = Field(default=None, alias="json", description="A structure; each text in it is a template.")
    form: dict[str, Any] | None = Field(
        default=None, description="Fields of a form with templates in them, sent as a browser would."
    )
    body: str | None = Field(default=None, description="Plain text instead of JSON, as a template.")
    content_type: Annotated[str, AfterValidator(_usable_type)] | None = Field(
        default=None, description="What `body` is, such as text/xml."
    )
    method: Method | None = Field(default=None, description="Another method than the channel's.")
    path: Annotated[str, AfterValidator(_usable_path)] | None = Field(
        default=None, description="Added to the path of the channel's `url`: /alunos/{{ learner.id }}."
    )
    query: dict[str, Any] | None = Field(
        default=None, description="Added to the query of the channel's `url`, with templates in the values."
    )
    headers: dict[Annotated[str, AfterValidator(_usable_header)], str] = Field(
        default={}, description="Headers of this request, with templates in the values."
    )

    @model_validator(mode="after")
    def _one_body(self) -> WebhookAction:
        given = [name for name, value in self._bodies().items() if value is not None]
        if len(given) > 1:
            listed = f"{', '.join(f'`{each}`' for each in given[:-1])} and `{given[-1]}`"
            raise ValueError(f"{listed} exclude each other; keep one of them")
        if self.content_type is not None and self.body is None:
            raise ValueError("`content_type` says what `body` is; remove it, or write `body`")
        if self.method == "GET" and given:
            raise ValueError(f"a GET has no body; remove `{given[0]}`, or write what it says under `query`")
        if any(name.lower() == "content-type" for name in self.headers):
            raise ValueError("write `content_type` instead of the header Content-Type")
        return self

    def _bodies(self) -> dict[str, object]:
        return {
            "text": self.text,
            "template": self.template,
            "json": self.json_,
            "form": self.form,
            "body": self.body,
        }

    def slots(self) -> dict[str, Slot]:
        """Return what must be rendered."""
        slots = {
            f"header.{name}": Slot(Target.HEADER, text, ("headers", name))
            for name, text in self.headers.items()
        }
        if self.path is not None:
            slots["path"] = Slot(Target.URL, self.path, ("path",))
        if self.query is not None:
            slots["query"] = Slot(Target.JSON, self.query, ("query",))
        return {**slots, **self._content()}

    def _content(self) -> dict[str, Slot]:
        event = Slot(Target.JSON, EVENT, ("json",))
        if self.body is not None:
            return {"body": Slot(Target.PLAIN, self.body, ("body",))}
        if self.form is not None:
            return {"form": Slot(Target.JSON, self.form, ("form",))}
        if self.text is not None:
            return {"text": Slot(Target.CHAT, self.text, ("text",), inline=True), "event": event}
        if self.template is not None:
            return {"text": Slot(Target.CHAT, self.template, ("template",)), "event": event}
        if self.json_ is not None:
            return {"json": Slot(Target.JSON, self.json_, ("json",))}
        return {"json": event}

    def settings(self) -> dict[str, object]:
        """Return the method, what the body is, and whether a `path` with values in it ends with a slash."""
        found: dict[str, object] = {"method": self.method, "type": self.content_type}
        if all(value is None for value in self._bodies().values()):
            found["unsaid"] = True
        if self.path is not None and "{" in self.path:
            found["path_ends"] = "open" if self.path.rstrip().endswith("/") else "closed"
        return {name: value for name, value in found.items() if value is not None}

    def is_for_the_team(self, channel: Mapping[str, object]) -> bool:
        """Return whether it is for a chat; programs are sent what they expect, or nothing."""
        name = channel.get("preset")
        return isinstance(name, str) and name in get_args(PresetName) and preset(name).json is not None

    def unfit(self, channel: Mapping[str, object], top: Mapping[str, object]) -> Iterator[tuple[Path, str]]:  # noqa: ARG002
        """Yield a text where no preset says what becomes of it, none where one needs it, a body of a GET."""
        name = channel.get("preset")
        known = preset(name) if isinstance(name, str) and name in get_args(PresetName) else None
        for key in ("text", "template"):
            if getattr(self, key) is not None and name is None:
                yield (key,), _NO_PRESET
        given = [key for key, value in self._bodies().items() if value is not None]
        if known is not None and known.json is not None and not given:
            yield (), f"the preset {known.name} sends a text; write `text` or `template`"
        if self.method is None and channel.get("method") == "GET" and given:
            yield (given[0],), "the channel's method is GET, which has no body; write it under `query`"
