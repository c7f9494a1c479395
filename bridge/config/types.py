"""Values of the configuration that are more than text: addresses, time zones, durations, names."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from datetime import time
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from msgspec import Struct
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    WithJsonSchema,
)

from bridge.core.problems import describe, did_you_mean
from bridge.core.values import fold

_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[\w.-]+)):(?P<port>\d{1,5})")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
_STORES = ("sqlite", "postgresql")


class Address(Struct, frozen=True):
    """Where to listen; port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return `host:port` as it is written in the configuration."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise ValueError(f"expected a network such as 10.0.0.0/8, not {describe(value)}") from None


def _address(value: object) -> Address:
    found = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found["port"]) > 65535:
        raise ValueError(f"expected an address and a port such as 127.0.0.1:8080, not {describe(value)}")
    return Address(found["six"] or found["host"], int(found["port"]))


def _zone(value: object) -> ZoneInfo:
    try:
        return ZoneInfo(value if isinstance(value, str) else "")
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        near = did_you_mean(value, zoneinfo.available_timezones()) if isinstance(value, str) else ""
        expected = near or "; expected a name such as America/Sao_Paulo"
        raise ValueError(f"{describe(value)} is no time zone{expected}") from None


def _time_of_day(value: object) -> time:
    if isinstance(value, time):
        return value
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise ValueError(f'expected a time of the day such as "18:00", not {describe(value)}')
    return time(int(found[1]), int(found[2]))


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


def _name(value: str) -> str:
    if re.fullmatch(_NAME, value):
        return value
    better = _NOT_IN_NAME.sub("-", fold(value)).strip("-_")[:64]
    hint = f", did you mean '{better}'?" if better else ""
    raise ValueError(f"a name holds letters without accents, digits, - and _ (at most 64){hint}")


def _web_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        good = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and not parts.query
            and not parts.fragment
        )
    except ValueError:
        good = False
    if not good:
        raise ValueError(f"expected an address such as https://bridge.escola.example, not {describe(value)}")
    return value.rstrip("/")


def _store(value: SecretStr) -> SecretStr:
    scheme, separator, _ = value.get_secret_value().partition("://")
    if not separator or scheme not in _STORES:
        hint = did_you_mean(scheme, _STORES)
        raise ValueError(f"expected sqlite:///bridge.db or postgresql://user@host/database{hint}")
    return value


def _empty_is_unset(value: object) -> object:
    return None if value == "" else value


Name = Annotated[str, AfterValidator(_name), WithJsonSchema({"type": "string", "pattern": _NAME})]
"""A name that also stands in addresses, listings and metrics."""
ListenAddress = Annotated[
    Address,
    PlainValidator(_address),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["127.0.0.1:8081"]}),
]
Zone = Annotated[
    ZoneInfo, PlainValidator(_zone), WithJsonSchema({"type": "string", "examples": ["America/Sao_Paulo"]})
]
TimeOfDay = Annotated[
    time, PlainValidator(_time_of_day), WithJsonSchema({"type": "string", "examples": ["18:00"]})
]
WebAddress = Annotated[str, AfterValidator(_web_address)]
StoreAddress = Annotated[SecretStr, AfterValidator(_store)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_empty_is_unset)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], Field(strict=False)]
Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[tuple[str, ...], Field(strict=False)]
OneOrMore = Annotated[
    tuple[str, ...],
    BeforeValidator(_one_or_more),
    Field(min_length=1),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
    ),
]
