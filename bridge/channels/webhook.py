"""Webhooks to other systems: requests over HTTP, signed by Standard Webhooks.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from typing import ClassVar
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

import orjson
from msgspec.structs import replace

from bridge.channels.answers import failure, outcome_of, secrets_of, shown, spellings
from bridge.channels.base import ChannelPolicy, Limit, Unencodable
from bridge.channels.guard import is_allowed
from bridge.channels.http import Shared
from bridge.channels.options import web_address
from bridge.channels.posts import Form, answered, form, replied
from bridge.channels.presets import preset
from bridge.channels.webhook_answers import Judgement
from bridge.channels.webhook_options import BODILESS, LONGEST_PATH, WebhookOptions, signing_key
from bridge.channels.wire import Reply, Told
from bridge.core.messages import Document, Message, Payload
from bridge.core.outcomes import Delivered, Outcome, Rejected

SHORTEST_KEY = 8
"""Words of a header's value that are at least this long are taken for keys and hidden."""
TYPES = 16
"""For how many media types of bodies the beginning of a request is kept."""
_PLAIN = Judgement((range(200, 300),))
_OWN_WAY = frozenset({"method", "path", "query", "headers"})
"""What a payload may have that makes its request begin otherwise than the channel's others."""
_OWN_PLACE = frozenset({"path", "query"})
"""With what it goes to another place than the channel's others."""
_THING_GONE = "what is at the message's own `path` or `query` is gone for good"


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
        self._headers = {**_login(options), **_plain(options)}
        self._says_type = not any(name.lower() == "content-type" for name in self._headers)
        self._usual_form = lru_cache(TYPES)(partial(self._typed, self._made_form({})))
        self._preset = preset(options.preset) if options.preset else None
        judgement = options.judgement()
        self._judgement = None if judgement == _PLAIN else judgement
        words = (word for value in self._headers.values() for word in (value, *value.split()))
        url = options.url.get_secret_value()
        password = [options.basic.password.get_secret_value()] if options.basic else []
        long = (word for word in words if len(word) >= SHORTEST_KEY)
        self._hidden = spellings((*secrets_of(url), *long, *password))

    @property
    def policy(self) -> ChannelPolicy:
        """Retries, time limit and concurrency."""
        return self._options.policy()

    def encode(self, message: Message, settings: Mapping[str, object]) -> Payload:
        """Return the body as UTF-8, and beside it what the request has of its own.

        Raises `Unencodable` for a value that has no place where it stands.
        """
        own: dict[str, object] = {}
        if len(message.fields) > 1 or "json" not in message.fields:
            own |= _own_way(message.fields, str(settings.get("path_ends", "")))
        if "method" in settings:
            own["method"] = settings["method"]
        if "unsaid" in settings and str(own.get("method", self._options.method)) in BODILESS:
            return Payload(body=b"", meta=own)
        body, kind, cuts = self._content(message.fields)
        own["type"] = settings.get("type", kind)
        return Payload(body=body, meta=own, cuts=cuts)

    async def send(self, payload: Payload, delivery_id: str) -> Outcome:
        """Send once."""
        try:
            form, request = self._request(payload, delivery_id)
        except ValueError as error:
            return failure(error)
        found = self.outcome(await replied(self._shared.pool, form, request, limit_s=self._limit_s))
        if isinstance(found, Rejected) and found.gone and not _OWN_PLACE.isdisjoint(payload.meta):
            return replace(found, answer=_THING_GONE, gone=False)
        return found

    def send_at_once(self, payload: Payload, delivery_id: str, told: Told) -> bool:
        """Send once over a connection that is at hand; what is `told` is for `outcome`.

        Not what has a place of its own, of which `outcome` knows nothing.
        """
        if not _OWN_PLACE.isdisjoint(payload.meta):
            return False
        try:
            form, request = self._request(payload, delivery_id)
        except ValueError:
            return False  # `send` says why
        return self._shared.pool.exchange_at_once(form.place, request, self._limit_s, told)

    def outcome(self, came: Reply | Exception) -> Outcome:
        """Return what an answer means, or what came instead."""
        if isinstance(came, Exception):
            return failure(came)
        if self._judgement is None and 200 <= came.status < 300:
            return Delivered(came.status, shown(came.body, self._hidden))
        answer, now = answered(came, self._hidden), self._shared.clock.now()
        if self._judgement is None:
            return outcome_of(answer, now)
        return self._judgement.outcome(answer, came, now)

    async def open(self) -> None:
        """Nothing to open: the connections are shared, and made at first use."""

    async def close(self) -> None:
        """Nothing of its own to close."""

    def _content(self, fields: Mapping[str, object]) -> tuple[bytes, str, tuple[str, ...]]:
        """Return the body, its media type, and what was cut."""
        if "json" in fields:
            value = fields["json"]
            return _json(value if self._preset is None else self._always(value)), "application/json", ()
        if "body" in fields:
            return str(fields["body"]).encode("utf-8", "replace"), "text/plain; charset=utf-8", ()
        if "form" in fields:
            pairs = urlencode(list(_pairs(fields["form"])), errors="replace")
            return pairs.encode(), "application/x-www-form-urlencoded", ()
        value, cuts = self._said(fields)
        return _json(value), "application/json", cuts

    def _said(self, fields: Mapping[str, object]) -> tuple[object, tuple[str, ...]]:
        """Return the text in the structure of the preset."""
        found = fields["text"]
        text = str(found.text if isinstance(found, Document) else found).encode("utf-8", "replace").decode()
        if not text.strip():
            raise Unencodable("the text came out empty; check the template")
        known = self._preset
        if known is None or known.json is None:
            event = fields.get("event")
            return {"text": text, **(event if isinstance(event, dict) else {})}, ()
        short = known.limit.kept(text) if known.limit else text
        cuts = () if short == text else (f"text cut from {len(text):,} to {len(short):,} characters",)
        return self._always(known.structure(short, self._options.values)), cuts

    def _always(self, value: object) -> object:
        always = self._preset.always if self._preset else {}
        return {**always, **value} if always and isinstance(value, dict) else value

    def _request(self, payload: Payload, delivery_id: str) -> tuple[Form, bytes]:
        """Return one request and its form. Raises ValueError if it cannot be built."""
        meta, body = payload.meta, payload.body
        kind = meta.get("type")
        usual = _OWN_WAY.isdisjoint(meta)
        form = self._usual_form(kind) if usual else self._typed(self._made_form(meta), kind)
        if not delivery_id.isprintable():
            raise ValueError("a header is one line of text")
        lines = f"Idempotency-Key: {delivery_id}\r\n"
        if self._macs:
            lines += self._signed(body, delivery_id)
        return form, form.filled(lines, body)

    def _typed(self, form: Form, kind: object) -> Form:
        """Return a form whose requests say what their body is, unless the channel's headers do."""
        return form if kind is None or not self._says_type else form.with_type(str(kind))

    def _made_form(self, own: Mapping[str, object]) -> Form:
        url = self._options.url.get_secret_value()
        private = is_allowed(web_address(url).hostname or "", self._options.allow_private)
        more = own.get("headers")
        headers = {"User-Agent": self._shared.software, **(more if isinstance(more, dict) else {})}
        method = str(own.get("method", self._options.method))
        address = _extended(url, str(own.get("path", "")), str(own.get("query", "")))
        return form(method, address, {**headers, **self._headers}, private=private)

    def _signed(self, body: bytes, delivery_id: str) -> str:
        """Return the lines of a head that sign a request."""
        timestamp = str(int(self._shared.clock.now().timestamp()))
        content = f"{delivery_id}.{timestamp}.".encode() + body
        signatures = " ".join([f"v1,{_signature(mac, content)}" for mac in self._macs])
        return (
            f"webhook-id: {delivery_id}\r\n"
            f"webhook-timestamp: {timestamp}\r\n"
            f"webhook-signature: {signatures}\r\n"
        )


def _json(value: object) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError as error:
        raise Unencodable(f"the structure under `json` cannot be written as JSON: {error}") from None


def _login(options: WebhookOptions) -> dict[str, str]:
    if options.bearer is not None:
        return {"Authorization": f"Bearer {options.bearer.get_secret_value()}"}
    if options.basic is not None:
        words = f"{options.basic.user}:{options.basic.password.get_secret_value()}"
        return {
            "Authorization": "Basic " + base64.b64encode(words.encode("utf-8", "surrogateescape")).decode()
        }
    return {}


def _plain(options: WebhookOptions) -> dict[str, str]:
    return {name: value.get_secret_value() for name, value in options.headers.items()}


def _own_way(fields: Mapping[str, object], path_ends: str) -> Iterator[tuple[str, object]]:
    """Yield what a message says of its request: path, query, headers.

    `path_ends` is `open` for a path with values that ends with a slash, `closed` for one that does not.
    """
    if "path" in fields:
        yield "path", _path(str(fields["path"]), path_ends)
    if "query" in fields:
        query = urlencode(list(_pairs(fields["query"])), errors="replace")
        if len(query) > LONGEST_PATH:
            raise Unencodable(f"the query came out longer than {LONGEST_PATH:,} characters")
        yield "query", query
    prefix = "header."
    headers = {
        name.removeprefix(prefix): str(value) for name, value in fields.items() if name.startswith(prefix)
    }
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise Unencodable(
                f"the header {name} came out with letters that headers cannot carry; send it in the body"
            )
    if headers:
        yield "headers", headers


def _path(path: str, ends: str) -> str:
    """Return a path that stays below the channel's own, and names one thing where it has values."""
    parts = [unquote(part) for part in path.split("/")[1:]]
    if any(part in (".", "..") for part in parts):
        raise Unencodable("`path` came out with '.' or '..' for a part, which would lead elsewhere")
    if ends and not all(part.strip() for part in (parts[:-1] if ends == "open" else parts)):
        raise Unencodable("`path` came out with a part that is empty, which may mean all there is")
    if len(path) > LONGEST_PATH:
        raise Unencodable(f"`path` came out longer than {LONGEST_PATH:,} characters")
    return path


def _pairs(fields: object) -> Iterator[tuple[str, str]]:
    """Yield the fields of a form or a query; a list gives its field several times, null leaves it out."""
    for name, value in fields.items() if isinstance(fields, dict) else ():
        for each in value if isinstance(value, list) else [value]:
            match each:
                case None:
                    continue
                case bool():
                    yield str(name), "true" if each else "false"
                case str() | int() | float():
                    yield str(name), str(each)
                case dict() | list():
                    raise Unencodable(f"the field '{name}' came out as a group of values; name one of them")
                case _:
                    yield str(name), orjson.dumps(each, option=orjson.OPT_UTC_Z).decode().strip('"')


def _extended(url: str, path: str, query: str) -> str:
    """Return an address with more path and query; its host stays what the configuration says."""
    if not (path or query):
        return url
    parts = urlsplit(url)
    joined = parts.path.rstrip("/") + path if path else parts.path
    asked = "&".join(filter(None, (parts.query, query)))
    return urlunsplit((parts.scheme, parts.netloc, joined, asked, ""))


def _signature(mac: hmac.HMAC, content: bytes) -> str:
    """Return a signature in base64; `mac` holds a key and nothing else, and stays that way."""
    signing = mac.copy()
    signing.update(content)
    return binascii.b2a_base64(signing.digest(), newline=False).decode("ascii")
