"""What the admin pages and the API work with: the store, the operator, and names to choose from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Protocol, TypeVar

from msgspec import Struct, field

from bridge.clock import Clock
from bridge.core.rates import Rate
from bridge.core.suppressions import Scope, Source
from bridge.logs import Log
from bridge.pipeline.explaining import Explanation, Unexplained
from bridge.pipeline.told import Told
from bridge.store.claims import ClaimFilter
from bridge.store.database import Connection
from bridge.store.details import EventDetails
from bridge.web.configuration import Configuration
from bridge.web.counting import Answered

Result = TypeVar("Result")


class Store(Protocol):
    """What may be asked of the store: `bridge.store.database.Database`."""

    async def read(self, query: Callable[[Connection], Result]) -> Result:
        """Run a query on a connection that only reads."""
        ...


class Operates(Protocol):
    """What a person may do: `bridge.pipeline.operate.Operator`."""

    async def replay(self, seq: int) -> Told:
        """Take an event through the rules again."""
        ...

    async def retry(self, delivery_id: str) -> Told:
        """Try a delivery again, now."""
        ...

    async def discard(self, delivery_id: str, why: str) -> Told:
        """Give a delivery up for good."""
        ...

    async def release(self, delivery_id: str) -> Told:
        """Let a delivery's claim go."""
        ...

    async def release_all(self, wanted: ClaimFilter) -> int:
        """Let the claims go that a filter selects; returns how many."""
        ...

    async def pause(self, channel: str, why: str) -> Told:
        """Let a channel send nothing."""
        ...

    async def resume(self, channel: str) -> Told:
        """Let a channel send again."""
        ...

    async def pause_rule(self, rule: str, why: str) -> Told:
        """Keep what a rule makes."""
        ...

    async def resume_rule(self, rule: str) -> Told:
        """Send what a rule has kept, and let it work again."""
        ...

    async def discard_rule(self, rule: str) -> Told:
        """Give up what a rule has kept, and let it work again."""
        ...


class Suppresses(Protocol):
    """What an operator does with the suppression list: `bridge.pipeline.unsubscribing.Suppressor`."""

    def key(self, address: str) -> bytes:
        """Return the key under which an address is on the list."""
        ...

    async def add(self, address: str, why: str, scope: Scope = Scope.EVERYTHING) -> Told:
        """Put an address on the list."""
        ...

    async def remove(self, address: str, source: Source | None = None) -> Told:
        """Take an address off the list, for one reason or for all."""
        ...


class Explains(Protocol):
    """What explains a stored event: `bridge.pipeline.explaining.Explainer`."""

    async def explain(
        self, found: EventDetails, *, now: bool = False, rule: str | None = None
    ) -> Explanation | Unexplained:
        """Explain it as of then, or by the rules of now."""
        ...


class Arrived(Protocol):
    """A message at the sandbox: `bridge.sandbox.arrivals.Arrival`."""

    @property
    def number(self) -> int:
        """Its number, counted from 1."""
        ...

    @property
    def at(self) -> datetime:
        """When it arrived."""
        ...

    @property
    def kind(self) -> str:
        """`email`, `slack` or `webhook`."""
        ...

    @property
    def to(self) -> str:
        """Whom it reached."""
        ...

    @property
    def title(self) -> str:
        """Its subject or beginning."""
        ...

    @property
    def content(self) -> object:
        """A `Mail`, a `Chat`, or headers and text."""
        ...

    @property
    def raw(self) -> bytes:
        """Its bytes, as they arrived."""
        ...


class Mailbox(Protocol):
    """The sandbox's arrivals: `bridge.sandbox.arrivals.Arrivals`."""

    @property
    def total(self) -> int:
        """How many arrived so far."""
        ...

    def __iter__(self) -> Iterator[Arrived]:
        """The kept ones, oldest first."""
        ...

    def find(self, number: int) -> Arrived | None:
        """Return one by its number."""
        ...


class Desk(Struct, frozen=True, kw_only=True):
    """Everything behind the admin listener.

    `answered` says what senders were told.
    `channels` is the type of each configured channel by its name, `rates` are of those that have one.
    `formers` are the names that a rule had before, by its name of now.
    `sentences` are the rules in words: by the rule's name, then by locale; `locale` is the configured one.
    `mailbox` is there in the sandbox only.
    `configuration` says which one runs; `reload` loads its files, and says what came of it.
    """

    store: Store
    operator: Operates
    clock: Clock
    log: Log
    ready: Callable[[], bool]
    zone: tzinfo
    sources: tuple[str, ...] = ()
    answered: Callable[[], Sequence[Answered]] = tuple
    channels: Mapping[str, str] = field(default_factory=dict)
    rates: Mapping[str, Rate] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    formers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sentences: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    locale: str = "en"
    explainer: Explains | None = None
    suppressor: Suppresses | None = None
    mailbox: Mailbox | None = None
    configuration: Callable[[], Configuration] | None = None
    reload: Callable[[], Awaitable[Configuration]] | None = None
