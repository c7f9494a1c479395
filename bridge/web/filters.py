"""What a list should show: read from a query string, for pages and API alike, and written back into links."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Generic, TypeVar
from urllib.parse import urlencode

from msgspec import Struct, field

from bridge.core.durations import parse_duration
from bridge.core.outcomes import State
from bridge.core.suppressions import Scope, Source
from bridge.store.claims import CLAIM_STATES, ClaimFilter, ClaimRow
from bridge.store.suppressions import SuppressionFilter, SuppressionRow
from bridge.store.views import DeliveryFilter, DeliveryRow, EventFilter, EventRow

EVENT_STATES = ("new", "done", "parked")
EVENT_WORDS = ("state", "source", "type", "learner", "since", "until")
CLAIM_WORDS = ("rule", "action", "state", "text", "since", "until")
SUPPRESSION_WORDS = ("address", "source", "scope", "since", "until")
DELIVERY_WORDS = ("state", "channel", "rule", "type", "learner", "since", "until")
PAGE = 50
LARGEST_PAGE = 500
_LARGEST = 2**63 - 1
_TIME = "expected a time ago such as 2h or 7d, or a date such as 2026-11-23 or 2026-11-23 18:00"

Value = TypeVar("Value")
Row = TypeVar("Row", EventRow, DeliveryRow, ClaimRow, SuppressionRow, EventRow | DeliveryRow)


class Page(Struct, Generic[Row], frozen=True):
    """What to show of a list; `before` leads to the next page, if there is one."""

    rows: Sequence[Row]
    before: int | str | None


class Query(Struct):
    """A query string being read; problems are collected, and a value with a problem is left out.

    `size` is how many rows a page has.
    """

    given: Mapping[str, str]
    now: datetime
    zone: tzinfo
    problems: list[str] = field(default_factory=list)
    size: int = PAGE

    def events(self) -> EventFilter:
        """Return the filter of a list of events."""
        self._refuse_unknown(EVENT_WORDS)
        return EventFilter(
            state=self._read("state", _one_of(EVENT_STATES)),
            source=self._read("source", str),
            type=self._read("type", str),
            learner=self._read("learner", str),
            since=self._read("since", self._moment),
            until=self._read("until", self._moment),
            before=self._read("before", _number(_LARGEST)),
            limit=self._limit(),
        )

    def deliveries(self) -> DeliveryFilter:
        """Return the filter of a list of deliveries."""
        self._refuse_unknown(DELIVERY_WORDS)
        state = self._read("state", _one_of(tuple(State)))
        return DeliveryFilter(
            state=State(state) if state else None,
            channel=self._read("channel", str),
            rule=self._read("rule", str),
            type=self._read("type", str),
            learner=self._read("learner", str),
            since=self._read("since", self._moment),
            until=self._read("until", self._moment),
            before=self._read("before", _number(_LARGEST)),
            limit=self._limit(),
        )

    def claims(self, formers: Mapping[str, tuple[str, ...]]) -> ClaimFilter:
        """Return the filter of a list of claims; `formers` are the names that rules had before."""
        self._refuse_unknown(CLAIM_WORDS)
        rule, action = self._read("rule", str), self._read("action", str)
        state = self._read("state", _one_of(CLAIM_STATES))
        return ClaimFilter(
            rules=(rule, *formers.get(rule, ())) if rule else (),
            actions=(action,) if action else (),
            state=next((each for each in CLAIM_STATES if each == state), None),
            text=self._read("text", str),
            since=self._read("since", self._moment),
            until=self._read("until", self._moment),
            before=self._read("before", _delivery_id),
            limit=self._limit(),
        )

    def suppressions(self, key: Callable[[str], bytes] | None) -> SuppressionFilter:
        """Return the filter of the list of suppressions; `key` returns that of an address."""
        self._refuse_unknown(SUPPRESSION_WORDS)
        source = self._read("source", _one_of(tuple(Source), "source"))
        scope = self._read("scope", _one_of(tuple(Scope), "scope"))
        address = self._read("address", str)
        return SuppressionFilter(
            source=Source(source) if source else None,
            scope=Scope(scope) if scope else None,
            key=key(address) if key and address else None,
            address=address,
            since=self._read("since", self._moment),
            until=self._read("until", self._moment),
            before=self._read("before", _number(_LARGEST)),
            limit=self._limit(),
        )

    def page(self, rows: Sequence[Row]) -> Page[Row]:
        """Return what to show of the rows listed: the filter asks for one more than fits on a page."""
        shown = rows[: self.size]
        return Page(shown, _mark(shown[-1]) if len(rows) > self.size else None)

    def _limit(self) -> int:
        self.size = self._read("limit", _number(LARGEST_PAGE)) or PAGE
        return self.size + 1

    def _read(self, name: str, read: Callable[[str], Value]) -> Value | None:
        text = self.given.get(name, "").strip()
        if not text:
            return None
        try:
            return read(text)
        except (ValueError, OverflowError) as error:
            self.problems.append(f"{name}: {error}")
            return None

    def _refuse_unknown(self, words: tuple[str, ...]) -> None:
        known = {*words, "before", "limit"}
        self.problems += [f"{name[:40]}: there is no such filter" for name in self.given if name not in known]

    def _moment(self, text: str) -> datetime:
        ago = parse_duration(text)
        try:
            if ago is not None:
                return self.now - ago
            at = datetime.fromisoformat(text)
            return (at if at.tzinfo else at.replace(tzinfo=self.zone)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError(f"'{text[:40]}' is no point in time; {_TIME}") from None


def page_link(path: str, given: Mapping[str, str], **changes: object) -> str:
    """Return a link to `path` with the query as given, less empty words, and with some changed."""
    query = {**given, **{name: str(value) for name, value in changes.items()}}
    text = urlencode({name: value for name, value in query.items() if value}, errors="replace")
    return f"{path}?{text}" if text else path


def _one_of(words: tuple[str, ...], what: str = "state") -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"'{text[:40]}' is no {what}; expected one of {', '.join(words)}")
        return text

    return read


def _mark(row: EventRow | DeliveryRow | ClaimRow | SuppressionRow) -> int | str:
    """Return what the next page begins behind."""
    return row.delivery_id if isinstance(row, ClaimRow) else row.seq


def _delivery_id(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{32}", text):
        raise ValueError(f"'{text[:40]}' is not the id of a delivery, 32 hex characters")
    return text


def _number(largest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) <= largest):
            raise ValueError(f"'{text[:40]}' is not a whole number from 1 to {largest}")
        return int(text)

    return read
