"""Any sender of JSON that puts an HMAC of the body in a header: options say where the facts stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from msgspec import Struct
from pydantic import AfterValidator, Field, model_validator

from bridge.core.events import Event
from bridge.core.signing import Digest, Encoding, Refused, Scheme, Signed, check, diagnose, sign
from bridge.sources.base import Authentic, Parsed, Request, Unsupported, Verdict
from bridge.sources.options import Secrets, SourceOptions, secret_bytes
from bridge.sources.payload import (
    NAME_LIMIT,
    Path,
    content_of,
    delivery_key,
    dig,
    event_name,
    moment,
    person,
    thing,
)

HEADER = "header:"
"""What a place starts with when it names a request header instead of a path in the body."""

NO_SECRET = -1
"""The `secret_index` of a request that nothing had to sign."""

_PATH = r"[^.\[\]\s]+(\[\d{1,4}\])*(\.[^.\[\]\s]+(\[\d{1,4}\])*)*"
_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"


def _is_path(value: str) -> str:
    if value.startswith(HEADER):
        raise ValueError("names a header; only id, event and time may stand in one")
    if not re.fullmatch(_PATH, value):
        raise ValueError("is not a path: keys with dots, list positions in brackets, as in order.items[0].id")
    return value


def _is_place(value: str) -> str:
    if not value.startswith(HEADER):
        return _is_path(value)
    return HEADER + _is_header_name(value.removeprefix(HEADER).strip())


def _is_header_name(value: str) -> str:
    if not re.fullmatch(_HEADER_NAME, value):
        raise ValueError("is not the name of a header: letters, digits and hyphens, as in x-signature")
    return value.lower()


BodyPath = Annotated[str, AfterValidator(_is_path)]
Place = Annotated[str, AfterValidator(_is_place)]
HeaderName = Annotated[str, AfterValidator(_is_header_name)]


class PersonPaths(SourceOptions):
    """Where a person's data stands in the body."""

    id: BodyPath | None = Field(default=None, description="Path of the sender's own id of the person.")
    name: BodyPath | None = Field(default=None, description="Path of the person's name.")
    email: BodyPath | None = Field(default=None, description="Path of the person's e-mail address.")


class ThingPaths(SourceOptions):
    """Where a course's, module's or lesson's data stands in the body."""

    id: BodyPath | None = Field(default=None, description="Path of the sender's own id of the thing.")
    title: BodyPath | None = Field(default=None, description="Path of its title.")


class GenericOptions(SourceOptions):
    """A sender of JSON that signs the body. Paths are keys with dots: `order.items[0].id`."""

    type: Literal["generic"] = Field(description="Any sender of JSON with an HMAC of the body in a header.")
    secrets: Secrets = Field(
        default=(), description="The secrets that sign. Several while a secret is being replaced."
    )
    insecure: bool = Field(
        default=False,
        description="Accept requests of anybody: no secret, no signature. Required to go without.",
    )
    header: HeaderName = Field(default="x-signature", description="The header that holds the signature.")
    encoding: Encoding = Field(default="hex", description="How the signature is written: hex or base64.")
    prefix: str = Field(
        default="", max_length=40, description="What stands before the signature, such as 'sha256='."
    )
    digest: Digest = Field(
        default="sha256", description="The hash function of the HMAC: sha256, sha1 or sha512."
    )
    id: Place | None = Field(
        default=None,
        description="Where the event's id stands: a path, or 'header:NAME'. A repeated id is a duplicate. "
        "Without an id, identical bodies are duplicates.",
    )
    event: Place = Field(
        default="event",
        description="Where the event's type stands: a path, or 'header:NAME' as in header:x-github-event.",
    )
    default_event: Annotated[str, Field(min_length=1, max_length=NAME_LIMIT)] | None = Field(
        default=None,
        description="The type of events that name none. Without it they are stored and match no rule.",
    )
    kinds: Annotated[Mapping[str, str], Field(strict=False)] = Field(
        default_factory=dict,
        description="Neutral kinds by type, as in 'finished: course.completed'. Others are their own kind.",
    )
    time: Place | None = Field(
        default=None,
        description="Where the moment of the event stands: ISO 8601 (UTC without a zone) or a Unix time. "
        "Without it, the moment of receipt counts.",
    )
    data: BodyPath | None = Field(
        default=None,
        description="Path of the object that rules and templates see as 'data'. Without it, the whole body.",
    )
    learner: PersonPaths = Field(default_factory=PersonPaths, description="Whom the event is about.")
    producer: PersonPaths = Field(default_factory=PersonPaths, description="Whose course it is.")
    course: ThingPaths = Field(default_factory=ThingPaths, description="The course.")
    module: ThingPaths = Field(default_factory=ThingPaths, description="The module.")
    lesson: ThingPaths = Field(default_factory=ThingPaths, description="The lesson.")

    @model_validator(mode="after")
    def _secret_or_said_so(self) -> Self:
        if not self.secrets and not self.insecure:
            raise ValueError("has no secrets, so anybody could post: set secrets, or say insecure: true")
        if self.secrets and self.insecure:
            raise ValueError("has secrets and insecure: true, which would not check them: remove one")
        return self


class GenericSource:
    """Verifies and reads requests as its options say."""

    def __init__(self, name: str, options: GenericOptions) -> None:
        self.name = name
        self._options = options
        self._secrets = secret_bytes(options.secrets)
        self._authentic = tuple(map(Authentic, range(len(self._secrets))))
        self._scheme = Scheme(options.header, options.encoding, options.prefix, options.digest)
        self._id = _finder(options.id)
        self._type = _finder(options.event)
        self._time = _finder(options.time)
        headers = (finder.header for finder in (self._id, self._type, self._time) if finder.header)
        self.kept_headers = tuple(dict.fromkeys((*headers, "content-type", "user-agent")))
        self._data = _steps(options.data)
        self._learner, self._producer = (_paths(part) for part in (options.learner, options.producer))
        self._course, self._module, self._lesson = (
            _paths(part) for part in (options.course, options.module, options.lesson)
        )

    def verify(self, request: Request) -> Verdict:
        """Say whether a holder of a secret made this request; without secrets, everybody did."""
        if self._options.insecure:
            return Authentic(NO_SECRET)
        signature = request.headers.get(self._scheme.header)
        checked = check(signature, request.body, self._secrets, self._scheme)
        if isinstance(checked, Signed):
            return self._authentic[checked.secret_index]
        if signature and checked.why == "mismatch":
            return Refused("mismatch", diagnose(signature, request.body, self._secrets, self._scheme))
        return checked

    def delivery_key(self, request: Request) -> str:
        """Return the event's id, or a digest of the body."""
        body = content_of(request)
        return self._key(body if isinstance(body, dict) else {}, request)

    def parse(self, request: Request) -> Parsed:
        """Turn one body into one event."""
        body = content_of(request)
        if not isinstance(body, dict):
            return body
        name = event_name(self._type.find(body, request)) or self._options.default_event
        if name is None:
            return Unsupported(f"there is no event type at '{self._options.event}'")
        return (self._event(name, body, request),)

    def outgoing_headers(self, body: bytes) -> dict[str, str]:
        """Return the headers of a signed request; ids and types that stand in headers are not among them."""
        headers = {"content-type": "application/json"}
        if self._secrets:
            headers[self._scheme.header] = sign(self._secrets[0], body, self._scheme)
        return headers

    def _event(self, name: str, body: dict[str, object], request: Request) -> Event:
        data = dig(body, self._data)
        return Event(
            type=name,
            kind=self._options.kinds.get(name, name),
            id=self._key(body, request),
            source=self.name,
            occurred_at=moment(self._time.find(body, request)) or request.received_at,
            learner=person(_fields(body, self._learner)),
            producer=person(_fields(body, self._producer)),
            course=thing(_fields(body, self._course)),
            module=thing(_fields(body, self._module)),
            lesson=thing(_fields(body, self._lesson)),
            data=data if isinstance(data, dict) else {},
            raw=body,
        )

    def _key(self, body: dict[str, object], request: Request) -> str:
        return delivery_key(self._id.find(body, request), request.body)


class _Finder(Struct, frozen=True):
    """A compiled place: a header, or a path in the body, or nowhere."""

    header: str = ""
    path: Path | None = None

    def find(self, body: dict[str, object], request: Request) -> object:
        if self.header:
            return request.headers.get(self.header)
        return None if self.path is None else dig(body, self.path)


def _finder(place: str | None) -> _Finder:
    if place is None:
        return _Finder()
    if place.startswith(HEADER):
        return _Finder(header=place.removeprefix(HEADER))
    return _Finder(path=_steps(place))


def _steps(path: str | None) -> Path:
    """Return the steps of a dotted path; of none, no steps: the body itself."""
    found = re.findall(r"[^.\[\]]+|\[\d+\]", path or "")
    return tuple(int(step[1:-1]) if step.startswith("[") else step for step in found)


def _paths(part: PersonPaths | ThingPaths) -> dict[str, Path]:
    return {field: _steps(path) for field, path in part.model_dump().items() if path is not None}


def _fields(body: dict[str, object], paths: Mapping[str, Path]) -> dict[str, object]:
    return {field: dig(body, path) for field, path in paths.items()}
