"""Column types that both databases store alike: instants, ids, JSON, and text that came from outside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import BigInteger, Dialect, Integer, LargeBinary, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Seq = BigInteger().with_variant(Integer, "sqlite")
"""A number counted up by the database; SQLite counts only in columns it calls INTEGER."""


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored as microseconds since 1970 and given back in UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> int | None:
        """Return the number to store; raises ValueError for a datetime without a time zone."""
        return None if value is None else self.stored(value)

    @staticmethod
    def stored(value: datetime) -> int:
        """Return the number to store for a value."""
        try:
            since = value - EPOCH
        except TypeError:
            raise ValueError(f"{value!r} has no time zone; the store takes aware datetimes only") from None
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds

    def process_result_value(self, value: int | None, _dialect: Dialect) -> datetime | None:
        """Return the stored instant in UTC."""
        return None if value is None else self.read(value)

    @staticmethod
    def read(stored: int) -> datetime:
        """Return the instant of a stored number, in UTC."""
        return EPOCH + timedelta(microseconds=stored)


class Instants:
    """Converts instants of which one and the same often comes several times running."""

    __slots__ = ("_last", "_stored")

    def __init__(self) -> None:
        self._last, self._stored = EPOCH, 0

    def stored(self, value: datetime) -> int:
        """Return the number to store for a value."""
        if value != self._last:
            self._last, self._stored = value, Instant.stored(value)
        return self._stored


class HexId(TypeDecorator[str]):
    """32 hex characters, stored as their 16 bytes: half the size of every index on them."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> bytes | None:
        """Return the bytes to store; raises ValueError for anything but 32 hex characters."""
        return None if value is None else bytes(self.stored(value))

    @staticmethod
    def stored(value: str) -> bytearray:
        """Return the bytes to store for a value."""
        raw = bytearray.fromhex(value)
        if len(raw) != 16:
            raise ValueError(f"a delivery's id is 32 hex characters, not {value!r}")
        return raw

    def process_result_value(self, value: bytes | None, _dialect: Dialect) -> str | None:
        """Return the stored id in lower-case hex."""
        return None if value is None else bytes(value).hex()


class Json(TypeDecorator[object]):
    """Plain JSON values, stored as ASCII text.

    ASCII, because a header or a name may hold lone surrogates and NUL, which are legal JSON escapes but
    illegal in a database's text.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: object, _dialect: Dialect) -> str | None:
        """Return the text to store."""
        return None if value is None else self.stored(value)

    @staticmethod
    def stored(value: object) -> str:
        """Return the text to store for a value."""
        try:
            quick = orjson.dumps(value)
        except orjson.JSONEncodeError:  # lone surrogates, numbers beyond 64 bits
            return _ENCODE(value)
        return quick.decode() if quick.isascii() else _ENCODE(value)

    def process_result_value(self, value: str | None, _dialect: Dialect) -> object:
        """Return the stored value."""
        return None if value is None else self.read(value)

    @staticmethod
    def read(stored: str) -> Any:  # noqa: ANN401 - whatever was stored
        """Return the value of a stored text."""
        return json.loads(stored)

    @staticmethod
    def read_texts(stored: str) -> Mapping[str, str]:
        """Return the value of a stored text in which there are no numbers, with less work."""
        found: Mapping[str, str]
        try:
            found = orjson.loads(stored)
        except orjson.JSONDecodeError:  # lone surrogates
            found = json.loads(stored)
        return found


_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


class Words(TypeDecorator[str]):
    """Text from outside, made storable, cut to `limit` characters, and compared by its bytes.

    Lone surrogates become `?` and NUL becomes U+FFFD: PostgreSQL refuses both, and what a sender wrote must
    not become an error of ours. The same happens to text that is searched for, so that it is found.
    """

    impl = Text
    cache_ok = True

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """Return plain text; on PostgreSQL with the order of its bytes, which is SQLite's own."""
        return Text(collation="C" if dialect.name == "postgresql" else None)

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Return the text to store."""
        return None if value is None else self.stored(value)

    def stored(self, value: str) -> str:
        """Return the text to store for a value."""
        if len(value) <= self.limit and value.isascii() and "\0" not in value:
            return value  # as nearly all is
        return storable(value)[: self.limit]


def storable(text: str) -> str:
    """Return `text` without the characters that a database's text cannot hold."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def folded(email: str) -> str:
    """Return an e-mail address as the store compares it: trimmed, in lower case."""
    return email.strip().lower()
