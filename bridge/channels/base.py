"""What a destination must be able to do: the contract of every file beside this one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar, Protocol, runtime_checkable

from msgspec import Struct
from pydantic import BaseModel, ConfigDict

from bridge.core.backoff import RetryPolicy
from bridge.core.breaker import BreakerPolicy
from bridge.core.messages import Message, Payload, Slot
from bridge.core.outcomes import Outcome
from bridge.core.problems import Path
from bridge.core.rates import Rate


class Limit(Struct, frozen=True):
    """A vendor's limit that `encode` keeps, with the page that states it."""

    what: str
    value: int
    source: str


class ChannelPolicy(Struct, frozen=True):
    """What the pipeline needs to know of any channel; without a `breaker` failures do not pause it."""

    retry: RetryPolicy
    timeout: timedelta
    concurrency: int
    rate: Rate | None = None
    breaker: BreakerPolicy | None = None


class Endpoints(Struct, frozen=True):
    """Where the sandbox's stand-ins listen: a mailbox, a Slack API and a place for webhooks."""

    smtp_url: str
    slack_api_url: str
    webhook_url: str


class Together(Struct, frozen=True, kw_only=True):
    """Paths whose values make messages belong together, and how, as in `core.rules.Thread`.

    Where nothing is `stored` of it, each message names its conversation by itself, as e-mails do.
    """

    by: tuple[str, ...]
    stored: bool = True
    edits: bool = False
    place: str = ""
    counts: tuple[tuple[str, str], ...] = ()


class ActionModel(BaseModel):
    """What an entry of `send:` may say for one type of channel, beyond naming it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)

    @abstractmethod
    def slots(self) -> dict[str, Slot]:
        """Return what must be rendered, by the name under which `encode` finds it in `Message.fields`."""

    def settings(self) -> dict[str, object]:
        """Return the plain settings that `encode` is given beside the message."""
        return {}

    def together(self) -> Together | None:
        """Return which messages continue each other; None where each stands by itself."""
        return None

    def is_for_the_team(self, channel: Mapping[str, object]) -> bool:  # noqa: ARG002  # says who reads it
        """Return whether those who run the courses read this message, and not a learner or a program.

        `channel` are its channel's options as written. They are told when it cannot be made.
        """
        return False

    def unfit(  # what is here fits everything
        self,
        channel: Mapping[str, object],  # noqa: ARG002
        top: Mapping[str, object],  # noqa: ARG002
    ) -> Iterator[tuple[Path, str]]:
        """Yield the place, below the action, of each thing that cannot be done, and a sentence on it.

        `channel` are its channel's options, `top` the whole configuration, both as written.
        """
        yield from ()


class Channel(Protocol):
    """A configured destination."""

    limits: ClassVar[tuple[Limit, ...]]

    @property
    def name(self) -> str:
        """The name under `channels:`."""
        ...

    @property
    def policy(self) -> ChannelPolicy:
        """Retries, time limit and how many deliveries may be under way at once."""
        ...

    def encode(self, message: Message, settings: Mapping[str, object]) -> Payload:
        """Make the bytes of every attempt; pure, cuts to `limits` and says so. Raises `Unencodable`."""
        ...

    async def send(self, payload: Payload, delivery_id: str) -> Outcome:
        """Try once; no sleep, no loop. Never raises but for cancellation; texts hold no secret."""
        ...

    async def open(self) -> None:
        """Get ready (sessions, connections are made lazily); called once before the first `send`."""
        ...

    async def close(self) -> None:
        """Give back every connection of its own; what channels share is closed with `Shared`."""
        ...


@runtime_checkable
class Prompt(Protocol):
    """What a channel can do beside, where a message needs no more than a connection that is at hand.

    Waiting for an answer in a task costs more than everything else about sending it.
    """

    def send_at_once(self, payload: Payload, delivery_id: str, told: Callable[[Any], None]) -> bool:
        """Try once without waiting, if that is possible now; say whether it was.

        If so, `told` is called once, later and within the channel's time limit, with what `outcome` reads.
        """
        ...

    def outcome(self, came: Any) -> Outcome:  # noqa: ANN401  # the channel's own
        """Return what an attempt came to."""
        ...


class Unencodable(Exception):
    """A rendered message this channel cannot send, for want of a recipient for example. Its text says why."""
