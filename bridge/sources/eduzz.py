"""Eduzz: Nutror, AlpaClass, Blinket, MyEduzz, SafeVideo and Sun through one kind of webhook.

The body's HMAC-SHA256 in hex stands in `x-signature`; one request holds one event in an envelope of
`id`, `event`, `data` and `sentDate`. https://developers.eduzz.com/docs/webhook
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypeVar

from msgspec import Struct
from pydantic import Field

from bridge.core.events import Event, Person, Thing
from bridge.core.signing import Refused, Scheme, Signed, check, diagnose, sign
from bridge.sources.base import Authentic, Parsed, Ping, Request, Unsupported, Verdict
from bridge.sources.eduzz_activation import is_activation_test
from bridge.sources.eduzz_events import ALIASES, EVENTS, PING, PRODUCTS, UNKNOWN, Known, Product
from bridge.sources.options import RequiredSecrets, SourceOptions, secret_bytes
from bridge.sources.payload import (
    Path,
    Remembered,
    content_of,
    delivery_key,
    dig,
    event_name,
    made_person,
    made_thing,
    moment,
    person,
    read_object,
    text,
    thing,
)

SCHEME = Scheme(header="x-signature")
PING_BYTES = 4096
"""A body is looked at as a ping up to this size: unsigned bytes deserve no more work."""

Part = TypeVar("Part")

_SECRET_KEY = "originSecret"  # noqa: S105 - the name of a secret, not a secret
_SECRET_BYTES, _PING_BYTES = f'"{_SECRET_KEY}"'.encode(), f'"{PING}"'.encode()
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]")
_LESSON_DONE = "lesson.completed"
_COURSE_PROGRESS = ("course", "progress")
"""Percent, in Nutror's `lesson_watched`; AlpaClass has an event of its own for a finished course."""
_courses, _producers = Remembered(made_thing), Remembered(made_person)


class EduzzOptions(SourceOptions):
    """A webhook configuration, or several, of Eduzz's Developer Hub (console.eduzz.com)."""

    type: Literal["eduzz"] = Field(description="Eduzz: Nutror, AlpaClass, Blinket, MyEduzz, SafeVideo, Sun.")
    secrets: RequiredSecrets = Field(
        description="The configuration's access keys ('Chaves de acesso'). Several while one is replaced, "
        "or when several configurations send to this address.",
    )


class EduzzSource:
    """Verifies and reads Eduzz's requests."""

    kept_headers = ("x-subscription", "x-delivery-attempt", "content-type", "user-agent")

    def __init__(self, name: str, options: EduzzOptions) -> None:
        self.name = name
        self._secrets = secret_bytes(options.secrets)
        self._authentic = tuple(map(Authentic, range(len(self._secrets))))

    def verify(self, request: Request) -> Verdict:
        """Say whether Eduzz made this request; a ping is one, signed or not."""
        signature = request.headers.get(SCHEME.header)
        checked = check(signature, request.body, self._secrets, SCHEME)
        if isinstance(checked, Signed):
            return Ping(signed=True) if _is_signed_ping(request) else self._authentic[checked.secret_index]
        if _is_ping(request.body):
            return Ping(signed=False)
        if signature and checked.why == "mismatch":
            return Refused("mismatch", diagnose(signature, request.body, self._secrets, SCHEME))
        return checked

    def delivery_key(self, request: Request) -> str:
        """Return the envelope's id, or a digest of the body where Eduzz sends none."""
        body = content_of(request)
        return delivery_key(body.get("id") if isinstance(body, dict) else None, request.body)

    def parse(self, request: Request) -> Parsed:
        """Turn one envelope into one event."""
        body = content_of(request)
        if not isinstance(body, dict):
            return body
        named = _named(body.get("event"))
        if named is None:
            return Unsupported(_why_no_event(body))
        if _may_say(_SECRET_BYTES, request.body):
            _hide_secrets(body)
        return (self._event(named, body, request),)

    def outgoing_headers(self, body: bytes) -> dict[str, str]:
        """Return the headers that Eduzz sends with this body, signed with the first secret."""
        envelope = read_object(body)
        name = event_name(envelope.get("event")) if isinstance(envelope, dict) else None
        return {
            "content-type": "application/json",
            "user-agent": "Eduzz Webhook",
            "x-subscription": f"{'0' * 25}:{name if name and name.isascii() else PING}",
            "x-delivery-attempt": "1",
            SCHEME.header: sign(self._secrets[0], body, SCHEME),
        }

    def _event(self, named: _Named, body: dict[str, object], request: Request) -> Event:
        product, known = named.product, named.known
        found = body.get("data")
        data: dict[str, object] = found if isinstance(found, dict) else {}
        happened_at = moment(dig(data, known.time)) if known.time else None
        sent_at = moment(body.get("sentDate")) or moment(data.get("sentDate"))
        occurred_at = happened_at or sent_at
        learner = _first(data, named.learner, person)
        seller = _first(data, named.producer, _producer) or _bare_person(data, product.producer_id)
        course = _first(data, named.course, _course) or _bare_course(data, product.course_id)
        return Event(
            type=named.name,
            kind=known.kind if known.undone is None else _kind(known.kind, known.undone, data),
            id=delivery_key(body.get("id"), request.body),
            source=self.name,
            occurred_at=occurred_at or request.received_at,
            sent_at=sent_at,
            learner=learner,
            producer=seller,
            course=course,
            module=thing(data.get("module")),
            lesson=thing(data.get("lesson")),
            data=data,
            raw=body,
            finishes_course=known.kind == _LESSON_DONE and text(dig(data, _COURSE_PROGRESS)) == "100",
            test=is_activation_test(learner, seller, course, data, occurred_at, request.received_at),
        )


_Places = tuple[tuple[str, Path], ...]
"""Places in `data`, best first: a key, and the way from there."""


class _Named(Struct, frozen=True):
    """What an event's name means: its full name, and where its parts stand."""

    name: str
    product: Product
    known: Known
    learner: _Places
    producer: _Places
    course: _Places

    @classmethod
    def of(cls, name: str, product: Product, known: Known) -> _Named:
        parts = (product.learner, product.producer, product.course)
        return cls(name, product, known, *map(_split, parts))


def _split(places: Iterable[Path]) -> _Places:
    return tuple((str(place[0]), place[1:]) for place in places)


_NAMED = {name: _Named.of(name, PRODUCTS[name.partition(".")[0]], known) for name, known in EVENTS.items()}
_NAMED.update({alias: _NAMED[name] for alias, name in ALIASES.items()})


def _named(value: object) -> _Named | None:
    """Return what a name means, None for a ping or no name; an unknown one has itself as kind."""
    found = _NAMED.get(value) if isinstance(value, str) else None
    if found is not None:
        return found
    name = event_name(value)
    if name is None or name == PING:
        return None
    product = PRODUCTS.get(name.partition(".")[0], UNKNOWN)
    return _NAMED.get(name) or _Named.of(name, product, Known(name, "", product.time))


def _is_signed_ping(request: Request) -> bool:
    """Return what `_is_ping` does, of a body that has to be read anyway."""
    if len(request.body) > PING_BYTES:
        return False
    content = content_of(request)
    return isinstance(content, dict) and content.get("event") == PING


def _is_ping(body: bytes) -> bool:
    if len(body) > PING_BYTES or not _may_say(_PING_BYTES, body):
        return False
    envelope = read_object(body)
    return isinstance(envelope, dict) and envelope.get("event") == PING


def _may_say(quoted: bytes, body: bytes) -> bool:
    """Say whether JSON may hold a string of ASCII letters: as it is, or with some of them escaped.

    A search through bytes is cheaper than reading them, and nearly always says no.
    """
    # `in` would try the word as a number first, and throw an error away.
    if body.find(quoted) >= 0:
        return True
    escaped = body.find(b"\\")
    return escaped >= 0 and _ESCAPED_LETTER.search(body, escaped) is not None


def _kind(kind: str, undone: tuple[Path, str], data: Mapping[str, object]) -> str:
    path, opposite = undone
    holder = dig(data, path[:-1])
    if isinstance(holder, dict) and holder.get(path[-1], holder) in (None, ""):
        return opposite
    return kind


def _first(data: Mapping[str, object], places: _Places, read: Callable[[object], Part | None]) -> Part | None:
    for key, below in places:
        value = data.get(key)
        if below:
            value = dig(value, below)
        found = read(value)
        if found is not None:
            return found
        if isinstance(value, list) and value and (found := read(value[0])) is not None:
            return found
    return None


def _producer(value: object) -> Person | None:
    if not isinstance(value, dict):
        return None
    found = (value.get("id"), value.get("name"), value.get("email"))
    try:
        return _producers[found]
    except TypeError:  # an array or an object stands where a text should
        return made_person(*found)


def _bare_person(data: Mapping[str, object], place: Path | None) -> Person | None:
    bare = text(dig(data, place)) if place else None
    return Person(id=bare) if bare else None


def _course(value: object) -> Thing | None:
    if not isinstance(value, dict):
        return None
    ids = (value.get("hash"), value.get("id"), value.get("productId"))
    found = (*ids, value.get("title"), value.get("name"))
    try:
        return _courses[found]
    except TypeError:
        return made_thing(*found)


def _bare_course(data: Mapping[str, object], place: Path | None) -> Thing | None:
    bare = text(dig(data, place)) if place else None
    return Thing(id=bare) if bare else None


def _why_no_event(body: Mapping[str, object]) -> str:
    if event_name(body.get("event")) == PING:
        return "a ping, the console's connection test"
    if "event_name" in body or "trans_cod" in body:
        return "Eduzz's old webhook format; make a configuration in the Developer Hub (console.eduzz.com)"
    return "the object has no event name in 'event'"


def _hide_secrets(body: dict[str, object]) -> None:
    """Replace the account's own secret, which invoices carry in `data.producer`, wherever it stands."""
    left: list[object] = [body]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if value.get(_SECRET_KEY):
                value[_SECRET_KEY] = "***"
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
