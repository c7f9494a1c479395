"""An index over the conditions of many rules: which of them an event can meet, without trying each.

Every rule is filed under its most selective anchor. The cost of a question grows with the number of
different paths that rules are filed under and with the number of candidates, not with the number of rules.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal

from msgspec import Struct, field

from bridge.core.anchors import Anchor, Begins, Choice, Ends, Key, OneOf, Within, anchors_of, keys_of_value
from bridge.core.conditions import Condition
from bridge.core.events import Facts
from bridge.core.paths import FactPath
from bridge.core.values import number, text_of


class Index:
    """Files conditions by number once, then finds those that an event can meet."""

    def __init__(self, conditions: Sequence[tuple[int, Condition]]) -> None:
        """`conditions` are (number, condition); the numbers are what `collect` adds."""
        choices = [(name, anchors_of(condition)) for name, condition in conditions]
        crowd = Counter(place for _, found in choices for choice in found for place in _places(choice))
        self._always: list[int] = []
        self._fields: dict[str, _Field] = {}
        for name, found in choices:
            if found:
                self._file(name, min(found, key=lambda choice: _crowding(choice, crowd)))
            else:
                self._always.append(name)
        for held in self._fields.values():
            held.spans.build()

    def collect(self, facts: Facts, found: set[int]) -> None:
        """Add the numbers of all conditions that may hold; no other can."""
        if self._always:
            found.update(self._always)
        for held in self._fields.values():
            values = held.path.values(facts)
            if values:
                held.collect(values, found)

    def _file(self, name: int, choice: Choice) -> None:
        for anchor in choice:
            held = self._fields.get(anchor.path.text)
            if held is None:
                held = self._fields[anchor.path.text] = _Field(anchor.path)
            held.file(name, anchor)


class _Field(Struct):
    """All rules filed under one path."""

    path: FactPath
    equal: dict[Key, list[int]] = field(default_factory=dict)
    begins: dict[str, list[int]] = field(default_factory=dict)
    ends: dict[str, list[int]] = field(default_factory=dict)
    begin_lengths: set[int] = field(default_factory=set)
    end_lengths: set[int] = field(default_factory=set)
    spans: _Spans = field(default_factory=lambda: _Spans())  # noqa: PLW0108 - the class stands below

    def file(self, name: int, anchor: Anchor) -> None:
        match anchor:
            case OneOf(keys=keys):
                for key in keys:
                    self.equal.setdefault(key, []).append(name)
            case Begins(prefixes=prefixes):
                for prefix in prefixes:
                    self.begins.setdefault(prefix, []).append(name)
                    self.begin_lengths.add(len(prefix))
            case Ends(suffixes=suffixes):
                for suffix in suffixes:
                    self.ends.setdefault(suffix, []).append(name)
                    self.end_lengths.add(len(suffix))
            case Within(low=low, high=high):
                self.spans.add(low, high, name)

    def collect(self, values: Sequence[object], found: set[int]) -> None:
        if self.equal:
            for value in values:
                for key in keys_of_value(value):
                    if (equal := self.equal.get(key)) is not None:
                        found.update(equal)
        if self.begin_lengths or self.end_lengths:
            for value in values:
                self._collect_text(text_of(value), found)
        if self.spans.added:
            for value in values:
                self.spans.collect(number(value), found)

    def _collect_text(self, text: str | None, found: set[int]) -> None:
        if text is None:
            return
        for length in self.begin_lengths:
            if (beginning := text[:length]) in self.begins:
                found.update(self.begins[beginning])
        for length in self.end_lengths:
            if (end := text[-length:]) in self.ends:
                found.update(self.ends[end])


class _Spans:
    """Number ranges in a centred interval tree: a question costs a logarithm, plus its answers."""

    def __init__(self) -> None:
        self.added: list[_Span] = []
        self._root: _Node | None = None

    def add(self, low: Decimal | None, high: Decimal | None, name: int) -> None:
        self.added.append(_Span(_LOWEST if low is None else low, _HIGHEST if high is None else high, name))

    def build(self) -> None:
        self._root = _node(self.added)

    def collect(self, value: Decimal | None, found: set[int]) -> None:
        if value is None:
            return
        node = self._root
        while node is not None:
            found.update(node.at(value))
            node = node.left if value < node.centre else node.right if value > node.centre else None


class _Span(Struct, frozen=True):
    low: Decimal
    high: Decimal
    name: int


class _Node(Struct, frozen=True):
    """The spans over `centre`, sorted by each end, and the nodes of those that lie below and above."""

    centre: Decimal
    lows: list[Decimal]
    by_low: list[int]
    highs: list[Decimal]
    by_high: list[int]
    left: _Node | None
    right: _Node | None

    def at(self, value: Decimal) -> list[int]:
        if value <= self.centre:
            return self.by_low[: bisect_right(self.lows, value)]
        return self.by_high[bisect_left(self.highs, value) :]


_LOWEST, _HIGHEST = Decimal("-Infinity"), Decimal("Infinity")


def _node(spans: list[_Span]) -> _Node | None:
    if not spans:
        return None
    centre = _centre(spans)
    here = [span for span in spans if span.low <= centre <= span.high]
    by_low = sorted(here, key=lambda span: span.low)
    by_high = sorted(here, key=lambda span: span.high)
    return _Node(
        centre,
        [span.low for span in by_low],
        [span.name for span in by_low],
        [span.high for span in by_high],
        [span.name for span in by_high],
        _node([span for span in spans if span.high < centre]),
        _node([span for span in spans if span.low > centre]),
    )


def _centre(spans: list[_Span]) -> Decimal:
    """Return the median of the finite ends, so that at least one span lies over it."""
    ends = sorted(end for span in spans for end in (span.low, span.high) if end.is_finite())
    return ends[len(ends) // 2]


def _places(choice: Choice) -> Iterator[tuple[str, object]]:
    """Yield where a choice would file its rule, for counting how many share the place."""
    for anchor in choice:
        match anchor:
            case OneOf(path=path, keys=keys):
                yield from ((path.text, key) for key in keys)
            case Begins(path=path, prefixes=texts) | Ends(path=path, suffixes=texts):
                yield from ((path.text, text) for text in texts)
            case Within(path=path):
                yield (path.text, "numbers")


def _crowding(choice: Choice, crowd: Counter[tuple[str, object]]) -> int:
    return max(crowd[place] for place in _places(choice))
