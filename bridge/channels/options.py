"""What the options of all channels have in common: retries, time limit, concurrency, private addresses."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    WithJsonSchema,
)

from bridge.channels.base import ChannelPolicy
from bridge.channels.guard import AllowPrivate, normal_hosts
from bridge.core.backoff import RetryPolicy
from bridge.core.breaker import BreakerPolicy
from bridge.core.durations import EXPECTED, parse_duration
from bridge.core.quiet_hours import EXPECTED as EXPECTED_HOURS
from bridge.core.quiet_hours import Hours, parse_hours
from bridge.core.rates import EXPECTED as EXPECTED_RATE
from bridge.core.rates import Rate, parse_rate

LONGEST_TIMEOUT = timedelta(minutes=10)
LAST_WORD = timedelta(seconds=1)
"""How much later the pipeline's time limit comes than the channel's own, so that the channel has its say."""
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")


def _duration(value: object) -> timedelta:
    found = parse_duration(value) if isinstance(value, str) else value
    if not isinstance(found, timedelta) or not found:
        raise ValueError(f"expected {EXPECTED}")
    return found


def _rate(value: object) -> Rate:
    found = parse_rate(value) if isinstance(value, str) else value
    if not isinstance(found, Rate):
        raise ValueError(f"expected {EXPECTED_RATE}")  # noqa: TRY004 - pydantic's word for a wrong value
    return found


def _hours(value: object) -> Hours:
    found = parse_hours(value) if isinstance(value, str) else value
    if not isinstance(found, Hours):
        raise ValueError(f"expected {EXPECTED_HOURS}")  # noqa: TRY004 - pydantic's word for a wrong value
    return found


def _hours_or_false(value: object) -> Hours | Literal[False]:
    return False if value is False else _hours(value)


def _no_longer_than_allowed(value: timedelta) -> timedelta:
    if value > LONGEST_TIMEOUT:
        raise ValueError("is too long; expected at most 10min, since a delivery waits for it")
    return value


def _hosts(value: object) -> object:
    return (
        normal_hosts(value)
        if isinstance(value, list | tuple) and all(isinstance(host, str) for host in value)
        else value
    )


def _listed(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "examples": ["30s", "10min", "3d"]}),
]
"""A duration as people write it; from Python, a `timedelta` too."""
RateText = Annotated[
    Rate, PlainValidator(_rate), WithJsonSchema({"type": "string", "examples": ["1/s", "30/min", "500/h"]})
]
"""A rate as people write it."""
HoursText = Annotated[
    Hours, PlainValidator(_hours), WithJsonSchema({"type": "string", "examples": ["21:00-08:00"]})
]
"""Hours of the day as people write them."""
HoursOrFalse = Annotated[
    Hours | Literal[False],
    PlainValidator(_hours_or_false),
    WithJsonSchema({"anyOf": [{"type": "string", "examples": ["21:00-08:00"]}, {"const": False}]}),
]
"""The same, or false for none at all."""
Texts = {"type": "array", "items": {"type": "string"}}
"""JSON Schema of a list of texts."""
TextOrTexts = {"anyOf": [{"type": "string"}, Texts]}
"""JSON Schema of one text or a list of them."""


class Strict(BaseModel):
    """The base of all options: unknown keys are errors, and no error shows what was typed.

    Only whole configurations are checked, so parts get no checker of their own unless somebody asks.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, defer_build=True
    )


class RetryOptions(Strict):
    """When a delivery that failed is tried again."""

    waits: Annotated[tuple[Duration, ...], BeforeValidator(_listed), WithJsonSchema(Texts)] = Field(
        default=("10s", "30s", "2min", "10min", "30min", "1h", "2h", "4h", "8h"),
        validate_default=True,
        description="How long to wait after the first failure, the second, and so on; the last one repeats.",
    )
    limit: Duration = Field(
        default="3d", validate_default=True, description="How long after the first attempt to give up."
    )
    jitter: float = Field(
        default=0.25,
        ge=0,
        le=1,
        strict=False,
        description="The share of each wait that is added at random, so that not all come back at once.",
    )


class BreakerOptions(Strict):
    """When a channel pauses because its destination is down; its deliveries wait."""

    failures: int = Field(
        default=5,
        ge=1,
        le=1000,
        description="How many attempts in a row must fail by the destination's fault.",
    )
    pause: Duration = Field(
        default="30s", validate_default=True, description="How long to wait before one message is tried."
    )
    longest: Duration = Field(
        default="15min",
        validate_default=True,
        description="The pause doubles after each failed try, up to this.",
    )

    def policy(self) -> BreakerPolicy:
        """Return what the pipeline needs to know."""
        return BreakerPolicy(self.failures, self.pause, max(self.pause, self.longest))


class ChannelOptions(Strict):
    """What can be said of a channel of any type."""

    retry: RetryOptions = Field(
        default_factory=RetryOptions, description="When to try again after a failure."
    )
    timeout: Annotated[Duration, AfterValidator(_no_longer_than_allowed)] = Field(
        default="30s", validate_default=True, description="How long one attempt may take in all."
    )
    concurrency: int = Field(
        default=4, ge=1, le=64, description="How many messages may be under way at the same time."
    )
    rate: RateText | None = Field(
        default=None,
        description="How many messages may be sent, evenly spread: 1/s, 30/min, 500/h; the rest waits.",
    )
    breaker: BreakerOptions | Literal[False] = Field(
        default_factory=BreakerOptions,
        description="When to pause the channel while its destination is down; false: never.",
    )
    quiet_hours: HoursText | None = Field(
        default=None,
        description='Hours in which nothing is sent, by `timezone`: "21:00-08:00"; what is due then waits.',
    )
    allow_private: Annotated[
        AllowPrivate, BeforeValidator(_hosts, json_schema_input_type=bool | list[str])
    ] = Field(
        default=False,
        description="Reach private and loopback addresses: true, or a list of the hosts that may have one.",
    )

    def policy(self) -> ChannelPolicy:
        """Return what the pipeline needs to know."""
        retry = RetryPolicy(self.retry.waits, self.retry.limit, self.retry.jitter)
        breaker = self.breaker.policy() if self.breaker else None
        return ChannelPolicy(retry, self.timeout + LAST_WORD, self.concurrency, self.rate, breaker)


def is_header_text(text: str) -> bool:
    """Return whether a text can stand in an HTTP header as one word: visible ASCII only."""
    return bool(_VISIBLE.fullmatch(text))


def web_address(address: SecretStr | str) -> SplitResult:
    """Return the parts of an http or https address; raise ValueError with a sentence that hides it."""
    text = address.get_secret_value() if isinstance(address, SecretStr) else address
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or _BLANK.search(text):
        raise ValueError(
            "expected an address such as https://crm.example/hooks, without spaces or line breaks"
        )
    if parts.fragment:
        raise ValueError("an address to post to has no '#' part; remove it")
    return parts
